import type { Registry } from "prom-client";
import type { KubeClient } from "../kube/client.ts";
import type { Logger } from "../kube/logger.ts";
import { requireCredential } from "./auth/credential.ts";
import { hashGate } from "./auth/hash-gate.ts";
import { Logins } from "./auth/logins.ts";
import { RootUserKeeper } from "./auth/root-user-keeper.ts";
import { authRoutes } from "./auth/routes.ts";
import { Tokens } from "./auth/tokens.ts";
import { userRoutes } from "./auth/user-routes.ts";
import { UserStore } from "./auth/user-store.ts";
import { cachedUsers } from "./auth/users.ts";
import { makeCaches, unsynced } from "./cache/caches.ts";
import { clusterView } from "./cache/cluster-view.ts";
import { Gpus } from "./gpu/gpus.ts";
import { healthRoutes } from "./health.ts";
import { type Listener, listen } from "./listener.ts";
import { cacheMetrics, httpMetrics } from "./metrics.ts";
import { kubernetesLogs } from "./odin/log-source.ts";
import { odinRoutes } from "./odin/routes.ts";
import { openApiRoutes } from "./openapi/route.ts";
import type { Route } from "./route.ts";
import { buildApp } from "./server.ts";
import type { ApiSettings } from "./settings.ts";

/** What a facade is started with, beyond its settings. */
export interface FacadeOptions {
  settings: ApiSettings;
  namespace: string;
  client: KubeClient;
  logger: Logger;
  registry: Registry;
  /** PEM texts, if HTTPS is to be served. */
  tls?: { cert: string; key: string };
}

/** A running facade. */
export interface Facade {
  /** Base URL, without `/v1`. */
  url: string;
  /** Everything it serves. */
  routes: readonly Route[];
  /** Resolves when requests can be served. */
  ready: Promise<void>;
  /** Stops accepting, lets answers finish, ends the streams and the watches. */
  stop(): Promise<void>;
}

/** How long answers in progress may take once the facade stops. */
const DRAIN_MS = 10_000;

/** Wires the parts and starts to listen. Until the caches are filled, requests that need them get a 503. */
export async function startFacade(options: FacadeOptions): Promise<Facade> {
  const { settings, namespace, client, logger, registry } = options;
  const stopping = new AbortController();
  const caches = makeCaches({ client, namespace, logger, registry });
  const view = clusterView(caches, namespace);
  const users = cachedUsers(caches.users, namespace);
  const tokens = new Tokens(settings.tokens, users);
  // One for all: however passwords arrive, they share the processor's time.
  const gate = hashGate();
  const logins = new Logins(users, registry, gate);
  const store = new UserStore({ client, namespace, cache: caches.users, gate, root: settings.root?.username });
  const root = new RootUserKeeper({ client, namespace, root: settings.root, users: caches.users, logger });
  const gpus = new Gpus({ client, settings: settings.gpus, logger, registry });
  const notReady = (): string[] => [...unsynced(caches), ...(root.done ? [] : ["root user"])];
  const served: Route[] = [
    ...healthRoutes(registry, notReady),
    ...authRoutes(logins, tokens),
    ...userRoutes({ users, store, rights: settings.userRights }),
    ...odinRoutes({
      view,
      paths: settings.paths,
      launcher: { client, namespace, view, taskSecrets: settings.taskSecrets },
      cleaner: { client, namespace, view, logger },
      openLog: kubernetesLogs(client, namespace),
      gpus,
      stopping: stopping.signal,
    }),
  ];
  const routes = [...served, ...openApiRoutes()];
  cacheMetrics(registry, { ...caches });
  const app = buildApp({
    routes,
    publicReads: settings.publicReads,
    corsOrigins: settings.corsOrigins,
    tls: options.tls !== undefined,
    requireCredential: requireCredential(tokens, logins),
    notReady,
    observe: httpMetrics(registry),
    logger,
  });
  const listener: Listener = await listen(app.callback(), {
    ...settings.listen,
    ...(options.tls ? { tls: options.tls } : {}),
  });
  const informers = Object.values(caches);
  for (const informer of informers) informer.start();
  gpus.start();
  const ready = Promise.all([...informers.map((informer) => informer.synced), root.ensure(stopping.signal)]).then(
    () => undefined,
  );
  // Awaited by whoever wants to know; a stop before that is not an error of the process.
  ready.catch(() => undefined);
  return {
    url: listener.url,
    routes,
    ready,
    async stop() {
      stopping.abort();
      await listener.close(DRAIN_MS);
      await Promise.all([gpus.stop(), ...informers.map((informer) => informer.stop())]);
    },
  };
}
