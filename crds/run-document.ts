import type { Metadata, Pipeline, Task } from "./generated/types.ts";
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

/** What is kept of a run that was defined by `definition`, if it does not carry its tasks itself and its definition is still known. */
export function runDocument(run: Pipeline, definition?: Pick<Definition, "tasks" | "workPath">): RunDocument {
  const { apiVersion, kind, metadata, status } = run;
  const { files: _, tasks: own, ...spec } = run.spec;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const kept: Metadata = { name, uid, resourceVersion };
  if (namespace !== undefined) kept.namespace = namespace;
  if (creationTimestamp !== undefined) kept.creationTimestamp = creationTimestamp;
  const tasks = own ?? definition?.tasks ?? Object.keys(status?.tasks ?? {}).map(unknownTask);
  return {
    pipeline: { apiVersion, kind, metadata: kept, spec, ...(status === undefined ? {} : { status }) },
    tasks,
    ...(definition?.workPath === undefined ? {} : { workPath: definition.workPath }),
  };
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
