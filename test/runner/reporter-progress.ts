import type { Progress } from "../../local/progress.ts";
import type { Reporter } from "./reporter.ts";

const DETAIL_EVERY_MS = 10_000;

/** Progress of a start, told in the lines of the test report: begin, end, and what it is at every 10 s in between. */
export function reporterProgress(reporter: Reporter): Progress {
  return {
    step: (title) => {
      const since = performance.now();
      const told = (mark: string, detail: string | undefined): void => {
        const seconds = ((performance.now() - since) / 1_000).toFixed(1);
        reporter.line(`${mark} ${title}${detail ? `: ${detail}` : ""} (${seconds} s)`);
      };
      let detail: string | undefined;
      const ticker = setInterval(() => told("…", detail), DETAIL_EVERY_MS);
      ticker.unref();
      reporter.line(`… ${title}`);
      const end = (mark: string, last: string | undefined): void => {
        clearInterval(ticker);
        told(mark, last);
      };
      return {
        update: (text) => {
          detail = text;
        },
        done: (text) => end("…", text),
        fail: (text) => end("✗", text),
      };
    },
  };
}
