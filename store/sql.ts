/** A value of a row. Numbers are whole and safe; bytes come back as a Buffer. */
export type SqlValue = string | number | Uint8Array | null;

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, SqlValue>>;

/**
 * One statement in the SQL that SQLite and PostgreSQL share. Each `?` in the text stands for one of the values, in order; the
 * text has no other question mark.
 */
export interface Statement {
  text: string;
  values?: readonly SqlValue[];
}

/** A database of ours with its tables made. Every failure is a `StoreProblem`. */
export interface Sql {
  read(statement: Statement): Promise<Row[]>;
  /** Carries out all of the statements or none, and resolves once that is on the disk: how many rows each one changed. */
  write(statements: readonly Statement[]): Promise<number[]>;
  /** Gives the room of what was removed back to the disk. */
  tidy(): Promise<void>;
  /** Lets what was asked for finish, then closes. */
  close(): Promise<void>;
}
