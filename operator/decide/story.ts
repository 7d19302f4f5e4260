import type { PipelineStatus, RunEvent, TaskStatus } from "../../crds/generated/types.ts";
import { MAX_EVENTS } from "../../crds/limits.ts";
import { isStopReason } from "./finish.ts";
import { bounded, duration } from "./message.ts";
import type { ObservedWarning } from "./run.ts";

/** An event of ours, before it gets its id. */
export type Happening = Omit<RunEvent, "id" | "source">;

/** What changed between two statuses of a run, told for people, in the order of the definition. `words` name the kinds of tasks that are no pods. */
export function happenings(
  before: PipelineStatus | undefined,
  after: PipelineStatus,
  now: string,
  words: ReadonlyMap<string, string> = new Map(),
): Happening[] {
  const told: Happening[] = [];
  const tell = (reason: string, message: string, more: Partial<Happening> = {}): void => {
    told.push({ type: "Normal", reason, message: bounded(message), time: now, ...more });
  };
  if (before?.phase === undefined || before.phase === "BUILDING") {
    if (after.phase !== "BUILDING") tell("Started", started(after), { time: after.startTime ?? now });
  }
  const suspended = isSuspended(after);
  if (suspended !== isSuspended(before)) {
    tell(suspended ? "Suspended" : "Resumed", suspended ? "no further task starts" : "tasks start again");
  }
  for (const [task, record] of Object.entries(after.tasks ?? {})) {
    const word = words.get(task) ?? "pod";
    for (const happening of taskHappenings(task, word, before?.tasks?.[task], record, {
      now,
      startedAt: startedAt(before, after, record) ?? now,
    }))
      told.push(happening);
  }
  if (after.phase !== before?.phase && after.completionTime !== undefined) {
    const took = duration(after.startTime ?? after.completionTime, after.completionTime);
    if (after.phase === "DONE")
      tell(
        after.reason ?? "Completed",
        `done in ${took}, ${after.progress} tasks executed${after.message ? `: ${after.message}` : ""}`,
      );
    else tell(after.reason ?? "TaskFailed", `terminated after ${took}: ${after.message ?? ""}`, { type: "Warning" });
  }
  return told;
}

function started(after: PipelineStatus): string {
  const total = after.counts?.total ?? 0;
  const job = after.job === undefined ? "" : ` of job ${after.job}`;
  const version = after.version === undefined ? "" : ` at version ${after.version.slice(0, 12)}`;
  return `running ${total} ${total === 1 ? "task" : "tasks"}${job}${version}`;
}

function isSuspended(status: PipelineStatus | undefined): boolean {
  return (
    status?.conditions?.some((condition) => condition.type === "Suspended" && condition.status === "True") ?? false
  );
}

/** When a task began that the run's first status tells of: that may be written a moment later. A pod knows its age in whole seconds only. */
function startedAt(
  before: PipelineStatus | undefined,
  after: PipelineStatus,
  { startTime }: TaskStatus,
): string | undefined {
  if (before?.startTime !== undefined || after.startTime === undefined || startTime === undefined) return undefined;
  return Date.parse(startTime) > Date.parse(after.startTime) ? startTime : after.startTime;
}

function taskHappenings(
  task: string,
  word: string,
  before: TaskStatus | undefined,
  after: TaskStatus,
  { now, startedAt }: { now: string; startedAt: string },
): Happening[] {
  const told: Happening[] = [];
  const tell = (type: "Normal" | "Warning", reason: string, message: string, time = now): void => {
    told.push({ type, reason, task, message: bounded(message), time });
  };
  const isSkipped = after.state === "executed" && after.reason === "Cached";
  if (after.pod !== undefined && after.pod !== before?.pod && !isSkipped)
    tell("Normal", "TaskStarted", `created ${word} ${after.pod}`, startedAt);
  const isSame = after.state === before?.state && after.reason === before?.reason && after.attempt === before?.attempt;
  if (isSame) return told;
  if (isSkipped) {
    tell("Normal", "TaskSkipped", after.message ?? "skipped");
  } else if (after.state === "executed") {
    tell("Normal", "TaskSucceeded", `finished in ${duration(after.startTime ?? now, after.completionTime ?? now)}`);
  } else if (after.state === "terminated") {
    tell(
      "Warning",
      isStopReason(after.reason) ? "TaskStopped" : "TaskFailed",
      after.message ?? after.reason ?? "failed",
    );
  } else if (
    after.state === "waiting" &&
    after.retryTime !== undefined &&
    after.attempt !== undefined &&
    after.reason !== "Suspended"
  ) {
    const pause = duration(now, after.retryTime);
    tell("Warning", "TaskRetried", `tried again after ${pause}: ${after.message ?? "its last attempt failed"}`);
  } else if (after.reason !== undefined && isTrouble(after)) {
    tell("Warning", after.reason, after.message ?? after.reason);
  }
  return told;
}

/** Reasons worth an event of ours; about a pod that exists the scheduler and the kubelet speak themselves, as long as the kubelet can. */
const TROUBLES: ReadonlySet<string> = new Set(["QuotaExceeded", "ApiUnavailable", "Forbidden", "NodeNotReady"]);

function isTrouble(record: TaskStatus): boolean {
  return TROUBLES.has(record.reason ?? "");
}

/** A warning as an event of its run. */
export function warningEvent({ id, reason, task, message, source, time, count }: ObservedWarning): RunEvent {
  const counted = count > 1 ? { count } : {};
  return { id, type: "Warning", reason, task, message: bounded(message), source, time, ...counted };
}

/**
 * The ring of events with news added: a repeated warning is counted where it stands, the oldest entries make room.
 * Returns the ring itself if there is no news, so that an unchanged status stays unchanged.
 */
export function withNews(
  ring: readonly RunEvent[],
  count: number,
  news: readonly Happening[],
  warnings: readonly ObservedWarning[],
): { events: readonly RunEvent[]; count: number } {
  const events = [...ring];
  let total = count;
  let changed = false;
  for (const warning of warnings) {
    const entry = warningEvent(warning);
    const known = events.findIndex((event) => event.id === warning.id);
    if (known >= 0) {
      if ((events[known]?.count ?? 1) >= warning.count) continue;
      events[known] = entry;
    } else {
      const oldest = events[0];
      // One that the ring has dropped already must not come back as news.
      if (events.length >= MAX_EVENTS && oldest !== undefined && warning.time < oldest.time) continue;
      events.push(entry);
      total += 1;
    }
    changed = true;
  }
  for (const happening of news) {
    events.push({ id: `odin-${total}`, source: "odin", ...happening });
    total += 1;
    changed = true;
  }
  return changed ? { events: events.slice(-MAX_EVENTS), count: total } : { events: ring, count };
}
