import { createHash } from "node:crypto";
import type { Pipeline, Task, TaskStatus } from "./generated/types.ts";
import { taskId } from "./names.ts";
import { TextProblem } from "./problem.ts";
import { DEFAULT_PATHS, type Paths, variablesOf } from "./run-paths.ts";
import { gpusOf } from "./task-kinds.ts";
import { substituteVariables, type Variable } from "./variables.ts";

/** A date in a record: milliseconds since 1970 (O-7). */
export interface RecordDate {
  $date: number;
}

/** 24 hex digits that stay the same for a record (O-13). */
function recordId(key: string): { $oid: string } {
  return { $oid: createHash("sha256").update(key).digest("hex").slice(0, 24) };
}

function date(time: string | undefined): RecordDate | null {
  return time === undefined ? null : { $date: Date.parse(time) };
}

/** Keys of a task's record that its own result cannot replace (O-205). */
const FIXED_KEYS = new Set([
  ..."_id label parent name command image args resource_type node_selector pull_policy num_gpus inputs".split(" "),
  ..."resource_id submit_time completion_time error_message".split(" "),
]);

/** What a task handed back, as an object; empty if it was nothing or no JSON object (O-205). */
export function resultOf(status: TaskStatus | undefined): Record<string, unknown> {
  if (status?.result === undefined) return {};
  try {
    const value: unknown = JSON.parse(status.result);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** Record of one task (O-68, O-205): what was asked, what became of it, and what it handed back. */
export function taskRecord(
  run: Pipeline,
  task: Task,
  taskNames: readonly string[],
  paths: Paths = DEFAULT_PATHS,
): Record<string, unknown> {
  const status = run.status?.tasks?.[task.name];
  const result = resultOf(status);
  // Until the run is taken up only its spec says which job it is.
  const value = variablesOf(paths, run.metadata.name, run.status?.job ?? run.spec.job, task.name, taskNames);
  const reported = Object.fromEntries(Object.entries(result).filter(([key]) => !FIXED_KEYS.has(key)));
  const outputs = { ...task.outputs, ...(isObject(result.outputs) ? result.outputs : {}) };
  return {
    request_early_exit: null,
    ...plainMessage(status),
    ...reported,
    _id: recordId(`${run.metadata.uid}/${task.name}`),
    label: taskId(run.metadata.name, task.name),
    parent: run.metadata.name,
    name: task.name,
    command: task.command.join(" "),
    image: task.image,
    args: (task.args ?? []).map((text) => readable(text, value)),
    resource_type: task.resourceType ?? "Pod",
    node_selector: task.nodeSelector ?? null,
    pull_policy: task.pullPolicy ?? "IfNotPresent",
    num_gpus: gpusOf(task),
    inputs: task.inputs ?? null,
    outputs: Object.keys(outputs).length > 0 ? outputs : null,
    resource_id: status?.pod ?? null,
    submit_time: date(status?.startTime),
    completion_time: date(status?.completionTime),
    error_message: status?.state === "terminated" ? (status.message ?? status.reason ?? null) : null,
  };
}

/** What a task that succeeded said, where that was no JSON object (O-205). */
function plainMessage(status: TaskStatus | undefined): { message?: string } {
  if (status?.state !== "executed" || status.reason !== undefined || status.result !== undefined) return {};
  return status.message === undefined ? {} : { message: status.message };
}

/** The text with its variables filled in; as it was written where that is what the run was refused for. */
function readable(text: string, value: (name: Variable) => string): string {
  try {
    return substituteVariables(text, value);
  } catch (error) {
    if (!(error instanceof TextProblem)) throw error;
    return text;
  }
}

/** Record of a run (O-68). In a TERMINATED run the failed tasks stay under `executing`, as clients expect. */
export function runRecord(run: Pipeline, tasks: readonly Task[]): Record<string, unknown> {
  const name = run.metadata.name;
  const ids = (...states: TaskStatus["state"][]): string[] =>
    tasks
      .filter((task) => states.includes(run.status?.tasks?.[task.name]?.state ?? "waiting"))
      .map((task) => taskId(name, task.name));
  return {
    _id: recordId(run.metadata.uid),
    label: name,
    job: run.status?.job ?? run.spec.job ?? name,
    version: run.status?.version ?? run.spec.version ?? null,
    status: run.status?.phase ?? "BUILDING",
    submit_time: date(run.metadata.creationTimestamp),
    completion_time: date(run.status?.completionTime),
    executed: ids("executed"),
    executing: ids("executing", "terminated"),
    waiting: ids("waiting"),
    jobs: tasks.map((task) => taskId(name, task.name)),
    error_message: run.status?.phase === "TERMINATED" ? (run.status.message ?? null) : null,
    parent: null,
  };
}

/** The value at a path in a record; only own keys, so that no name reaches what every object inherits. */
export function recordValue(record: unknown, path: readonly string[]): unknown {
  let value = record;
  for (const key of path) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
