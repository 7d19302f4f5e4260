import { pino } from "pino";
import { collectDefaultMetrics, Registry } from "prom-client";
import { KubeClient } from "../kube/client.ts";
import { LeaderElection } from "../kube/lease.ts";
import { Limiter } from "../kube/limiter.ts";
import { loadCluster } from "../settings/kube-config.ts";
import { helpText, readSettings } from "../settings/settings.ts";
import { sharedVolumeOf } from "../settings/shared.ts";
import { announceStore, openStore } from "../store/store.ts";
import { startHealth } from "./health.ts";
import { makeMetrics } from "./metrics.ts";
import { PipelineOperator } from "./pipeline-operator.ts";
import { OPERATOR_SETTINGS } from "./settings.ts";

const USER_AGENT = "odin-operator";
const USAGE = "odin operator: runs the Pipelines of a cluster.";

/**
 * Runs the operator until `signal` aborts, then ends cleanly. Throws `SettingProblem` for a wrong setting, and an error when the lease is lost: the
 * process must end then, for another one works already (F-33).
 */
export async function runOperator(argv: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  if (argv.includes("--help")) {
    process.stdout.write(helpText(USAGE, OPERATOR_SETTINGS));
    return;
  }
  const settings = readSettings(OPERATOR_SETTINGS, argv, env);
  const sharedVolume = sharedVolumeOf(settings);
  const { kubeConfig, namespace: own } = loadCluster(settings.kubeconfig, settings.context);
  const logger = pino({ name: "operator", level: settings.logLevel });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = makeMetrics(registry);

  let lease: LeaderElection | undefined;
  const client = new KubeClient({
    kubeConfig,
    userAgent: USER_AGENT,
    registry,
    logger,
    limiter: new Limiter(),
    ...(settings.leaderElect ? { canWrite: () => lease?.isLeader() ?? false } : {}),
  });
  // The lease and the definitions are written before, and apart from, being leader.
  const leaseClient = new KubeClient({ kubeConfig, userAgent: USER_AGENT, logger });
  const store = settings.store === undefined ? undefined : openStore(settings.store);
  const operator = new PipelineOperator({
    kubeConfig,
    client,
    definitionClient: leaseClient,
    logger,
    registry,
    metrics,
    ...(store === undefined ? {} : { store, logRetentionDays: settings.logRetention }),
    workers: settings.workers,
    namespace: settings.namespace === "*" ? undefined : (settings.namespace ?? own),
    installDefinitions: settings.installDefinitions,
    taskSecrets: settings.taskSecrets,
    retryPauseMs: settings.retryPause * 1000,
    pods: {
      paths: { root: settings.root, data: settings.data },
      ...(sharedVolume === undefined ? {} : { sharedVolume }),
      pullSecrets: settings.pullSecrets,
      elasticEtcd: settings.elasticEtcd,
      ...(settings.taskServiceAccount === undefined ? {} : { serviceAccount: settings.taskServiceAccount }),
    },
  });
  let ready = false;
  const health = await startHealth({
    ...settings.metricsListen,
    registry,
    notReady: () => (ready ? undefined : "the caches are not filled yet"),
  });
  logger.info({ port: health.port, namespace: settings.namespace ?? own }, "operator starting");
  try {
    await Promise.race([operator.start(), aborted(signal)]);
    if (signal.aborted) return;
    ready = true;
    if (store !== undefined) announceStore(store, logger);
    if (!settings.leaderElect) {
      operator.begin();
      logger.info({}, "operator running");
      await aborted(signal);
      return;
    }
    const term = new AbortController();
    signal.addEventListener("abort", () => void operator.stop().finally(() => term.abort()), { once: true });
    lease = new LeaderElection({
      client: leaseClient,
      namespace: settings.leaseNamespace ?? own,
      name: "odin-operator",
      identity: settings.identity,
      logger,
      onStarted: () => {
        operator.begin();
        logger.info({ identity: settings.identity }, "operator running as leader");
      },
      onStopped: () => {
        term.abort();
      },
    });
    await lease.run(term.signal);
    if (!signal.aborted) throw new Error("the lease was lost; another process works now, so this one ends");
  } finally {
    await operator.stop();
    await health.stop();
    await store?.close();
    client.close();
    leaseClient.close();
    logger.info({}, "operator stopped");
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
