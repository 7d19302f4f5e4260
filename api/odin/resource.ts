import type { Task } from "../../crds/generated/types.ts";
import { podName } from "../../crds/names.ts";
import type { ClusterView, Run } from "../cache/cluster-view.ts";
import { isObjectName } from "./ids.ts";

/** What an id of /resources/{id} means (O-220): a run, one of its tasks, or one pod of a task. */
export interface FoundResource {
  run: Run;
  /** Absent: the whole run. */
  task?: Task;
  /** Present if the id is the name of a pod of an attempt that is not the task's first. */
  pod?: string;
}

/** Attempts whose pod names are tried; a task that has had more is found by its pods while they are there. */
const MAX_ATTEMPTS = 100;

/** Finds a run by its id, a task by its id, or a task by the name of one of its pods; undefined for everything else. */
export function findResource(view: ClusterView, id: string): FoundResource | undefined {
  if (!isObjectName(id)) return undefined;
  const run = view.run(id);
  if (run !== undefined) return { run };
  return findTask(view, id) ?? findPod(view, id);
}

/** Names of runs and of tasks may hold `--` themselves, so every place where the id can be split is tried. */
function findTask(view: ClusterView, id: string): FoundResource | undefined {
  for (let at = id.indexOf("--", 1); at > 0; at = id.indexOf("--", at + 1)) {
    const run = view.run(id.slice(0, at));
    if (run === undefined) continue;
    const rest = id.slice(at + 2);
    const task = run.tasks.find(({ name }) => name === rest);
    if (task !== undefined) return { run, task };
    const attempt = run.tasks.find((candidate) => isPodOf(run, candidate, id));
    if (attempt !== undefined) return { run, task: attempt, pod: id };
  }
  return undefined;
}

/** Whether a pod of that name belongs, or belonged, to an attempt of the task. */
function isPodOf({ pipeline }: Run, task: Task, name: string): boolean {
  const attempts = Math.min(pipeline.status?.tasks?.[task.name]?.attempt ?? 0, MAX_ATTEMPTS);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (podName(pipeline.metadata.name, task.name, attempt) === name) return true;
  }
  return false;
}

function findPod(view: ClusterView, name: string): FoundResource | undefined {
  const pod = view.pod(name);
  const run = pod?.runName === undefined ? undefined : view.run(pod.runName);
  if (pod === undefined || run === undefined || run.pipeline.metadata.uid !== pod.runUid) return undefined;
  const task = run.tasks.find((candidate) => candidate.name === pod.task);
  return task === undefined ? undefined : { run, task, pod: name };
}
