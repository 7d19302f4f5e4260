import { randomUUID } from "node:crypto";
import type { Row, Sql, SqlValue, Statement } from "./sql.ts";
import { StoreProblem } from "./store-problem.ts";

/** The two arrays of lines that a run has (M-36). */
export type OutputStream = "stdout" | "stderr";

/** Both of them. */
export const OUTPUT_STREAMS: readonly OutputStream[] = ["stdout", "stderr"];

/** What an array ends with whose further lines are left out (M-37). */
export const TRUNCATED = "[output truncated]";

/** A line without its end. */
export interface OutputLine {
  stream: OutputStream;
  text: string;
}

/** How far a source of lines has been stored. `inside`: within a line whose beginning is stored and whose rest is left out. */
export interface SourcePosition {
  bytes: number;
  inside: boolean;
}

/** Where every source begins. */
export const BEGINNING: SourcePosition = { bytes: 0, inside: false };

/** What is stored together, or not at all. */
export interface OutputBatch {
  lines: readonly OutputLine[];
  /** Where the lines come from: nothing is stored unless the source stands at `from`; it stands at `to` then. */
  source?: { name: string; from: SourcePosition; to: SourcePosition };
  /** The command has said that its goal is reached (M-52). */
  goal?: boolean;
}

/** A line and its place in its array, counted from 1. */
export interface NumberedLine {
  number: number;
  text: string;
}

/** How many lines there are, and whether a command has said that its goal is reached. */
export interface OutputState {
  stdout: number;
  stderr: number;
  goal: boolean;
}

interface Known extends OutputState {
  /** Undefined where there is no row yet. */
  token: string | undefined;
  position: SourcePosition;
}

/** Rows that one statement writes. */
const AT_ONCE = 200;
/** Lines that one reading may bring: of the largest, that is 4 MiB. */
const PAGE_LINES = 256;
/** Writers of other processes may be faster that often. */
const TRIES = 50;

/**
 * The output of MLBench's runs, by the number of the run. Lines and how far their source was read are stored in one transaction, so that whoever goes
 * on after a break neither loses nor doubles any (M-51). Rejects with a `StoreProblem`.
 */
export class MlbenchOutput {
  readonly #sql: Sql;
  readonly #maxLines: number;
  readonly #turns = new Map<number, Promise<void>>();

  /** `maxLines`: how many lines an array keeps (M-37); one more says that there were others. */
  constructor(sql: Sql, maxLines: number) {
    this.#sql = sql;
    this.#maxLines = maxLines;
  }

  /**
   * Adds lines to the arrays of a run, in their order. `moved`: the source does not stand where the batch begins, because somebody else has stored
   * lines of it, or this batch; nothing is stored then.
   */
  async append(run: number, batch: OutputBatch): Promise<"stored" | "moved"> {
    return await this.#inTurn(run, async () => {
      for (let tries = 0; tries < TRIES; tries++) {
        const known = await this.#known(run, batch.source?.name);
        if (batch.source !== undefined && !isSame(known.position, batch.source.from)) return "moved";
        const [changed] = await this.#sql.write(statementsOf(run, batch, known, this.#maxLines));
        if (changed === 1) return "stored";
      }
      throw new StoreProblem(
        "busy",
        `the output of run ${run} could not be stored: other processes write it all the time`,
      );
    });
  }

  /** How far a source of lines has been stored. */
  async position(run: number, source: string): Promise<SourcePosition> {
    return (await this.#known(run, source)).position;
  }

  /** What is there of a run; nothing is there of one that is unknown. */
  async state(run: number): Promise<OutputState> {
    const { stdout, stderr, goal } = await this.#known(run, undefined);
    return { stdout, stderr, goal };
  }

  /** Some lines of an array after that number, in order; none if there are no more. */
  async readFrom(run: number, stream: OutputStream, after: number): Promise<NumberedLine[]> {
    const rows = await this.#sql.read({
      text: `SELECT number, text FROM mlbench_output_line
        WHERE run = ? AND stream = ? AND number > ? ORDER BY number LIMIT ${PAGE_LINES}`,
      values: [run, stream, after],
    });
    return rows.map(({ number, text }) => ({ number: Number(number), text: String(text) }));
  }

  /** All lines of an array as they are now, without ever holding all of them. */
  async *lines(run: number, stream: OutputStream): AsyncGenerator<NumberedLine> {
    const last = (await this.state(run))[stream];
    for (let at = 0; at < last; ) {
      const page = await this.readFrom(run, stream, at);
      const end = page.at(-1)?.number;
      // The run has been forgotten meanwhile.
      if (end === undefined) return;
      for (const line of page) if (line.number <= last) yield line;
      at = end;
    }
  }

  /** The numbers of all runs of which something is kept. */
  async runs(): Promise<number[]> {
    const rows = await this.#sql.read({ text: "SELECT run FROM mlbench_output ORDER BY run" });
    return rows.map(({ run }) => Number(run));
  }

  /** Forgets what a run has written. */
  async drop(run: number): Promise<void> {
    const values = [run];
    await this.#inTurn(run, () =>
      this.#sql.write([
        // First, so that a writer that comes late has to wait, and finds nothing that it knows.
        { text: "DELETE FROM mlbench_output WHERE run = ?", values },
        { text: "DELETE FROM mlbench_output_line WHERE run = ?", values },
        { text: "DELETE FROM mlbench_output_source WHERE run = ?", values },
      ]),
    );
  }

  async #known(run: number, source: string | undefined): Promise<Known> {
    const [row] = await this.#sql.read({
      text: `SELECT stdout_lines, stderr_lines, goal, token, bytes, inside FROM mlbench_output
        LEFT JOIN mlbench_output_source ON mlbench_output_source.run = mlbench_output.run AND source = ?
        WHERE mlbench_output.run = ?`,
      values: [source ?? "", run],
    });
    return knownOf(row);
  }

  /** Writes of this process wait for each other, so that they do not have to be repeated. */
  async #inTurn<T>(run: number, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(run) ?? Promise.resolve();
    const result = before.then(work);
    const turn = result.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(run, turn);
    try {
      return await result;
    } finally {
      if (this.#turns.get(run) === turn) this.#turns.delete(run);
    }
  }
}

function knownOf(row: Row | undefined): Known {
  if (row === undefined) return { stdout: 0, stderr: 0, goal: false, token: undefined, position: BEGINNING };
  return {
    stdout: Number(row.stdout_lines),
    stderr: Number(row.stderr_lines),
    goal: row.goal === 1,
    token: String(row.token),
    position: row.bytes == null ? BEGINNING : { bytes: Number(row.bytes), inside: row.inside === 1 },
  };
}

/** The first statement takes the run's row from where it is known to stand; all others do something only if it did. */
function statementsOf(run: number, { lines, source, goal }: OutputBatch, known: Known, maxLines: number): Statement[] {
  const counts = { stdout: known.stdout, stderr: known.stderr };
  const rows: [OutputStream, number, string][] = [];
  for (const { stream, text } of lines) {
    if (counts[stream] > maxLines) continue;
    counts[stream] += 1;
    rows.push([stream, counts[stream], counts[stream] > maxLines ? TRUNCATED : text]);
  }
  const token = randomUUID();
  const values: SqlValue[] = [counts.stdout, counts.stderr, Number(known.goal || goal === true), token];
  const take: Statement =
    known.token === undefined
      ? {
          text: `INSERT INTO mlbench_output (stdout_lines, stderr_lines, goal, token, run) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (run) DO NOTHING`,
          values: [...values, run],
        }
      : {
          text: `UPDATE mlbench_output SET stdout_lines = ?, stderr_lines = ?, goal = ?, token = ?
            WHERE run = ? AND token = ?`,
          values: [...values, run, known.token],
        };
  const isTaken = "EXISTS (SELECT 1 FROM mlbench_output WHERE run = ? AND token = ?)";
  const statements = [take];
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    const some = rows.slice(at, at + AT_ONCE);
    const row = "(CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT))";
    statements.push({
      text: `INSERT INTO mlbench_output_line (run, stream, number, text)
        SELECT * FROM (VALUES ${some.map(() => row).join(", ")}) AS written WHERE ${isTaken}`,
      values: [...some.flatMap((values): SqlValue[] => [run, ...values]), run, token],
    });
  }
  if (source !== undefined) {
    statements.push({
      text: `INSERT INTO mlbench_output_source (run, source, bytes, inside)
        SELECT CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT) WHERE ${isTaken}
        ON CONFLICT (run, source) DO UPDATE SET bytes = excluded.bytes, inside = excluded.inside`,
      values: [run, source.name, source.to.bytes, Number(source.to.inside), run, token],
    });
  }
  return statements;
}

function isSame(one: SourcePosition, other: SourcePosition): boolean {
  return one.bytes === other.bytes && one.inside === other.inside;
}
