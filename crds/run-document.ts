import type { Metadata, Pipeline, PipelineStatus, RunEvent, Task } from "./generated/types.ts";
import type { Definition } from "./snapshot.ts";

/**
 * An ended run as the archive keeps it: everything that the REST API tells of a run, so that it can be told when the object is gone. The texts of its
 * files are not part of it.
 */
export interface RunDocument {
  pipeline: Pipeline;
  /** What it ran, in the order of the definition. */
  tasks: readonly Task[];
  /** Where its tasks saw the job's files, if not at `<root>/<job id>`. */
  workPath?: string;
}

/** Most events of a run that are kept. */
export const MAX_KEPT_EVENTS = 200;

/**
 * What is kept of a run that was defined by `definition`, if it does not carry its tasks itself and its definition is still known. `warnings` are what the
 * cluster has said of its pods: the run itself has room for the latest few only.
 */
export function runDocument(
  run: Pipeline,
  definition?: Pick<Definition, "tasks" | "workPath">,
  warnings: readonly RunEvent[] = [],
): RunDocument {
  const { apiVersion, kind, metadata, status } = run;
  const { files: _, tasks: own, ...spec } = run.spec;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const kept: Metadata = { name, uid, resourceVersion };
  if (namespace !== undefined) kept.namespace = namespace;
  if (creationTimestamp !== undefined) kept.creationTimestamp = creationTimestamp;
  const tasks = own ?? definition?.tasks ?? Object.keys(status?.tasks ?? {}).map(unknownTask);
  return {
    pipeline: {
      ...{ apiVersion, kind, metadata: kept, spec },
      ...(status === undefined ? {} : { status: withWarnings(status, warnings) }),
    },
    tasks,
    ...(definition?.workPath === undefined ? {} : { workPath: definition.workPath }),
  };
}

/** The status with the warnings that its events do not have any more, in the order of time; of too many the newest. */
function withWarnings(status: PipelineStatus, warnings: readonly RunEvent[]): PipelineStatus {
  const own = status.events ?? [];
  const told = new Set(own.map(({ id }) => id));
  const further = warnings.filter(({ id }) => !told.has(id)).sort(byTime);
  const room = Math.max(0, MAX_KEPT_EVENTS - own.length);
  if (further.length === 0 || room === 0) return status;
  return { ...status, events: [...further.slice(-room), ...own].sort(byTime) };
}

/** The order of events in time, the oldest first. */
export function byTime(a: RunEvent, b: RunEvent): number {
  // Whoever gives no time is the oldest.
  return (Date.parse(a.time) || 0) - (Date.parse(b.time) || 0);
}

/** The document that was kept; undefined for anything else. */
export function readRunDocument(value: unknown): RunDocument | undefined {
  if (value === null || typeof value !== "object") return undefined;
  const { pipeline, tasks } = value as Partial<RunDocument>;
  const isRun =
    typeof pipeline?.metadata?.name === "string" && typeof pipeline.spec === "object" && Array.isArray(tasks);
  return isRun ? (value as RunDocument) : undefined;
}

/** A task of which only the name is known any more. */
function unknownTask(name: string): Task {
  return { name, image: "", command: [] };
}
