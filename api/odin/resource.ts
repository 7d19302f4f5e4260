import type { Task } from "../../crds/generated/types.ts";
import { objectName } from "../../crds/names.ts";
import type { ClusterView, Run } from "../cache/cluster-view.ts";
import { isObjectName } from "./ids.ts";

/** What an id of /resources/{id} means (O-220): a run, one of its tasks, one pod of a task, or a task's object. */
export interface FoundResource {
  run: Run;
  /** Absent: the whole run. */
  task?: Task;
  /** Present if the id is the name of one of several pods of the task: of another attempt than the first, or made for its object. */
  pod?: string;
}

/** Where runs and pods are looked up. */
export type RunLookup = Pick<ClusterView, "run" | "pod" | "pipelines" | "runOf">;

/** Attempts whose names are tried; a task that has had more is found by its pods while they are there. */
const MAX_ATTEMPTS = 100;

/** Finds a run by its id, a task by its id, or a task by the name of its object or of one of its pods; undefined for everything else. */
export function findResource(view: RunLookup, id: string): FoundResource | undefined {
  if (!isObjectName(id)) return undefined;
  const run = view.run(id);
  if (run !== undefined) return { run };
  return findTask(view, id) ?? findPod(view, id) ?? findByObject(view, id);
}

/** Names of runs and of tasks may hold `--` themselves, so every place where the id can be split is tried. */
function findTask(view: RunLookup, id: string): FoundResource | undefined {
  for (let at = id.indexOf("--", 1); at > 0; at = id.indexOf("--", at + 1)) {
    const run = view.run(id.slice(0, at));
    if (run === undefined) continue;
    const rest = id.slice(at + 2);
    const task = run.tasks.find(({ name }) => name === rest);
    if (task !== undefined) return { run, task };
    const attempt = run.tasks.find((candidate) => isObjectOf(run, candidate, id));
    if (attempt !== undefined) return isPod(attempt) ? { run, task: attempt, pod: id } : { run, task: attempt };
  }
  return undefined;
}

/** Whether an object of that name belongs, or belonged, to an attempt of the task. */
function isObjectOf({ pipeline }: Run, task: Task, name: string): boolean {
  const attempts = Math.min(pipeline.status?.tasks?.[task.name]?.attempt ?? 0, MAX_ATTEMPTS);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (objectName(pipeline.metadata.name, task, attempt) === name) return true;
  }
  return false;
}

function findPod(view: RunLookup, name: string): FoundResource | undefined {
  const pod = view.pod(name);
  const run = pod?.runName === undefined ? undefined : view.run(pod.runName);
  if (pod === undefined || run === undefined || run.pipeline.metadata.uid !== pod.runUid) return undefined;
  const task = run.tasks.find((candidate) => candidate.name === pod.task);
  return task === undefined ? undefined : { run, task, pod: name };
}

/** A task whose object has a name that does not begin with the run's: names of some kinds allow less, and end in a hash then. */
function findByObject(view: RunLookup, name: string): FoundResource | undefined {
  if (!/-[0-9a-f]{8}$/.test(name)) return undefined;
  for (const pipeline of view.pipelines()) {
    const found = Object.entries(pipeline.status?.tasks ?? {}).find(([, record]) => record.pod === name);
    if (found === undefined) continue;
    const run = view.runOf(pipeline);
    const task = run.tasks.find((candidate) => candidate.name === found[0]);
    if (task !== undefined) return { run, task };
  }
  return undefined;
}

/** Whether a task's object is its only pod. */
export function isPod(task: Task): boolean {
  return (task.resourceType ?? "Pod") === "Pod";
}
