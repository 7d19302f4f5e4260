import { Registry } from "prom-client";
import { type Listener, listen } from "../../../../api/listener.ts";
import { httpMetrics } from "../../../../api/metrics.ts";
import { buildMlbenchApp, describeMlbenchError, type MlbenchAppParts } from "../../../../api/mlbench/app.ts";
import { makeBodyWork } from "../../../../api/mlbench/body-work/body-work.ts";
import type { MlbenchRoute } from "../../../../api/mlbench/route.ts";

/** For the worst body, on a machine however busy. */
const LONG_MS = 600_000;

/** A server of the MLBench API without Kubernetes: routes of the test's own. */
export interface ServedMlbench {
  listener: Listener;
  port: number;
  logLines: Record<string, unknown>[];
}

/** Starts the server; whoever asks is `local`, unless `authenticate` says otherwise. */
export async function serveMlbench(
  routes: readonly MlbenchRoute[],
  more: { authenticate?: MlbenchAppParts["authenticate"]; notReady?: () => string[] } = {},
): Promise<ServedMlbench> {
  const work = makeBodyWork({ deadlineMs: LONG_MS });
  const logLines: Record<string, unknown>[] = [];
  const log = (level: string) => (fields: object, msg: string) => void logLines.push({ level, ...fields, msg });
  const app = buildMlbenchApp({
    routes,
    authenticate: more.authenticate ?? (() => ({ kind: "local", admin: false })),
    notReady: more.notReady ?? (() => []),
    work,
    tls: false,
    observe: httpMetrics(new Registry()),
    logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
  });
  const listener = await listen(app.callback(), { host: "127.0.0.1", port: 0, describeError: describeMlbenchError });
  return { listener, port: Number(new URL(listener.url).port), logLines };
}
