import type { Task } from "../../crds/generated/types.ts";

/** Further attempts that a task has for failures of the infrastructure where neither it nor the settings say (F-18, F-19). */
export const INFRASTRUCTURE_RETRIES = 3;

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * How many attempts of a task may be lost to the infrastructure before one more loss is its failure. These are counted apart from `retries`, so that
 * a node that goes never uses up what is meant for the task's own failures. A batch Job makes its own pods anew and does not count disrupted ones.
 */
export function infrastructureBudget(task: Task, fallback: number): number {
  return task.resourceType === "Job" ? 0 : (task.infrastructureRetries ?? fallback);
}

/** Pause before the attempt that follows the `lost`th loss: 1 s, twice that, … up to a minute; long enough for a node to be left alone. */
export function infrastructurePauseMs(lost: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (lost - 1), LONGEST_PAUSE_MS);
}
