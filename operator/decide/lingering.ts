import type { Pipeline } from "../../crds/generated/types.ts";
import type { ObservedObject, TaskView } from "./run.ts";
import { isTerminal } from "./task-state.ts";

/** Whether the task's own container has ended and others of the pod still run, which nobody has been asked to stop yet (F-24). */
function lingers({ lingers, deleting, gone }: ObservedObject): boolean {
  return lingers === true && !deleting && !gone;
}

/** Whether a pod of an ended task still holds what it was given on its node; the run must not end before that pod was asked to go, for nobody looks at it afterwards. */
export function hasLingering(tasks: readonly TaskView[]): boolean {
  return tasks.some(({ record, object }) => object !== undefined && isTerminal(record) && lingers(object));
}

/** The pods that are to go for that. Only what is recorded has ended for good: a pod that went earlier would take the only proof along (I-2). */
export function lingeringObjects(run: Pipeline, objects: readonly ObservedObject[]): ObservedObject[] {
  return objects.filter((object) => {
    if (!lingers(object)) return false;
    const recorded = run.status?.tasks?.[object.task];
    if (recorded === undefined) return false;
    const { attempt = 0 } = recorded;
    return (
      isTerminal(recorded) || attempt > object.attempt || (recorded.state === "waiting" && attempt === object.attempt)
    );
  });
}
