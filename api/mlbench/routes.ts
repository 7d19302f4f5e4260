import { type EventRouteParts, eventRoutes } from "./events/routes.ts";
import { type MetricParts, metricRoutes } from "./metrics/metric-routes.ts";
import { type MpiJobParts, mpiJobRoutes } from "./mpi-jobs/routes.ts";
import { podRoutes } from "./pods/routes.ts";
import type { WorkerPods } from "./pods/worker-pods.ts";
import { rootRoutes } from "./root-routes.ts";
import type { MlbenchRoute } from "./route.ts";
import { type RunRouteParts, runRoutes } from "./runs/run-routes.ts";

/** What the routes of the MLBench API rest on. */
export interface MlbenchParts {
  pods: WorkerPods;
  runs: RunRouteParts;
  mpiJobs: Omit<MpiJobParts, "pods">;
  metrics: MetricParts;
  events: EventRouteParts;
}

/** Every route of the MLBench API. */
export function mlbenchRoutes({ pods, runs, mpiJobs, metrics, events }: MlbenchParts): MlbenchRoute[] {
  return [
    ...rootRoutes(),
    ...podRoutes(pods),
    ...runRoutes(runs),
    ...mpiJobRoutes({ ...mpiJobs, pods }),
    ...metricRoutes(metrics),
    ...eventRoutes(events),
  ];
}
