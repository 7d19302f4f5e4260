import type { KubeClient } from "../kube/client.ts";
import type { Logger } from "../kube/logger.ts";
import type { CoreEvents } from "./act/core-events.ts";
import type { LogKeeper } from "./act/log-keeper.ts";
import type { TaskCache } from "./cache/task-cache.ts";
import type { Caches } from "./caches.ts";
import type { PodSettings } from "./kinds/pod-template.ts";
import type { Metrics } from "./metrics.ts";
import type { PlanSource } from "./plan-source.ts";
import type { RunTurns } from "./run-turns.ts";
import type { TaskSlots } from "./task-slots.ts";

/** What a `Reconciler` works with. */
export interface ReconcilerOptions {
  client: KubeClient;
  caches: Caches;
  plans: PlanSource;
  events: CoreEvents;
  pods: PodSettings;
  /** Pause before a task's second attempt; 10 s if left out. */
  retryPauseMs?: number;
  /** Attempts of a task that may be lost to the infrastructure where the task does not say. */
  infrastructureRetries?: number;
  /** How long a node may be lost before its tasks are tried again; 0: for ever. */
  nodeLostMs?: number;
  /** What tasks left on the shared volume; absent where there is none (O-202). */
  cache?: TaskCache;
  logger: Logger;
  metrics: Metrics;
  /** How many tasks the runs of a namespace may start. */
  slots: TaskSlots;
  /** Whose turn it is among the runs of a job. */
  turns: RunTurns;
  /** Keeps the logs of what is stopped. */
  logs?: LogKeeper;
  /** Does something for a run beside its passes; the run stays in this process's hands until that is done. `action` never rejects. */
  beside: (key: string, action: () => Promise<void>) => Promise<void>;
  /** Has a run looked at again. */
  again: (key: string) => void;
}
