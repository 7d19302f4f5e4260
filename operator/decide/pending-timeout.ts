import type { Task, TaskStatus } from "../../crds/generated/types.ts";
import { bounded } from "./message.ts";
import type { ObservedObject, Stop } from "./run.ts";
import { isTerminal, kindWord } from "./task-state.ts";

/**
 * When an object has been waiting to run for too long, in milliseconds since 1970; undefined if the task sets no such limit, the object has begun to
 * run, or its record is final. It counts for each attempt from its creation, so a full quota, which keeps objects from being created, does not
 * count (F-21, F-22).
 */
export function pendingDeadlineOf(
  { pendingTimeout }: Task,
  record: TaskStatus,
  object: ObservedObject | undefined,
): number | undefined {
  if (pendingTimeout === undefined || object?.phase !== "Pending" || isTerminal(record)) return undefined;
  return Date.parse(object.createdAt) + pendingTimeout * 1000;
}

/**
 * What is told of a task whose object did not begin to run in time: what it was waiting for is kept. A kubelet that takes the pod away
 * empties its state first; then the record still has it.
 */
export function pendingTooLong({ pendingTimeout }: Task, record: TaskStatus, object: ObservedObject): Stop {
  const { waiting, resource } = object;
  const seen = waiting === undefined ? record.message : `${waiting.reason}: ${waiting.message}`;
  const cause = seen === undefined ? "" : `; last seen: ${seen}`;
  const message = `${kindWord(resource.kind)} did not run within ${pendingTimeout}s of its creation${cause}`;
  return { reason: "PendingTimeout", message: bounded(message) };
}
