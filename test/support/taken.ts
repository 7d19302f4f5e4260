import { until } from "./deadline.ts";

const WAIT_MS = 180_000;
const EVERY_MS = 1_000;

/**
 * The answer to a write of the jobs repository. One that its remote had no time for within the seconds that a write waits for it, as on a busy machine,
 * has changed nothing and is sent again, as its 503 says (O-104).
 */
export function taken<T extends { status?: unknown }>(write: () => Promise<T>): Promise<T> {
  return until(write, WAIT_MS, {
    describe: "the write is taken or refused",
    accept: ({ status }) => status !== 503,
    everyMs: EVERY_MS,
  });
}
