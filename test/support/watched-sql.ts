import type { Row, Sql, Statement } from "../../store/sql.ts";

/** A database that notes each statement that it is asked to read, and how long its answer is. */
export class WatchedSql implements Sql {
  readonly statements: Statement[] = [];
  /** Characters of the longest answer. */
  longest = 0;
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async read(statement: Statement): Promise<Row[]> {
    this.statements.push(statement);
    const rows = await this.#sql.read(statement);
    this.longest = Math.max(this.longest, JSON.stringify(rows).length);
    return rows;
  }

  write(statements: readonly Statement[]): Promise<number[]> {
    return this.#sql.write(statements);
  }

  tidy(): Promise<void> {
    return this.#sql.tidy();
  }

  close(): Promise<void> {
    return this.#sql.close();
  }
}
