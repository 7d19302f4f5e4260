import type { Outcome } from "./cluster/outcome.ts";

/** A task of a simulated run, and what its attempts come to. */
export interface TaskPlan {
  name: string;
  depends: string[];
  kind: "Pod" | "Job";
  retries: number;
  /** Losses to the cluster that it survives. */
  infrastructureRetries: number;
  /** Seconds that its pod may take to run; absent: for ever. */
  pendingTimeout?: number;
  /** Seconds; absent: it may take for ever. */
  timeout?: number;
  /** By attempt; the last one stands for all that follow. */
  outcomes: Outcome[];
}

/** What a user does to a run. */
export interface UserAction {
  id: string;
  atMs: number;
  kind: "cancel" | "suspend" | "resume" | "stop" | "delete" | "recreate" | "touch";
}

/** A run that a user starts, and what else is done to it. */
export interface RunPlan {
  id: string;
  name: string;
  atMs: number;
  failurePolicy: "Stop" | "FailFast" | "Continue";
  /** Seconds; absent: no limit. */
  timeout?: number;
  /** It is a run of a Job, which is created that much later than the run, or earlier; absent: it carries its tasks itself. */
  jobAfterMs?: number;
  /** Tasks at a time; absent: no limit. */
  parallelism?: number;
  /** Seconds after its end until it is deleted; absent: never. */
  ttl?: number;
  tasks: TaskPlan[];
  actions: UserAction[];
}

/** Something that goes wrong. Those with `forMs` pass. */
export type Fault = { id: string; atMs: number } & (
  | { kind: "crash"; operator: number; writes: number; when: "before" | "after"; restartMs: number; renamed: boolean }
  | { kind: "pause"; operator: number; forMs: number }
  | { kind: "clock"; operator: number; skewMs: number }
  | { kind: "slow"; operator: number; forMs: number; requestMs: number; watchMs: number }
  | { kind: "lost"; operator: number; forMs: number; part: number }
  | { kind: "failing"; operator: number; forMs: number; part: number; failure: 429 | 500 | 503 }
  | { kind: "unreachable"; operator: number; forMs: number; silent: boolean }
  | { kind: "watch"; operator: number; what: "cut" | "stall" | "end" | "replay" }
  | { kind: "compact" }
  | { kind: "quota"; forMs: number; pods: number }
  | { kind: "pod"; what: "evicted" | "preempted" | "deleted"; choice: number }
  | { kind: "node"; node: number; forMs: number }
  | { kind: "lease" }
);

/** A whole schedule: the same case always plays the same. */
export interface Case {
  seed: number;
  operators: number;
  /** Leases that the operators share the runs by. */
  shards: number;
  retryPauseMs: number;
  runs: RunPlan[];
  faults: Fault[];
}

/** When the last of what is planned is over. */
export function settledMs({ runs, faults }: Case): number {
  const ends = [
    ...runs.flatMap(({ atMs, actions }) => [atMs, ...actions.map((action) => action.atMs)]),
    ...faults.map(
      (fault) => fault.atMs + ("forMs" in fault ? fault.forMs : "restartMs" in fault ? fault.restartMs : 0),
    ),
  ];
  return Math.max(0, ...ends);
}
