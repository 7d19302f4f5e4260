import type Koa from "koa";
import type { Middleware } from "koa";
import type { Registry } from "prom-client";
import type { KubeClient } from "../../kube/client.ts";
import { execInPod } from "../../kube/exec.ts";
import type { Logger } from "../../kube/logger.ts";
import type { Store } from "../../store/store.ts";
import type { ObserveRequest } from "../metrics.ts";
import type { Route } from "../route.ts";
import { authenticator } from "./access.ts";
import { buildMlbenchApp } from "./app.ts";
import { makeBodyWork } from "./body-work/body-work.ts";
import { MetricCollector, type PodOnNode } from "./collector/collector.ts";
import { KubeletCredentials } from "./collector/kubelet-credentials.ts";
import { CommandRuns } from "./controller/command-run.ts";
import { MlbenchController } from "./controller/controller.ts";
import { forgetRun } from "./controller/forget-run.ts";
import type { ExecProgram } from "./controller/rank-command.ts";
import { MasterLabel } from "./master-label.ts";
import { knownOwners } from "./metrics/known-owners.ts";
import { MetricRetention } from "./metrics/metric-retention.ts";
import type { MlbenchSettings } from "./mlbench-settings.ts";
import { mlbenchDocumentRoutes } from "./openapi/api-document.ts";
import { isOwnWorker } from "./pods/own-worker.ts";
import type { WorkerObject } from "./pods/worker-object.ts";
import { WorkerPods } from "./pods/worker-pods.ts";
import type { MlbenchRoute } from "./route.ts";
import { mlbenchRoutes } from "./routes.ts";
import { Register } from "./runs/register.ts";
import { runObject } from "./runs/run-object.ts";
import { MlbenchRuns } from "./runs/runs.ts";

/** What the MLBench API is started with. */
export interface MlbenchOptions {
  settings: MlbenchSettings;
  client: KubeClient;
  /** Where the pods of this program are. */
  podNamespace: string;
  /** Closed by whoever gives it, after `stop`. */
  store: Store;
  /** Lets only credentials of the Odin view pass (O-24); users have to be known for that. */
  requireCredential: Middleware;
  usersKnown: () => boolean;
  isAdmin: (username: string) => boolean;
  tls: boolean;
  observe: ObserveRequest;
  logger: Logger;
  registry: Registry;
}

/** The MLBench API of a facade. */
export interface Mlbench {
  /** Answers everything below /api but /api/v1. */
  app: Koa;
  routes: readonly MlbenchRoute[];
  /** Routes of the Odin view that describe those. */
  documentRoutes: readonly Route[];
  /** Begins to follow what it shows. */
  start(): void;
  /** To be called when no request is left. */
  stop(): Promise<void>;
}

/** Wires the MLBench API. */
export function makeMlbench(options: MlbenchOptions): Mlbench {
  const { settings, client, store, requireCredential, usersKnown, isAdmin, logger, registry } = options;
  const pods = new WorkerPods({ client, records: store.mlbenchPods, settings, logger, registry });
  const { namespace, release } = settings;
  const runs = new MlbenchRuns({ client, namespace, logger, registry });
  const register = new Register({ client, namespace, release, runs });
  const output = store.mlbenchOutput(settings.outputLines);
  const exec: ExecProgram = (program) => execInPod(client, program);
  const {
    podNamespace,
    settings: { pod, kubeletCa, kubeletAccount },
  } = options;
  const master = new MasterLabel({ client, namespace: podNamespace, pod, release, logger });
  const controller = new MlbenchController({
    ...{ client, runs, pods, register, output, settings, logger, registry },
    commands: ({ onEnd }) => new CommandRuns({ exec, output, onEnd, logger }),
    forget: (run) => forgetRun(store, output, run),
    onActive: (isActive) => master.follow(isActive),
  });
  const { mlbenchMetrics: metrics, mlbenchPods } = store;
  const routes = mlbenchRoutes({
    pods,
    runs: { client, runs, register, output, settings },
    mpiJobs: { namespace, exec },
    metrics: { metrics, owners: knownOwners(pods, runs) },
    events: {
      source: {
        run(id) {
          const run = runs.find(id);
          return run && runObject(run);
        },
        ...{ output, metrics },
      },
    },
  });
  const isCollecting = (): boolean => controller.isActive && pods.hasSynced && runs.hasSynced;
  const collector = new MetricCollector({
    ...{ metrics, logger, isActive: isCollecting, cadvisor: settings.cadvisor },
    pods: () => pods.live().map(collectedPod),
    access: {
      port: settings.kubeletPort,
      credentials: new KubeletCredentials({
        client,
        ...(kubeletCa === undefined ? {} : { caFile: kubeletCa }),
        ...(kubeletAccount === undefined ? {} : { account: { namespace: podNamespace, name: kubeletAccount } }),
      }),
    },
    intervalMs: settings.scrapeSeconds * 1000,
  });
  const retention = new MetricRetention({
    ...{ metrics, logger, pods: mlbenchPods, isActive: isCollecting },
    hasRun: (id) => runs.ofAnyState(id) !== undefined,
    presentPods: () => new Set([...pods.informer.list()].map(({ metadata }) => metadata.uid)),
    podMetricDays: settings.podMetricDays,
  });
  const { tls, observe } = options;
  const work = makeBodyWork();
  const app = buildMlbenchApp({
    routes,
    authenticate: authenticator({
      network: settings.network,
      trustedProxies: settings.trustedProxies,
      workerAt(address) {
        const pod = pods.at(address);
        const run = pod?.run === undefined ? undefined : runs.ofAnyState(pod.run);
        return pod !== undefined && run !== undefined && isOwnWorker(pod, run) ? pod : undefined;
      },
      ...{ requireCredential, isAdmin },
    }),
    notReady: () => [
      ...(usersKnown() ? [] : ["users"]),
      ...(pods.hasSynced ? [] : ["worker pods"]),
      ...(runs.hasSynced ? [] : ["runs"]),
    ],
    ...{ work, tls, observe, logger },
  });
  return {
    app,
    routes,
    documentRoutes: mlbenchDocumentRoutes(routes),
    start() {
      runs.start();
      pods.start();
      // What a process before this one has left on the same pod.
      master.follow(false);
      controller.start();
      collector.start();
      retention.start();
    },
    async stop() {
      await Promise.all([collector.stop(), retention.stop()]);
      await controller.stop();
      await master.stop();
      await Promise.all([runs.stop(), pods.stop(), work.stop()]);
    },
  };
}

function collectedPod({ metadata: { uid, name, namespace = "" }, container, hostIp }: WorkerObject): PodOnNode {
  return { uid, name, namespace, container, hostIp };
}
