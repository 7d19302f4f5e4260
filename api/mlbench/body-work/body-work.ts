import { SizedWork } from "../../sized-work.ts";
import { type BodyRefusal, type BodyTask, type ReadBody, readBody } from "./read-body.ts";

/** What reads the bodies of the MLBench API: all but small ones in threads. */
export type BodyWork = SizedWork<BodyTask, ReadBody | BodyRefusal>;

/** Makes it. Its thread reads some hundred thousand metrics a second. `deadlineMs`: longest that one body may take. */
export function makeBodyWork(options: { deadlineMs?: number } = {}): BodyWork {
  const script = new URL("./body-worker.js", import.meta.url);
  return new SizedWork({ script, work: readBody, ...options });
}
