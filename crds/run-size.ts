import type { Pipeline, Task } from "./generated/types.ts";
import { MAX_LABEL, MAX_OBJECT_BYTES } from "./limits.ts";

/** Bytes of a task's record with every field at its longest, but for names, message and result; the test measures it. */
export const RECORD_BYTES = 190;
/** The same for `readyTime`, which only tasks have that can time out. */
export const READY_TIME_BYTES = 40;
/** Bytes of everything else in a run's object: metadata, conditions, counters, the run's own message and its events. */
export const FRAME_BYTES = 48 * 1024;
/** What a task has left for its message in the largest run. */
export const LEAST_TEXT_BYTES = 24;
/** etcd takes 1.5 MiB in one request; what could come near that is refused before it starts. */
export const MOST_OBJECT_BYTES = 1400 * 1024;

/** How large a run's object can become, or for which texts there is room in it (F-26). */
export type RunSize = { kind: "fits"; textBytes: number } | { kind: "tooLarge"; bytes: number };

/**
 * Works out, before a run starts, for how many bytes of messages and results there is room if its object is to stay under `MAX_OBJECT_BYTES` whatever
 * becomes of its tasks. What the run carries itself counts: tasks, files, context.
 */
export function runSizeOf({ metadata, spec }: Pick<Pipeline, "metadata" | "spec">, tasks: readonly Task[]): RunSize {
  const least = tasks.length * LEAST_TEXT_BYTES;
  let bytes = FRAME_BYTES + Buffer.byteLength(JSON.stringify(spec));
  for (const { name, timeout } of tasks) {
    const pod = Math.min(MAX_LABEL, metadata.name.length + name.length + "--".length + "-r10".length);
    bytes += RECORD_BYTES + name.length + pod + (timeout === undefined ? 0 : READY_TIME_BYTES);
  }
  if (bytes + least > MOST_OBJECT_BYTES) return { kind: "tooLarge", bytes: bytes + least };
  return { kind: "fits", textBytes: Math.max(least, MAX_OBJECT_BYTES - bytes) };
}
