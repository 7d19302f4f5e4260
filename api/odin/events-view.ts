import type { Pipeline, RunEvent, Task } from "../../crds/generated/types.ts";
import type { LogEntry } from "../../store/log-archive.ts";
import type { Run } from "../cache/cluster-view.ts";
import type { CachedEvent } from "../cache/core-event.ts";
import { waitingMessage } from "./pipeline-view.ts";
import type { FoundResource } from "./resource.ts";
import { eventTime } from "./time.ts";

/** An event as replies show it (O-67). */
export interface EventView {
  id: string;
  eventType: string;
  reason: string;
  source: string;
  message: string;
  timestamp: string;
}

/** Tasks that are named where many wait. */
const MAX_WAITING_NAMED = 3;
const EPOCH = new Date(0).toISOString();

type Entry = Omit<EventView, "id" | "timestamp"> & { time: string };

/** Most events of one pod, and of one reply; the newest stay. */
export const MAX_EVENTS_PER_POD = 50;
export const MAX_EVENTS_PER_REPLY = 1000;

/**
 * The events of a run, a task or a pod: ours and those of Kubernetes about the pods, oldest first and never none (O-222).
 * `id` is the id that was asked for; `coreEvents` are those of each pod concerned, `kept` is what the archive has of the run.
 */
export function eventsView(
  id: string,
  { run, task }: FoundResource,
  coreEvents: readonly (readonly CachedEvent[])[],
  kept: readonly LogEntry[] = [],
): EventView[] {
  const core = coreEvents.flatMap((events) => newest(events, MAX_EVENTS_PER_POD));
  const { pipeline } = run;
  // The run keeps the warnings of its pods longer than Kubernetes does, under the same id: those still there are not told twice.
  const told = new Set(core.map((event) => event.metadata.uid));
  const ours = (pipeline.status?.events ?? []).filter(
    (event) => !told.has(event.id) && (task === undefined || event.task === task.name),
  );
  const lost = kept.filter((entry) => entry.state === "lost" && (task === undefined || entry.task === task.name));
  const entries = newest(
    [...standing(run, task), ...core.map(fromCore), ...ours.map(fromRun), ...lost.map(fromLost)],
    MAX_EVENTS_PER_REPLY,
  );
  if (entries.length === 0 && task !== undefined) entries.push(present(pipeline, task));
  return entries.map(({ time, ...event }, index) => ({
    id: `evt-${id}-${index}`,
    ...event,
    timestamp: eventTime(time),
  }));
}

function newest<T extends { time: string }>(events: readonly T[], max: number): T[] {
  return events
    .filter(({ time }) => !Number.isNaN(Date.parse(time)))
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time))
    .slice(-max);
}

function fromCore({ type, reason, source, message, time }: CachedEvent): Entry {
  return { eventType: type, reason, source, message, time };
}

function fromRun({ type, reason, source, task, message, time }: RunEvent): Entry {
  return {
    eventType: type,
    reason,
    source: source ?? "odin",
    message: task ? `task ${task}: ${message}` : message,
    time,
  };
}

/** A log that could not be kept (O-225): its run may have ended before that was known. */
function fromLost({ task, pod, reason, storedAt }: LogEntry): Entry {
  const message = `task ${task}: the log of pod ${pod} could not be kept: ${reason ?? "nobody knows why"}`;
  return { eventType: "Warning", reason: "LogLost", source: "odin", message, time: storedAt };
}

/** What the run's object alone tells: that it was submitted, and what it or its tasks wait for now. */
function standing({ pipeline, tasks }: Run, task: Task | undefined): Entry[] {
  if (task !== undefined) return waits(pipeline, task);
  const waiting = hasEnded(pipeline)
    ? []
    : tasks.flatMap((one) => waits(pipeline, one).map((entry) => ({ one, entry })));
  const [first] = waiting;
  if (first === undefined) return [submitted(pipeline)];
  const named = waiting.slice(0, MAX_WAITING_NAMED).map(({ one, entry }) => `${one.name}: ${entry.message}`);
  const more = waiting.length > named.length ? `; and ${waiting.length - named.length} more` : "";
  const { length } = waiting;
  const message = `${length} ${length === 1 ? "task waits" : "tasks wait"}: ${named.join("; ")}${more}`;
  return [submitted(pipeline), { ...first.entry, reason: "Waiting", message }];
}

function hasEnded({ status }: Pipeline): boolean {
  return status?.phase === "DONE" || status?.phase === "TERMINATED";
}

function submitted({ metadata, spec, status }: Pipeline): Entry {
  const by = spec.user === undefined ? "" : ` by ${spec.user}`;
  const waits = status?.phase === undefined || status.phase === "BUILDING";
  const message = `submitted${by}${waits ? `; ${status?.message || "waiting for the operator"}` : ""}`;
  const time = metadata.creationTimestamp ?? EPOCH;
  return { eventType: "Normal", reason: "Submitted", source: "odin", message, time };
}

/** What a task waits for now; empty for one that does not wait. */
function waits(pipeline: Pipeline, task: Task): Entry[] {
  const record = pipeline.status?.tasks?.[task.name];
  if (record !== undefined && record.state !== "waiting") return [];
  const time = record?.completionTime ?? pipeline.status?.startTime ?? pipeline.metadata.creationTimestamp ?? EPOCH;
  const reason = record?.reason ?? "Waiting";
  return [{ eventType: "Normal", reason, source: "odin", message: record?.message ?? waitingMessage(task), time }];
}

/** What there is to say of a task of which nothing else is known any more. */
function present(pipeline: Pipeline, task: Task): Entry {
  const record = pipeline.status?.tasks?.[task.name];
  const state = record?.state ?? "waiting";
  return {
    eventType: "Normal",
    source: "odin",
    time: record?.completionTime ?? record?.startTime ?? pipeline.metadata.creationTimestamp ?? EPOCH,
    reason: record?.reason ?? state,
    message: record?.message ?? `the task is ${state}`,
  };
}
