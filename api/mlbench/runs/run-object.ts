import type { Pipeline } from "../../../crds/generated/types.ts";
import { runIdOf, runNameOf, type StoredPipeline, workersOf } from "./run-spec.ts";

/** States of a run, as the API tells them (M-34). */
export type RunState = "initialized" | "started" | "finished" | "failed";

/** A run as lists and the reply to its creation tell it; the order of the keys is part of it (M-34). */
export interface RunObject {
  id: number;
  name: string;
  created_at: string;
  finished_at: string | null;
  state: RunState;
  job_id: string;
  job_metadata: Record<string, unknown>;
  num_workers: number;
}

const STATES = { BUILDING: "initialized", RUNNING: "started", DONE: "finished", TERMINATED: "failed" } as const;

/** The state of a run (M-43). */
export function stateOf({ status }: Pick<Pipeline, "status">): RunState {
  return STATES[status?.phase ?? "BUILDING"];
}

/** Whether a run is in state `initialized` or `started`. */
export function isActive(run: Pick<Pipeline, "status">): boolean {
  const state = stateOf(run);
  return state === "initialized" || state === "started";
}

/** A run without what only its detail tells (M-34, M-35); undefined for a Pipeline that has no id yet (M-43). */
export function runObject(run: StoredPipeline): RunObject | undefined {
  const id = runIdOf(run.metadata);
  if (id === undefined) return undefined;
  return {
    id,
    name: runNameOf(run),
    created_at: shortDate(run.metadata.creationTimestamp ?? ""),
    finished_at: isActive(run) ? null : shortDate(run.status?.completionTime ?? run.metadata.creationTimestamp ?? ""),
    state: stateOf(run),
    job_id: run.metadata.uid,
    job_metadata: {},
    num_workers: workersOf(run),
  };
}

/** A time of an object in style (b): without a fraction that is zero (M-12). */
function shortDate(time: string): string {
  return time.replace(/\.0+Z$/, "Z");
}
