import type { Pipeline, TaskStatus } from "../../crds/generated/types.ts";
import { carried } from "./retry.ts";

const REASON = "Suspended";

/** When the suspension began that the run's status says is going on, in milliseconds since 1970; undefined if it says so of none. */
export function suspendedSince(status: Pipeline["status"]): number | undefined {
  const going = status?.conditions?.find(({ type, status: value }) => type === REASON && value === "True");
  return going?.lastTransitionTime === undefined ? undefined : Date.parse(going.lastTransitionTime);
}

/** Whether a task waits for nothing but its run to be resumed; its time stands still meanwhile. */
export function isSuspended(record: TaskStatus): boolean {
  return record.state === "waiting" && record.reason === REASON;
}

/** The record of a task that could start if its run were not suspended. */
export function suspendedRecord(record: TaskStatus): TaskStatus {
  const message = "ready, but the run is suspended (spec.suspend)";
  // Until the end of the pause between two attempts the task's time went on.
  const { retryTime } = record;
  return {
    ...carried(record),
    ...(retryTime === undefined ? {} : { retryTime }),
    state: "waiting",
    reason: REASON,
    message,
  };
}

/** The last record of a task as it goes on: the time at which it could first start is later by as long as only the suspension kept it from starting (O-143). */
export function resumedRecord(record: TaskStatus, status: Pipeline["status"], until: string): TaskStatus {
  const since = suspendedSince(status);
  if (!isSuspended(record) || record.readyTime === undefined || since === undefined) return record;
  const from = Math.max(since, Date.parse(record.readyTime), Date.parse(record.retryTime ?? record.readyTime));
  const stoodStill = Math.max(0, Date.parse(until) - from);
  return { ...record, readyTime: new Date(Date.parse(record.readyTime) + stoodStill).toISOString() };
}
