import { setTimeout as delay } from "node:timers/promises";
import type { Registry } from "prom-client";
import type { KubeClient } from "../kube/client.ts";
import type { Logger } from "../kube/logger.ts";
import { processMetrics } from "../settings/process-metrics.ts";
import { openStore } from "../store/store.ts";
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
import type { Certificate } from "./certificate.ts";
import { makeClockwork } from "./clockwork/clockwork.ts";
import { GpuSpecs } from "./clockwork/gpus/gpu-specs.ts";
import { JsonWork } from "./clockwork/json-work/json-work.ts";
import { docsRoutes } from "./docs/routes.ts";
import { openFacadeStore } from "./facade-store.ts";
import { answerBy, describeErrors } from "./families.ts";
import { GitRepository } from "./git/git-repository.ts";
import { JobMirror } from "./git/job-mirror.ts";
import { Gpus } from "./gpu/gpus.ts";
import { healthRoutes } from "./health.ts";
import { type Listener, listen } from "./listener.ts";
import { MainFiles } from "./main-file/main-files.ts";
import { cacheMetrics, httpMetrics, repositoryMetrics, storeMetrics } from "./metrics.ts";
import { describeMlbenchError } from "./mlbench/app.ts";
import { makeMlbench } from "./mlbench/mlbench.ts";
import { JobCatalog } from "./odin/job-catalog.ts";
import { KeptLogs } from "./odin/kept-logs.ts";
import { kubernetesLogs } from "./odin/log-source.ts";
import { OperatorLease } from "./odin/operator-lease.ts";
import { odinRoutes } from "./odin/routes.ts";
import { RunHistory } from "./odin/run-history.ts";
import { openApiRoutes } from "./openapi/route.ts";
import type { Route } from "./route.ts";
import { buildApp } from "./server.ts";
import type { ApiSettings } from "./settings.ts";
import { RunFiles } from "./storage/run-files.ts";
import { StoreWatch } from "./store-watch.ts";
import { makeVesta } from "./vesta/vesta.ts";

/** What a facade is started with, beyond its settings. */
export interface FacadeOptions {
  settings: ApiSettings;
  namespace: string;
  /** Namespace of the context or the pod: where the operator's lease is, unless it is set. */
  ownNamespace?: string;
  client: KubeClient;
  logger: Logger;
  registry: Registry;
  /** PEM texts, if HTTPS is to be served. */
  tls?: Certificate;
}

/** A running facade. */
export interface Facade {
  /** Base URL, without `/v1`. */
  url: string;
  /** Everything it serves. */
  routes: readonly Route[];
  /** Resolves when requests can be served. */
  ready: Promise<void>;
  /** Serves another certificate to new connections, where HTTPS is served. */
  renewCertificate(certificate: Certificate): void;
  /** Stops accepting, lets answers finish, ends the streams and the watches. */
  stop(): Promise<void>;
}

/** How long answers in progress may take once the facade stops. */
const DRAIN_MS = 10_000;

/** How long the start waits for the git remote; then it goes on with what is there. */
const FIRST_SYNC_MS = 5_000;

/** Wires the parts and starts to listen. Until the caches are filled, requests that need them get a 503. */
export async function startFacade(options: FacadeOptions): Promise<Facade> {
  const { settings, namespace, client, logger, registry } = options;
  const gpuSpecs = await GpuSpecs.open(settings.clockwork.gpuSpecs, logger);
  const stopping = new AbortController();
  const caches = makeCaches({ client, namespace, logger, registry });
  const view = clusterView(caches, namespace);
  const users = cachedUsers(caches.users, namespace);
  const tokens = new Tokens(settings.tokens, users);
  // One for all: however passwords arrive, they share the processor's time.
  const gate = hashGate();
  const logins = new Logins(users, registry, gate);
  const store = new UserStore({ client, namespace, cache: caches.users, gate, root: settings.root?.username });
  const { root: shownRoot } = settings.paths;
  const repository = await GitRepository.open({ ...settings.git, shownRoot, excluded: rendered(settings), logger });
  const filesAreLive = settings.sharedVolume !== undefined;
  const mainFiles = new MainFiles();
  const mirror = new JobMirror({ client, namespace, repository, mainFiles, caches, logger, filesAreLive });
  repository.onChange(() => mirror.soon());
  const lease = new OperatorLease(client, settings.leaseNamespace ?? options.ownNamespace ?? namespace);
  let repositorySynced = false;
  const root = new RootUserKeeper({ client, namespace, root: settings.root, users: caches.users, logger });
  const gpus = new Gpus({ client, settings: settings.gpus, logger, registry });
  const archive = settings.store === undefined ? undefined : openStore(settings.store);
  const storeWatch = new StoreWatch(archive, logger);
  const notReady = (): string[] => [
    ...unsynced(caches),
    ...(root.done ? [] : ["root user"]),
    ...(repositorySynced ? [] : ["jobs repository"]),
    ...(storeWatch.awaited ? ["store of ended runs"] : []),
  ];
  const files = new RunFiles({
    client,
    namespace,
    logger,
    paths: { data: settings.paths.data, rendered: settings.renderPath },
    sharedClaim: settings.sharedVolume?.claim,
    image: settings.image,
    pullSecrets: settings.pullSecrets,
    taskUser: settings.taskUser,
  });
  const keptLogs = new KeptLogs(archive?.logs, namespace, logger);
  const history = new RunHistory(archive?.runs, namespace, view, logger);
  const served: Route[] = [
    ...healthRoutes(registry, notReady, () => storeWatch.state),
    ...authRoutes(logins, tokens),
    ...userRoutes({ users, store, rights: settings.userRights }),
    ...odinRoutes({
      view,
      paths: settings.paths,
      root: shownRoot,
      repository,
      catalog: new JobCatalog(repository, view, shownRoot, mainFiles),
      mirror,
      mainFiles,
      operatorSeen: () => lease.renewed(),
      launcher: {
        client,
        namespace,
        view,
        repository,
        mainFiles,
        renderPath: settings.renderPath,
        filesAreLive,
        taskSecrets: settings.taskSecrets,
      },
      cleaner: {
        ...{ client, namespace, view, files, history, logger },
        ...(archive === undefined ? {} : { archive: archive.logs, runs: archive.runs }),
      },
      gpus,
      openLog: keptLogs.opener(kubernetesLogs(client, namespace)),
      keptLogs,
      history,
      stopping: stopping.signal,
    }),
  ];
  cacheMetrics(registry, { ...caches });
  repositoryMetrics(registry, repository);
  if (archive !== undefined) storeMetrics(registry, () => storeWatch.state);
  processMetrics(registry, "api", () => notReady().length === 0);
  const credential = requireCredential(tokens, logins);
  const observe = httpMetrics(registry);
  const work = new JsonWork();
  const kept = openFacadeStore(settings.store, work, logger);
  const tls = options.tls !== undefined;
  const clockwork = makeClockwork({
    ...{ client, namespace, users, tokens, observe, logger, registry },
    settings: settings.clockwork,
    store: kept,
    work,
    userCache: caches.users,
    requireCredential: credential,
    gpuSpecs,
    gpuModels: (node) => gpus.modelNames(node),
    tls,
  });
  const mlbench = makeMlbench({
    ...{ client, tls, observe, logger, registry },
    podNamespace: options.ownNamespace ?? namespace,
    settings: settings.mlbench,
    store: kept,
    requireCredential: credential,
    usersKnown: () => caches.users.hasSynced,
    isAdmin: (username) => settings.userRights.admins.has(username),
  });
  const vesta = makeVesta({
    ...{ client, view, namespace, gpus, tls, observe, logger, registry },
    podNamespace: options.ownNamespace ?? namespace,
    release: settings.mlbench.release,
    settings: settings.vesta,
    scrapeMs: settings.gpus.intervalMs,
    store: kept,
  });
  const routes = [
    ...served,
    ...openApiRoutes(),
    ...clockwork.documentRoutes,
    ...mlbench.documentRoutes,
    ...vesta.documentRoutes,
    ...docsRoutes(),
  ];
  const app = buildApp({
    routes,
    publicReads: settings.publicReads,
    corsOrigins: settings.corsOrigins,
    tls,
    maxUploadBytes: settings.maxUploadBytes,
    requireCredential: credential,
    notReady,
    observe,
    logger,
  });
  const { enabled, listen: plain } = settings.mlbench;
  const odinAnswers = app.callback();
  const mlbenchAnswers = mlbench.app.callback();
  const answer = answerBy({
    odin: odinAnswers,
    clockwork: clockwork.app.callback(),
    mlbench: enabled ? mlbenchAnswers : odinAnswers,
    vesta: settings.vesta.enabled ? vesta.app.callback() : odinAnswers,
  });
  const listener: Listener = await listen(answer, {
    ...settings.listen,
    describeError: describeErrors(settings),
    ...(settings.vesta.enabled ? { upgrades: vesta.upgrades } : {}),
    ...(options.tls ? { tls: options.tls } : {}),
  });
  const mlbenchListener =
    plain === undefined || !enabled
      ? undefined
      : await listen(mlbenchAnswers, { ...plain, describeError: describeMlbenchError });
  const informers = Object.values(caches);
  for (const informer of informers) informer.start();
  gpus.start();
  clockwork.start();
  if (enabled) mlbench.start();
  if (settings.vesta.enabled) vesta.start();
  const firstSync = within(FIRST_SYNC_MS, repository.start()).then(() => {
    repositorySynced = true;
  });
  const ready = Promise.all([
    firstSync,
    storeWatch.start(),
    ...informers.map((informer) => informer.synced),
    root.ensure(stopping.signal),
  ]).then(() => mirror.start());
  // Awaited by whoever wants to know; a stop before that is not an error of the process.
  ready.catch(() => undefined);
  return {
    url: listener.url,
    renewCertificate: (certificate) => listener.renewCertificate(certificate),
    routes,
    ready,
    async stop() {
      stopping.abort();
      storeWatch.stop();
      await Promise.all([listener.close(DRAIN_MS), mlbenchListener?.close(DRAIN_MS)]);
      // First, so that nothing below waits for a text that takes long.
      await mainFiles.stop();
      await repository.stop();
      await mirror.stop();
      await Promise.all([gpus.stop(), ...informers.map((informer) => informer.stop())]);
      await Promise.all([clockwork.stop(), mlbench.stop(), vesta.stop(), work.stop()]);
      await kept.close();
      await archive?.close();
    },
  };
}

/** Ids below the root where rendered jobs are shown: no job may have them (O-10). */
function rendered({ paths, renderPath }: ApiSettings): string[] {
  return renderPath.startsWith(`${paths.root}/`) ? [renderPath.slice(paths.root.length + 1)] : [];
}

/** Waits for `work`, but no longer than so long. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const enough = new AbortController();
  await Promise.race([work, delay(ms, undefined, { signal: enough.signal }).catch(() => undefined)]);
  enough.abort();
}
