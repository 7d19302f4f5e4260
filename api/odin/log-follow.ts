import type { ClusterView } from "../cache/cluster-view.ts";
import { hasLog, type LogOptions, type LogTarget, missingLog, noLogYet, type OpenLog } from "./log-source.ts";
import { logHeader } from "./logs.ts";
import { type FoundResource, isPod } from "./resource.ts";

/**
 * Text of the logs of a run or a task as it comes: one section after the other in the order in which pods start, until what was
 * asked for has ended or `signal` aborts (O-224). Never throws; a log that breaks off says so.
 */
export async function* followLogs(
  view: ClusterView,
  find: () => FoundResource | undefined,
  targetsOf: (found: FoundResource) => Promise<LogTarget[]>,
  open: OpenLog,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const shown = new Set<string>();
  let sections = 0;
  const changes = watchRun(view, find()?.run.pipeline.metadata.uid ?? "", signal);
  try {
    while (!signal.aborted) {
      const changed = changes.next();
      const found = find();
      if (found === undefined) return;
      const pending = (await targetsOf(found)).filter((target) => !shown.has(keyOf(target)));
      const target = pending.find((candidate) => isReadable(candidate, options.container));
      if (target !== undefined) {
        shown.add(target.name);
        shown.add(keyOf(target));
        sections += 1;
        yield* section(target, open, options, signal, sections > 1);
      } else if (isOver(found)) return;
      else await changed;
    }
  } finally {
    changes.stop();
  }
}

/** Two pods of a run can have the same name, one after the other; a note about one that is gone needs no second telling. */
function keyOf({ name, pod, archived }: LogTarget): string {
  const hasText = archived?.state === "whole" || archived?.state === "partial";
  return pod?.metadata.uid ?? (hasText ? archived.podUid : name);
}

/** A pod whose container has not been started yet is waited for; of one that ended before that, or is gone, there is a note. */
function isReadable(target: LogTarget, container: string | undefined): boolean {
  if (target.pod === undefined) return !target.isExpected;
  return hasLog(target, container) || target.pod.ended;
}

function isOver({ run: { pipeline }, task, pod }: FoundResource): boolean {
  const { phase, tasks } = pipeline.status ?? {};
  if (phase === "DONE" || phase === "TERMINATED") return true;
  const record = task === undefined ? undefined : tasks?.[task.name];
  // Another attempt has taken the place of the pod that was asked for.
  if (pod !== undefined && task !== undefined && isPod(task) && record?.pod !== undefined && record.pod !== pod)
    return true;
  return record?.state === "executed" || record?.state === "terminated";
}

async function* section(
  target: LogTarget,
  open: OpenLog,
  options: LogOptions,
  signal: AbortSignal,
  isLater: boolean,
): AsyncGenerator<string> {
  yield (isLater ? "\n" : "") + logHeader(target.name);
  if (!hasLog(target, options.container)) {
    yield `${noLogYet(target)}\n`;
    return;
  }
  const decoder = new TextDecoder();
  try {
    const stream = await open(target, { ...options, follow: true, signal });
    // One chunk at a time: the next is read when the caller has taken this one.
    for await (const chunk of stream as AsyncIterable<Buffer>) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (signal.aborted) return;
    yield `${decoder.decode()}${missingLog(error)}\n`;
  }
}

/** Promises for the next change of one run; a change between two calls is not lost. */
function watchRun(view: ClusterView, uid: string, signal: AbortSignal): { next(): Promise<void>; stop(): void } {
  let wake: () => void = () => {};
  let changed = Promise.resolve();
  const arm = (): void => {
    changed = new Promise((resolve) => {
      wake = resolve;
    });
  };
  const onAbort = (): void => wake();
  arm();
  const unsubscribe = view.onChange((runUid) => {
    if (runUid === uid) wake();
  });
  signal.addEventListener("abort", onAbort, { once: true });
  return {
    next() {
      arm();
      return changed;
    },
    stop() {
      unsubscribe();
      signal.removeEventListener("abort", onAbort);
    },
  };
}
