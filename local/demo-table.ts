import Table from "cli-table3";
import type { Run } from "./demo-rest.ts";

/** A row of the table: a run and where it came from. */
export interface Row {
  from: string;
  run: Run;
}

/** Shows runs while they go on: redrawn in place on a terminal, elsewhere a line for each change. */
export class LiveTable {
  readonly #stream: NodeJS.WriteStream;
  readonly #told = new Set<string>();
  #height = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(rows: readonly Row[]): void {
    if (this.#stream.isTTY) this.#redraw(rows);
    else for (const line of changes(rows)) this.#tell(line);
  }

  #redraw(rows: readonly Row[]): void {
    const table = new Table({
      head: ["run", "submitted with", "phase", "task", "state", "took", ""],
      style: { head: [], border: [], compact: true },
    });
    for (const { from, run } of rows) {
      run.tasks.forEach((task, index) => {
        const lead = index === 0 ? [run.id, from, run.status] : ["", "", ""];
        table.push([
          ...lead,
          task.name,
          task.status,
          took(task),
          cut(task.status === "executed" ? "" : (task.message ?? ""), 44),
        ]);
      });
    }
    // A line that wraps would be counted as one and leave its rest on the screen.
    const width = Math.max(40, (this.#stream.columns ?? 120) - 1);
    const text = table
      .toString()
      .split("\n")
      .map((line) => line.slice(0, width))
      .join("\n");
    const up = this.#height > 0 ? `\u001b[${this.#height}A\u001b[J` : "";
    this.#stream.write(`${up}${text}\n`);
    this.#height = text.split("\n").length;
  }

  #tell(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.#stream.write(`${line}\n`);
  }
}

function changes(rows: readonly Row[]): string[] {
  return rows.flatMap(({ run }) => [
    ...run.tasks.map(
      (task) =>
        `  ${run.id}  ${task.name}: ${task.status}${task.message && task.status !== "executed" ? ` (${task.message})` : ""}`,
    ),
    `  ${run.id}  ${run.status}${run.message ? `: ${run.message}` : ""}`,
  ]);
}

function took(task: Run["tasks"][number]): string {
  if (task.submitTime === undefined) return "";
  // Times of the API are UTC and say no zone.
  const start = Date.parse(`${task.submitTime}Z`);
  const end = task.completionTime === undefined ? Date.now() : Date.parse(`${task.completionTime}Z`);
  return `${Math.max(0, Math.round((end - start) / 1000))} s`;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
