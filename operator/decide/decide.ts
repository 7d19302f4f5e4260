import type { Pipeline, Task, TaskStatus } from "../../crds/generated/types.ts";
import { TextProblem } from "../../crds/problem.ts";
import { recordValue, taskRecord } from "../../crds/record.ts";
import { resolveReferences } from "../../crds/references.ts";
import { type Paths, variablesOf } from "../../crds/run-paths.ts";
import { substituteVariables } from "../../crds/variables.ts";
import { type Ending, endingOf } from "./finish.ts";
import { bounded } from "./message.ts";
import { waitingForDependencies } from "./ready.ts";
import type { Controls, ObservedObject, Plan, TaskView } from "./run.ts";
import { isTerminal, kindWord, recordOfObject } from "./task-state.ts";

/** Something to do in the cluster; carried out by `act/`, told apart by `kind`. */
export type Action =
  | { kind: "create"; task: Task; attempt: number; args: string[]; env: Record<string, string> }
  | { kind: "delete"; object: ObservedObject };

/** Everything a decision rests on. */
export interface View {
  /** The run as last persisted. */
  run: Pipeline;
  plan: Plan;
  controls: Controls;
  /** Objects of the run's tasks, any order, any attempt. */
  objects: readonly ObservedObject[];
  /** Tasks whose creation is put off after a refusal: what their record says meanwhile. */
  heldBack: ReadonlyMap<string, TaskStatus>;
  paths: Paths;
  /** ISO time of the decision. */
  now: string;
}

/** What to do, what the records are, and whether and how the run is ending. */
export interface Decision {
  actions: Action[];
  /** Records by task, in the order of the definition; those of tasks to be created are still `waiting`. */
  tasks: TaskView[];
  ending?: Ending;
}

/**
 * Decides what a run needs next: a pure function of what is persisted and what is observed (O-180 – O-188). A task starts as soon as its own
 * dependencies are executed. Deciding twice on the same view gives the same answer, so a crash between acting and recording loses nothing.
 */
export function decide(view: View): Decision {
  const { run, plan, controls } = view;
  const latest = latestObjects(view.objects);
  const observe = (stopping: "Cancelled" | "FailFast" | undefined): TaskView[] =>
    plan.tasks.map((task) => {
      const object = latest.get(task.name);
      const last = run.status?.tasks?.[task.name] ?? { state: "waiting" };
      const record =
        object === undefined
          ? vanished(task, last, view.now, stopping)
          : recordOfObject(last, object, view.now, stopping);
      return object === undefined ? { task, record } : { task, record, object };
    });
  let tasks = observe(controls.cancel ? "Cancelled" : undefined);
  let ending = endingOf(run, tasks, controls, plan.failFast);
  if (ending?.stop === "FailFast") {
    tasks = observe("FailFast");
    ending = endingOf(run, tasks, controls, plan.failFast) ?? ending;
  }
  if (ending !== undefined)
    return { actions: stopActions(tasks, ending), tasks: tasks.map(notStarted(ending)), ending };
  return start(view, tasks);
}

/** The object of the highest attempt of each task. */
function latestObjects(objects: readonly ObservedObject[]): Map<string, ObservedObject> {
  const latest = new Map<string, ObservedObject>();
  for (const object of objects) {
    const other = latest.get(object.task);
    if (other === undefined || object.attempt > other.attempt || (object.attempt === other.attempt && other.gone))
      latest.set(object.task, object);
  }
  return latest;
}

/** A task that is recorded as executing but whose object is not there; the caller has made sure of that with the API server (F-18). */
function vanished(
  task: Task,
  last: TaskStatus,
  now: string,
  stopping: "Cancelled" | "FailFast" | undefined,
): TaskStatus {
  if (last.state !== "executing") return last;
  const { reason: _reason, message: _message, ...kept } = last;
  if (stopping !== undefined) return { ...kept, state: "terminated", reason: stopping, completionTime: now };
  const message = `resource not found: ${kindWord(task.resourceType)} ${last.pod ?? "of the task"} was deleted by somebody else`;
  return { ...kept, state: "terminated", reason: "PodDeleted", message, completionTime: now };
}

function stopActions(tasks: readonly TaskView[], ending: Ending): Action[] {
  if (ending.stop === undefined) return [];
  return tasks.flatMap(({ record, object }) =>
    record.state === "executing" && object !== undefined && !object.deleting && !object.gone
      ? [{ kind: "delete" as const, object }]
      : [],
  );
}

/** Tasks that will never start say so (O-185); while others still run it is said that the run is ending. */
function notStarted(ending: Ending): (view: TaskView) => TaskView {
  const message = ending.phase === "DONE" ? `not started: ${ending.message}` : "not started: pipeline terminated";
  return (view) =>
    view.record.state === "waiting" ? { ...view, record: { state: "waiting", reason: "NotStarted", message } } : view;
}

function start(view: View, tasks: TaskView[]): Decision {
  const byName = new Map(tasks.map((other) => [other.task.name, other.record]));
  const isExecuted = (name: string): boolean => byName.get(name)?.state === "executed";
  // References are read from the run as it will be recorded, so that a result that came a moment ago counts.
  const recorded: Pipeline = { ...view.run, status: { ...view.run.status, tasks: Object.fromEntries(byName) } };
  const actions: Action[] = [];
  const records = tasks.map((current): TaskView => {
    if (current.record.state !== "waiting" || isTerminal(current.record)) return current;
    const { task } = current;
    const unmet = waitingForDependencies(view.plan.dependencies.get(task.name) ?? [], isExecuted);
    if (unmet !== undefined) return { task, record: unmet };
    if (view.controls.suspend) {
      return {
        task,
        record: { state: "waiting", reason: "Suspended", message: "ready, but the run is suspended (spec.suspend)" },
      };
    }
    const held = view.heldBack.get(task.name);
    if (held !== undefined) return { task, record: held };
    try {
      actions.push({ kind: "create", task, attempt: 1, ...texts(view, recorded, task) });
    } catch (error) {
      if (!(error instanceof TextProblem)) throw error;
      const message = bounded(error.message);
      return { task, record: { state: "terminated", reason: "ReferenceNotFound", message, completionTime: view.now } };
    }
    return { task, record: { state: "waiting" } };
  });
  if (records.some((view) => view.record.reason === "ReferenceNotFound" && view.record.completionTime !== undefined)) {
    // A task that failed before it began ends the run like any other failure: nothing is started beside it.
    const ending = endingOf(view.run, records, view.controls, view.plan.failFast);
    if (ending !== undefined)
      return { actions: stopActions(records, ending), tasks: records.map(notStarted(ending)), ending };
  }
  return { actions, tasks: records };
}

/** Arguments and environment of a task with everything filled in: variables first, then references (O-150, O-151). */
function texts(view: View, recorded: Pipeline, task: Task): { args: string[]; env: Record<string, string> } {
  const names = view.plan.tasks.map((other) => other.name);
  const paths = pathsOf(view);
  const value = variablesOf(paths, view.run.metadata.name, view.plan.job, task.name, names);
  const byName = new Map(view.plan.tasks.map((other) => [other.name, other]));
  const fill = (text: string): string =>
    resolveReferences(substituteVariables(text, value), (reference) => {
      const other = byName.get(reference.task);
      return other && recordValue(taskRecord(recorded, other, names, paths), reference.path);
    });
  const env = Object.entries(task.env ?? {}).map(([name, text]) => [name, substituteVariables(text, value)] as const);
  return { args: (task.args ?? []).map(fill), env: Object.fromEntries(env) };
}

function pathsOf({ paths, plan }: View): Paths {
  return plan.workPath === undefined ? paths : { ...paths, work: plan.workPath };
}
