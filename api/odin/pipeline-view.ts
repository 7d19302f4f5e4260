import type { Pipeline, Task, TaskStatus } from "../../crds/generated/types.ts";
import { dependenciesOf } from "../../crds/graph.ts";
import { taskId } from "../../crds/names.ts";
import { TextProblem } from "../../crds/problem.ts";
import type { Run } from "../cache/cluster-view.ts";
import { statusTime } from "./time.ts";

/** A task of a run as replies show it (O-64). */
export interface TaskView {
  id: string;
  task: string;
  name: string;
  status: TaskStatus["state"];
  command?: string;
  image?: string;
  resourceType: string;
  resourceId?: string;
  submitTime?: string;
  completionTime?: string;
  message?: string;
}

/** A run as replies show it (O-64). */
export interface PipelineView {
  id: string;
  name: string;
  status: string;
  job?: string;
  version?: string;
  message?: string;
  submitTime?: string;
  completionTime?: string;
  tasks: TaskView[];
}

/** A Pipeline object as a pipeline (O-64); keys without a value are left out (O-9). */
export function pipelineView({ pipeline, tasks }: Run): PipelineView {
  const { metadata, spec, status } = pipeline;
  const job = status?.job ?? spec.job;
  const version = status?.version ?? spec.version;
  const message = failureOf(pipeline);
  return {
    id: metadata.name,
    name: metadata.name,
    status: status?.phase ?? "BUILDING",
    ...(job === undefined ? {} : { job }),
    ...(version === undefined ? {} : { version }),
    ...(message === undefined ? {} : { message }),
    ...(metadata.creationTimestamp === undefined ? {} : { submitTime: statusTime(metadata.creationTimestamp) }),
    ...(status?.completionTime === undefined ? {} : { completionTime: statusTime(status.completionTime) }),
    tasks: inOrder(pipeline, tasks).map((task) => taskView(pipeline, task)),
  };
}

/** A run's message is its first failure (O-64); what a run that is well waits for is told by its tasks. */
function failureOf({ status }: Pipeline): string | undefined {
  const failed = status?.phase === "TERMINATED" || (status?.counts?.terminated ?? 0) > 0;
  return failed ? status?.message : undefined;
}

const RANK: Readonly<Record<TaskStatus["state"], number>> = { executed: 0, executing: 1, terminated: 1, waiting: 2 };

/** State of a task; before the operator has taken the run up, every task waits. */
export function stateOf(pipeline: Pipeline, task: Task): TaskStatus["state"] {
  return pipeline.status?.tasks?.[task.name]?.state ?? "waiting";
}

/** Executed tasks, then executing or terminated ones, then waiting ones; each in the order of the definition (O-64). */
export function inOrder(pipeline: Pipeline, tasks: readonly Task[]): Task[] {
  return [...tasks].sort((a, b) => RANK[stateOf(pipeline, a)] - RANK[stateOf(pipeline, b)]);
}

function taskView(pipeline: Pipeline, task: Task): TaskView {
  const id = taskId(pipeline.metadata.name, task.name);
  const record = pipeline.status?.tasks?.[task.name];
  const state = record?.state ?? "waiting";
  const message = record?.message ?? (state === "waiting" ? waitingMessage(task) : undefined);
  return {
    id,
    task: id,
    name: task.name,
    status: state,
    ...(task.command.length === 0 ? {} : { command: task.command.join(" ") }),
    ...(task.image === "" ? {} : { image: task.image }),
    resourceType: task.resourceType ?? "Pod",
    ...(record?.pod === undefined ? {} : { resourceId: record.pod }),
    ...(record?.startTime === undefined ? {} : { submitTime: statusTime(record.startTime) }),
    ...(record?.completionTime === undefined ? {} : { completionTime: statusTime(record.completionTime) }),
    ...(message === undefined ? {} : { message }),
  };
}

/** Why a task waits that the operator has not spoken of yet (O-185). */
export function waitingMessage(task: Task): string {
  const names = dependencyNames(task);
  return names.length > 0 ? `waiting for ${names.join(", ")}` : "waiting for the operator to take the run up";
}

function dependencyNames(task: Task): string[] {
  try {
    return dependenciesOf(task);
  } catch (error) {
    if (error instanceof TextProblem) return task.depends ?? [];
    throw error;
  }
}
