import type { Pipeline } from "../../crds/generated/types.ts";
import type { ObservedObject, TaskView } from "./run.ts";
import { isTerminal } from "./task-state.ts";

/**
 * Whether a pod goes on though its task is over, and nobody has asked it to go yet: the task's own container has ended and others still run
 * (F-24), or it was given up (F-20, F-21).
 */
function lingers({ lingers, givenUp, deleting, gone }: ObservedObject): boolean {
  return (lingers === true || givenUp === true) && !deleting && !gone;
}

/** Whether a pod of an ended task still holds what it was given on its node; the run must not end before that pod was asked to go, for nobody looks at it afterwards. */
export function hasLingering(tasks: readonly TaskView[]): boolean {
  return tasks.some(({ record, object }) => object !== undefined && isTerminal(record) && lingers(object));
}

/**
 * The pods that are to go for that. Only what is recorded has ended for good: a pod that went earlier would take the only proof along (I-2), and that it
 * is gone would be told instead of why. `judge` marks those that are given up.
 */
export function lingeringObjects(
  run: Pipeline,
  objects: readonly ObservedObject[],
  judge: (object: ObservedObject) => ObservedObject,
): ObservedObject[] {
  return objects.filter((object) => {
    const recorded = run.status?.tasks?.[object.task];
    if (recorded === undefined) return false;
    const { attempt = 0 } = recorded;
    const isOver =
      isTerminal(recorded) || attempt > object.attempt || (recorded.state === "waiting" && attempt === object.attempt);
    return isOver && lingers(judge(object));
  });
}
