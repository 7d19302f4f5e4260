import { collectDefaultMetrics, Registry } from "prom-client";
import { KubeClient } from "../kube/client.ts";
import { loadCluster } from "../settings/kube-config.ts";
import { makeLogger } from "../settings/logger.ts";
import { helpText } from "../settings/settings.ts";
import { describePublicReads } from "./auth/access.ts";
import { CertificateRenewal, readCertificate } from "./certificate.ts";
import { startFacade } from "./facade.ts";
import { certificateMetrics } from "./metrics.ts";
import { API_SETTINGS, readApiSettings } from "./settings.ts";

/**
 * Runs the REST facade until `signal` aborts. `argv` are the arguments after `odin api`. Rejects with a `SettingProblem` for
 * a wrong setting, and with the system's error if the address cannot be listened on.
 */
export async function runApi(argv: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  if (argv.includes("--help")) {
    process.stdout.write(helpText("odin api: serves the REST API.", API_SETTINGS));
    return;
  }
  const settings = readApiSettings(argv, env);
  const tls = settings.tls === undefined ? undefined : await readCertificate(settings.tls);
  const { kubeConfig, namespace: own } = loadCluster(settings.cluster.kubeconfig, settings.cluster.context);
  const namespace = settings.namespace ?? own;
  const registry = new Registry();
  const { logLevel, logFormat } = settings;
  const logger = makeLogger({ name: "odin-api", logLevel, logFormat, registry });
  collectDefaultMetrics({ register: registry });
  const client = new KubeClient({ kubeConfig, userAgent: "odin-api", registry, logger });
  try {
    const facade = await startFacade({
      settings,
      namespace,
      ownNamespace: own,
      client,
      logger,
      registry,
      ...(tls === undefined ? {} : { tls }),
    });
    const renewal =
      settings.tls === undefined || tls === undefined
        ? undefined
        : new CertificateRenewal(settings.tls, tls, (renewed) => facade.renewCertificate(renewed), logger);
    if (renewal !== undefined) certificateMetrics(registry, () => renewal.current.cert);
    logger.info({ url: facade.url, namespace, reads: describePublicReads(settings.publicReads) }, "listening");
    try {
      await untilAborted(
        signal,
        facade.ready.then(() => logger.info({}, "ready")),
      );
    } finally {
      logger.info({}, "stopping");
      renewal?.stop();
      await facade.stop();
    }
  } finally {
    client.close();
  }
}

/** Waits for the signal; a start that cannot succeed ends the wait with its error. */
async function untilAborted(signal: AbortSignal, ready: Promise<void>): Promise<void> {
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([aborted, ready.then(() => aborted)]);
}
