import type { LoadResult } from "./load.ts";
import { replaceSection } from "./page-section.ts";

/** One row of the table: the facade beside the bare server. */
export interface Measured {
  name: string;
  /** Size of one reply. */
  bytes: number;
  facade: LoadResult;
  bare: LoadResult;
  /** 99th percentile of the facade's event loop delay during the load. */
  loopDelayMs: number;
  /** Processor time of the facade for one reply. */
  cpuMs: number;
  /** Lists and gets that the facade sent to the API server during all loads. */
  readsOfApiServer?: number;
}

/** Replaces the numbers of the page and prints them. */
export function writeTable(
  measured: readonly Measured[],
  setup: { runs: number; clients: number; processors: number },
): void {
  const rows = measured.map(({ name, bytes, facade, bare, loopDelayMs, cpuMs }) =>
    [
      name,
      kilobytes(bytes),
      facade.perSecond.toFixed(0),
      bare.perSecond.toFixed(0),
      `${((100 * facade.perSecond) / bare.perSecond).toFixed(0)} %`,
      `${facade.p50Ms.toFixed(0)} / ${facade.p99Ms.toFixed(0)}`,
      `${bare.p50Ms.toFixed(0)} / ${bare.p99Ms.toFixed(0)}`,
      cpuMs.toFixed(2),
      loopDelayMs.toFixed(1),
    ].join(" | "),
  );
  const reads = measured.at(-1)?.readsOfApiServer ?? 0;
  const table = `${setup.runs} runs, ${setup.clients} clients, ${setup.processors} processors, Node ${process.versions.node}.

| reply | KB | requests/s | bare Koa | share | p50 / p99 ms | bare Koa | processor ms a reply | event loop delay p99 ms |
|---|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row} |`).join("\n")}

Lists and gets that reached the API server during all of this: ${reads}.`;
  process.stdout.write(`${table}\n`);
  replaceSection("bench:api", table);
}

function kilobytes(bytes: number): string {
  return bytes < 10_000 ? (bytes / 1000).toFixed(1) : (bytes / 1000).toFixed(0);
}
