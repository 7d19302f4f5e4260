import { EPOCH, type Moment, momentOf } from "../dates.ts";
import type { WorkerObject } from "../pods/worker-object.ts";
import type { WorkerPods } from "../pods/worker-pods.ts";
import { isActive } from "../runs/run-object.ts";
import { runIdOf, runNameOf, type StoredPipeline } from "../runs/run-spec.ts";
import type { MlbenchRuns } from "../runs/runs.ts";
import type { MetricOwners, MetricPod, MetricRun } from "./metric-owners.ts";

/** The pods and runs whose metrics there are, as the watches and the store know them. */
export function knownOwners(
  pods: Pick<WorkerPods, "live" | "newest" | "ofRun">,
  runs: Pick<MlbenchRuns, "all" | "find">,
): MetricOwners {
  return {
    livePods: () => pods.live().map(podOf),
    newestPod: (name) => pods.newest(name),
    runs: () => runs.all().map(runOf),
    run(id) {
      const run = runs.find(id);
      return run === undefined ? undefined : runOf(run);
    },
    podsOfRun: (id) => pods.ofRun(id),
  };
}

function podOf({ metadata: { uid, name }, run }: WorkerObject): MetricPod {
  return { uid, name, ...(run === undefined ? {} : { runId: run }) };
}

function runOf(run: StoredPipeline): MetricRun {
  const created = momentOf(run.metadata.creationTimestamp ?? "") ?? EPOCH;
  return {
    id: runIdOf(run.metadata) ?? 0,
    name: runNameOf(run),
    createdAt: created,
    finishedAt: isActive(run) ? null : endOf(run.status?.completionTime ?? "", created),
  };
}

/** A time without a fraction is the second in which it ended: what was measured within that second is still of the run. */
function endOf(time: string, created: Moment): Moment {
  const end = momentOf(time) ?? created;
  return time.includes(".") ? end : end.replace(/\.\d{6}Z$/, ".999999Z");
}
