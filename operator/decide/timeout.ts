import type { Task, TaskStatus } from "../../crds/generated/types.ts";
import { isSuspended } from "./suspension.ts";
import { isTerminal } from "./task-state.ts";

/**
 * When a task times out, in milliseconds since 1970; undefined if it has no timeout, has ended, or cannot start yet (O-143). The time counts from the
 * moment the operator first saw that it could start and covers waiting for quota, node and image, every attempt, and the pauses
 * between them, but not the time for which only the run's suspension keeps it from starting. `createdAt` stands in for that moment where a crash kept it from being written down.
 */
export function deadlineOf(task: Task, record: TaskStatus, createdAt?: string): number | undefined {
  const ready = record.readyTime ?? createdAt;
  if (task.timeout === undefined || ready === undefined || isTerminal(record) || isSuspended(record)) return undefined;
  return Date.parse(ready) + task.timeout * 1000;
}
