import type { Pipeline, TaskStatus } from "../../crds/generated/types.ts";
import { bounded } from "./message.ts";
import type { TaskView } from "./run.ts";

/** Names of at most this many unfinished dependencies are told. */
const NAMED = 3;

/**
 * The record of a task that cannot start because of its dependencies; undefined if all of them are executed (O-181).
 * With few dependencies all unfinished ones are named, with many only the first: the text of a wide join must not change with
 * every task that ends.
 */
export function waitingForDependencies(
  dependencies: readonly string[],
  isExecuted: (task: string) => boolean,
): TaskStatus | undefined {
  const unmet = dependencies.filter((name) => !isExecuted(name));
  const [first] = unmet;
  if (first === undefined) return undefined;
  const names = dependencies.length <= NAMED ? unmet.join(", ") : unmet.length === 1 ? first : `${first} and others`;
  return { state: "waiting", reason: "Dependencies", message: bounded(`waiting for ${names}`) };
}

/**
 * Tasks that have ended well as far as this process alone knows: their object is gone, or was asked to go, and their record is not written yet. What depends on them waits
 * for the record: if this process ended in between, nothing would show that they were done, and they would run again beside what came after (I-2).
 */
export function unrecordedEnds(
  { status }: Pipeline,
  tasks: readonly TaskView[],
  askedToGo: ReadonlySet<string>,
): ReadonlySet<string> {
  const isUnrecorded = ({ task, record, object }: TaskView): boolean =>
    record.state === "executed" &&
    object !== undefined &&
    (object.gone || askedToGo.has(object.uid)) &&
    status?.tasks?.[task.name]?.state !== "executed";
  return new Set(tasks.filter(isUnrecorded).map(({ task }) => task.name));
}
