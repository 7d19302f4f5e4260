import type { Pipeline, RunEvent } from "../../crds/generated/types.ts";
import type { LogEntry } from "../../store/log-archive.ts";
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
  { run: { pipeline }, task }: FoundResource,
  coreEvents: readonly (readonly CachedEvent[])[],
  kept: readonly LogEntry[] = [],
): EventView[] {
  const core = coreEvents.flatMap((events) => newest(events, MAX_EVENTS_PER_POD));
  // The run keeps the warnings of its pods longer than Kubernetes does, under the same id: those still there are not told twice.
  const told = new Set(core.map((event) => event.metadata.uid));
  const ours = (pipeline.status?.events ?? []).filter(
    (event) => !told.has(event.id) && (task === undefined || event.task === task.name),
  );
  const lost = kept.filter((entry) => entry.state === "lost" && (task === undefined || entry.task === task.name));
  const entries = newest([...core.map(fromCore), ...ours.map(fromRun), ...lost.map(fromLost)], MAX_EVENTS_PER_REPLY);
  if (entries.length === 0) entries.push(present(pipeline, task));
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

/** What there is to say of something that nothing has happened to yet. */
function present(pipeline: Pipeline, task: FoundResource["task"]): Entry {
  const time = pipeline.metadata.creationTimestamp ?? new Date(0).toISOString();
  const entry = { eventType: "Normal", source: "odin", time };
  if (task === undefined) {
    return {
      ...entry,
      reason: "Submitted",
      message: pipeline.status?.message || "submitted, waiting for the operator",
    };
  }
  const record = pipeline.status?.tasks?.[task.name];
  const state = record?.state ?? "waiting";
  if (state === "waiting") {
    return { ...entry, reason: record?.reason ?? "Waiting", message: record?.message ?? waitingMessage(task) };
  }
  return {
    ...entry,
    time: record?.completionTime ?? record?.startTime ?? time,
    reason: record?.reason ?? state,
    message: record?.message ?? `the task is ${state}`,
  };
}
