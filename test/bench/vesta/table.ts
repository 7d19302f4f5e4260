import { availableParallelism } from "node:os";
import type { HistorySize } from "./history.ts";
import type { MemoryCourse } from "./hour.ts";
import type { PacedResult } from "./paced.ts";

/** What one store brought. */
export interface StoreResult {
  title: string;
  /** Reading the exporters and nothing else, at the usual intervals. */
  scraping?: { seconds: number; cpuSeconds: number; fleetCpuSeconds: number; scrapes: number; residentMb: number };
  requests?: readonly { title: string; path: string; cpuMs: number; result: PacedResult }[];
  hour?: { minutes: number; course: MemoryCourse; played: HistorySize; thinned: HistorySize };
}

/** The result of a store as a part of docs/performance.md. */
export function storeText({ title, scraping, requests, hour }: StoreResult): string {
  const parts = [`### ${title}`];
  if (scraping !== undefined) {
    const share = (100 * scraping.cpuSeconds) / scraping.seconds;
    parts.push(
      `Reading the exporters, each once in 15 s and each host's row written once in 60 s: ${(scraping.scrapes / scraping.seconds).toFixed(1)} scrapes a second, ` +
        `${share.toFixed(0)} % of one processor (${(share / availableParallelism()).toFixed(0)} % of the machine), ` +
        `${((1000 * scraping.cpuSeconds) / Math.max(1, scraping.scrapes)).toFixed(1)} ms for each scrape with all that follows from it; ` +
        `${scraping.residentMb.toFixed(0)} MB resident.`,
    );
  }
  if (requests !== undefined) {
    parts.push(
      [
        "| asked for meanwhile | requests | KB | p50 / p99 ms | processor ms a reply |",
        "|---|---|---|---|---|",
        ...requests.map(
          ({ title: what, path, cpuMs, result }) =>
            `| ${what} \`${path}\` | ${result.requests} | ${(result.bytes / 1000).toFixed(0)} | ${result.p50Ms.toFixed(0)} / ${result.p99Ms.toFixed(0)} | ${cpuMs.toFixed(1)} |`,
        ),
      ].join("\n"),
    );
  }
  if (hour !== undefined) {
    const { minutes, course, played, thinned } = hour;
    parts.push(
      `${minutes} minutes, played in ${course.seconds.toFixed(0)} s: memory by tenths of the time ${course.tenths.map((mb) => mb.toFixed(0)).join(", ")} MB, ` +
        `${course.mostMb.toFixed(0)} MB at the most; in the second half it changed by ${signed(course.lateGrowthMb)} MB. ` +
        `${((100 * course.cpuSeconds) / course.seconds).toFixed(0)} % of one processor at that speed. ` +
        `${played.rows} rows of history with ${played.megabytes.toFixed(1)} MB of payloads; a day later ${thinned.rows} rows with ${thinned.megabytes.toFixed(1)} MB were left of them.`,
    );
  }
  return parts.join("\n\n");
}

function signed(value: number): string {
  return `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(0)}`;
}
