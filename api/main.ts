import { readFileSync } from "node:fs";
import { pino } from "pino";
import { collectDefaultMetrics, Registry } from "prom-client";
import { KubeClient } from "../kube/client.ts";
import { loadCluster } from "../settings/kube-config.ts";
import { helpText, SettingProblem } from "../settings/settings.ts";
import { describePublicReads } from "./auth/access.ts";
import { startFacade } from "./facade.ts";
import { API_SETTINGS, type ApiSettings, readApiSettings } from "./settings.ts";

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
  const tls = readTlsFiles(settings.tls);
  const { kubeConfig, namespace: own } = loadCluster(settings.cluster.kubeconfig, settings.cluster.context);
  const namespace = settings.namespace ?? own;
  const logger = pino({ name: "odin-api", level: settings.logLevel });
  const registry = new Registry();
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
    logger.info({ url: facade.url, namespace, reads: describePublicReads(settings.publicReads) }, "listening");
    try {
      await untilAborted(
        signal,
        facade.ready.then(() => logger.info({}, "ready")),
      );
    } finally {
      logger.info({}, "stopping");
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

function readTlsFiles(files: ApiSettings["tls"]): { cert: string; key: string } | undefined {
  if (files === undefined) return undefined;
  try {
    return { cert: readFileSync(files.certFile, "utf8"), key: readFileSync(files.keyFile, "utf8") };
  } catch (error) {
    throw new SettingProblem(`--tls-cert (ODIN_TLS_CERT), --tls-key (ODIN_TLS_KEY): ${(error as Error).message}`);
  }
}
