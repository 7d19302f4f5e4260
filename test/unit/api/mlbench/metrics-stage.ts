import { join } from "node:path";
import type { MlbenchCaller } from "../../../../api/mlbench/caller.ts";
import type { MetricOwners, MetricPod, MetricRun } from "../../../../api/mlbench/metrics/metric-owners.ts";
import { metricRoutes } from "../../../../api/mlbench/metrics/metric-routes.ts";
import type { MlbenchMetrics, OwnedEntry } from "../../../../store/mlbench-metrics.ts";
import { openStore, type StoreLocation } from "../../../../store/store.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";
import { type Answer, send, sendJson } from "../served.ts";
import { serveMlbench } from "./served-mlbench.ts";

/** What the tests of metrics have: a server with their routes alone, an embedded store, and pods and runs of their own. */
export interface MetricsStage {
  port: number;
  metrics: MlbenchMetrics;
  livePods: MetricPod[];
  gonePods: MetricPod[];
  runs: MetricRun[];
  /** Who asks, from now on. */
  caller: MlbenchCaller;
  logLines: Record<string, unknown>[];
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(body: unknown): Promise<Answer>;
  postForm(fields: Record<string, string>): Promise<Answer>;
  end(): Promise<void>;
}

/** Opens one, with the run 1 `First-run`; without a place its store is a file of its own. */
export async function metricsStage(place?: StoreLocation): Promise<MetricsStage> {
  const directory = await temporaryDirectory();
  const store = openStore(place ?? join(directory.path, "store.db"));
  const { mlbenchMetrics: metrics } = store;
  const livePods: MetricPod[] = [];
  const gonePods: MetricPod[] = [];
  const runs: MetricRun[] = [metricRun(1, "First-run")];
  const owners: MetricOwners = {
    livePods: () => livePods,
    newestPod: async (name) => [...gonePods, ...livePods].findLast((pod) => pod.name === name),
    runs: () => runs,
    run: (id) => runs.find((run) => run.id === id),
    podsOfRun: async (id) => [...gonePods, ...livePods].filter(({ runId }) => runId === id),
  };
  let stage: MetricsStage | undefined;
  const served = await serveMlbench(metricRoutes({ metrics, owners }), {
    authenticate: () => stage?.caller ?? { kind: "local", admin: false },
  });
  const { port, logLines } = served;
  stage = {
    ...{ port, metrics, livePods, gonePods, runs, logLines },
    caller: { kind: "local", admin: false },
    get: (path, headers = {}) => send(port, "GET", path, { headers }),
    post: (body) => sendJson(port, "POST", "/api/metrics/", body),
    postForm: (fields) =>
      send(port, "POST", "/api/metrics", {
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams(fields).toString(),
      }),
    async end() {
      await served.listener.close(0);
      await store.close();
      await directory.remove();
    },
  };
  return stage;
}

/** A run that has not ended. */
export function metricRun(id: number, name: string, more: Partial<MetricRun> = {}): MetricRun {
  return { id, name, createdAt: "2026-01-01T00:00:00.000000Z", finishedAt: null, ...more };
}

/** An entry of the given second of 2026. */
export function entryAt(second: number, more: Partial<OwnedEntry> = {}): OwnedEntry {
  const date = `${new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString().slice(0, 19)}.000000Z`;
  return { owner: "run:1", name: "loss", date, value: String(second), metadata: "", cumulative: false, ...more };
}
