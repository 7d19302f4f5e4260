import type { Registry } from "prom-client";
import type { KubeClient } from "../kube/client.ts";
import type { Logger } from "../kube/logger.ts";
import type { Store } from "../store/store.ts";
import { makeArchiveMetrics } from "./act/archive-metrics.ts";
import { ArchiveSweep } from "./act/archive-sweep.ts";
import type { CoreEvents } from "./act/core-events.ts";
import { LogKeeper } from "./act/log-keeper.ts";
import { RunKeeper } from "./act/run-keeper.ts";
import type { Caches } from "./caches.ts";
import type { Metrics } from "./metrics.ts";

/** What an operator is told about its store. */
export interface ArchiveSettings {
  /** Keeps the logs of ended tasks; without it they go with their pods. */
  store?: Store;
  /** Days for which logs are kept; 0 or absent: as long as their run. */
  logRetentionDays?: number;
  /** Days for which an ended run is kept when its object is gone; 0 or absent: not at all. */
  runRetentionDays?: number;
  /** How long a log may hold up the deletion of its run while its node does not give it; 0: for ever, absent: five minutes. */
  logPatienceMs?: number;
  /** Longest that the stop of a task waits for what it has written; absent: two seconds. */
  logGraceMs?: number;
  /** Most bytes that logs may take up in the store, compressed; 0 or absent: any number. */
  maxLogBytes?: number;
}

/** What puts things into the store and takes them out again; all of it absent where there is no store. */
export interface ArchiveParts {
  logs: LogKeeper | undefined;
  /** Absent too where ended runs are not kept. */
  runs: RunKeeper | undefined;
  sweep: ArchiveSweep | undefined;
}

/** Makes what an operator with these settings needs; nothing of it works before it is begun. */
export function makeArchiveParts(
  settings: ArchiveSettings,
  surroundings: {
    client: KubeClient;
    caches: Caches;
    events: CoreEvents;
    metrics: Metrics;
    registry: Registry;
    logger: Logger;
    namespace: string | undefined;
    /** Whether this process acts on the run at `namespace/name`. */
    owns: (key: string) => boolean;
  },
): ArchiveParts {
  const { store, logRetentionDays = 0, runRetentionDays = 0, maxLogBytes = 0, logPatienceMs, logGraceMs } = settings;
  if (store === undefined) return { logs: undefined, runs: undefined, sweep: undefined };
  const { client, caches, events, metrics, registry, logger, namespace, owns } = surroundings;
  const common = { client, caches, events, logger, owns };
  const counted = makeArchiveMetrics(registry, { logs: () => logs, runs: () => runs });
  const runs = runRetentionDays > 0 ? new RunKeeper({ ...common, archive: store.runs, metrics: counted }) : undefined;
  const logs = new LogKeeper({
    ...common,
    archive: store.logs,
    metrics,
    outlives: (uid) => runs?.holds(uid) ?? false,
    ...(logPatienceMs === undefined ? {} : { patienceMs: logPatienceMs }),
    ...(logGraceMs === undefined ? {} : { graceMs: logGraceMs }),
    onFailure: counted.failed,
  });
  const sweep = new ArchiveSweep({
    ...{ store, caches, namespace, logRetentionDays, runRetentionDays, maxLogBytes, logger },
  });
  return { logs, runs, sweep };
}
