import { Registry } from "prom-client";
import type { Certificate } from "../../../../api/certificate.ts";
import { type Listener, listen } from "../../../../api/listener.ts";
import { httpMetrics } from "../../../../api/metrics.ts";
import { parseNetworks } from "../../../../api/networks.ts";
import type { Upgrades } from "../../../../api/upgrades.ts";
import { parseAllowList } from "../../../../api/vesta/allow-list.ts";
import { buildVestaApp, describeVestaError } from "../../../../api/vesta/app.ts";
import type { VestaRoute } from "../../../../api/vesta/route.ts";

/** A server of vesta without Kubernetes and a store: routes of the test's own. */
export interface ServedVesta {
  listener: Listener;
  port: number;
  logLines: Record<string, unknown>[];
}

/** Starts the server; it admits this machine, unless `allow` says otherwise. */
export async function serveVesta(
  routes: readonly VestaRoute[],
  { allow = "127.0.0.1", proxies = [], notReady = () => [], upgrades, tls }: ServedVestaOptions = {},
): Promise<ServedVesta> {
  const logLines: Record<string, unknown>[] = [];
  const log = (level: string) => (fields: object, msg: string) => void logLines.push({ level, ...fields, msg });
  const app = buildVestaApp({
    ...{ routes, notReady, tls: tls !== undefined },
    validNetwork: parseAllowList(allow),
    trustedProxies: parseNetworks(proxies),
    observe: httpMetrics(new Registry()),
    logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
  });
  const listener = await listen(app.callback(), {
    ...{ host: "127.0.0.1", port: 0, describeError: describeVestaError },
    ...(upgrades === undefined ? {} : { upgrades }),
    ...(tls === undefined ? {} : { tls }),
  });
  return { listener, port: Number(new URL(listener.url).port), logLines };
}

interface ServedVestaOptions {
  allow?: string;
  proxies?: string[];
  notReady?: () => string[];
  upgrades?: Upgrades;
  /** HTTPS is served with it. */
  tls?: Certificate;
}
