import { collectDefaultMetrics, Registry } from "prom-client";
import { kubeMetrics } from "../kube/metrics.ts";
import { loadCluster } from "../settings/kube-config.ts";
import { makeLogger } from "../settings/logger.ts";
import { processMetrics } from "../settings/process-metrics.ts";
import { helpText, readSettings, SettingProblem } from "../settings/settings.ts";
import { sharedVolumeOf } from "../settings/shared.ts";
import { storeOf } from "../settings/store-setting.ts";
import { announceStore, openStore } from "../store/store.ts";
import { aborted, ElectedOperator } from "./elected-operator.ts";
import { startHealth } from "./health.ts";
import { makeMetrics } from "./metrics.ts";
import { OPERATOR_SETTINGS } from "./settings.ts";

const NAME = "odin-operator";
/** Watches get a bookmark about once a minute. */
const SILENT_SECONDS = 150;
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
  const storeSetting = storeOf(settings);
  const { kubeConfig, namespace: own } = loadCluster(settings.kubeconfig, settings.context);
  const registry = new Registry();
  const { logLevel, logFormat } = settings;
  const logger = makeLogger({ name: "operator", logLevel, logFormat, registry });
  collectDefaultMetrics({ register: registry });
  const metrics = makeMetrics(registry);

  if (settings.shards > 1 && !settings.leaderElect)
    throw new SettingProblem("--shards (ODIN_SHARDS) needs leases: leave --leader-elect (ODIN_LEADER_ELECT) at true");
  const store = storeSetting === undefined ? undefined : openStore(storeSetting);
  const operator = new ElectedOperator({
    kubeConfig,
    // The server's audit log tells by it which of several processes asked.
    userAgent: `${NAME} (${settings.identity.replace(/[^\w.:@-]/g, "_").slice(0, 100)})`,
    logger,
    registry,
    ...(settings.leaderElect
      ? {
          lease: {
            namespace: settings.leaseNamespace ?? own,
            name: NAME,
            shards: settings.shards,
            identity: settings.identity,
            seconds: settings.leaseDuration,
          },
        }
      : {}),
    operator: {
      metrics,
      ...(store === undefined
        ? {}
        : {
            store,
            logRetentionDays: settings.logRetention,
            logPatienceMs: settings.logPatience * 1000,
            runRetentionDays: settings.runRetention,
            maxLogBytes: settings.logMaxTotal * 1024 * 1024,
          }),
      workers: settings.workers,
      namespace: settings.namespace === "*" ? undefined : (settings.namespace ?? own),
      installDefinitions: settings.installDefinitions,
      taskSecrets: settings.taskSecrets,
      ...(settings.runTtl === undefined ? {} : { runTtlSeconds: settings.runTtl }),
      ...(settings.namespaceParallelism === 0 ? {} : { namespaceParallelism: settings.namespaceParallelism }),
      retryPauseMs: settings.retryPause * 1000,
      infrastructureRetries: settings.infrastructureRetries,
      nodeLostMs: settings.nodeLostTimeout * 1000,
      pods: {
        paths: { root: settings.root, data: settings.data },
        ...(sharedVolume === undefined ? {} : { sharedVolume }),
        pullSecrets: settings.pullSecrets,
        elasticEtcd: settings.elasticEtcd,
        clockworkEnv: settings.clockworkPodEnv,
        ...(settings.taskServiceAccount === undefined ? {} : { serviceAccount: settings.taskServiceAccount }),
        ...(settings.taskUser === undefined ? {} : { taskUser: settings.taskUser }),
      },
    },
  });
  const mayNot = (of?: (verb: string, resource: string) => boolean): string | undefined => {
    const missing = operator.client.missingRights.list(of);
    return missing.length === 0 ? undefined : `the operator lacks the right to ${missing.join(", ")}`;
  };
  let ready = false;
  const notReady = (): string | undefined =>
    ready
      ? (operator.trouble ?? mayNot(isNeededToSee) ?? silence(registry))
      : (mayNot() ?? "the caches are not filled yet");
  processMetrics(registry, "operator", () => notReady() === undefined);
  const health = await startHealth({
    ...settings.metricsListen,
    registry,
    notReady,
    degraded: () => operator.mismatch ?? mayNot(),
  });
  logger.info({ port: health.port, namespace: settings.namespace ?? own }, "operator starting");
  try {
    await Promise.race([operator.start(), aborted(signal)]);
    if (signal.aborted) return;
    ready = true;
    if (store !== undefined) announceStore(store, logger);
    await operator.run(signal);
  } finally {
    await operator.stop();
    await health.stop();
    await store?.close();
    logger.info({}, "operator stopped");
  }
}

/** That a watch has brought nothing for twice the time between two bookmarks and is not back yet. */
function silence(registry: Registry): string | undefined {
  for (const { label, lastEventAgeSeconds } of kubeMetrics(registry).informers) {
    const age = Math.round(lastEventAgeSeconds() ?? 0);
    if (age > SILENT_SECONDS) return `the API server has said nothing about ${label} for ${age} s`;
  }
  return undefined;
}

/** Requests without which nothing can be seen; kinds that cannot be listed only keep tasks of that kind waiting. */
function isNeededToSee(verb: string, resource: string): boolean {
  return (verb === "list" || verb === "watch") && /^(pods|pipelines|configmaps)$/.test(resource);
}
