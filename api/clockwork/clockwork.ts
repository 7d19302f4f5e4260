import type { RouterContext } from "@koa/router";
import type Koa from "koa";
import type { Middleware } from "koa";
import type { Registry } from "prom-client";
import type { KubeClient } from "../../kube/client.ts";
import type { Informer } from "../../kube/informer.ts";
import type { Logger } from "../../kube/logger.ts";
import type { Store } from "../../store/store.ts";
import type { CredentialState } from "../auth/credential.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { StoredUser } from "../auth/user.ts";
import type { Users } from "../auth/users.ts";
import type { ObserveRequest } from "../metrics.ts";
import type { Route } from "../route.ts";
import { Accounts, callerOf, emailOf } from "./accounts.ts";
import { clockworkDocumentRoutes } from "./api-document.ts";
import { buildClockworkApp } from "./app.ts";
import type { Caller } from "./caller.ts";
import { unauthorized } from "./clockwork-error.ts";
import type { ClockworkSettings } from "./clockwork-settings.ts";
import { Credentials } from "./credentials.ts";
import type { GpuSpecs } from "./gpus/gpu-specs.ts";
import { JobHistory } from "./jobs/job-history.ts";
import type { JsonWork } from "./json-work/json-work.ts";
import { KeyStore } from "./keys/key-store.ts";
import { ClockworkNodes } from "./nodes/nodes.ts";
import type { ClockworkRoute } from "./route.ts";
import { clockworkRoutes } from "./routes.ts";
import { RemovedUsers } from "./user-data/removed-users.ts";

/** What the Clockwork API is started with. */
export interface ClockworkOptions {
  settings: ClockworkSettings;
  /** Closed by whoever gives it, after `stop`. */
  store: Store;
  /** What reads and merges what users send; stopped by whoever gives it. */
  work: JsonWork;
  /** Where the users are. */
  namespace: string;
  client: KubeClient;
  users: Users;
  userCache: Pick<Informer<StoredUser>, "hasSynced" | "noteWritten" | "onChange" | "synced">;
  tokens: Tokens;
  /** Lets only credentials of the Odin view pass (O-24). */
  requireCredential: Middleware;
  gpuSpecs: GpuSpecs;
  /** Names of the models that a node's GPU exporter reports. */
  gpuModels: (node: string) => readonly string[];
  tls: boolean;
  observe: ObserveRequest;
  logger: Logger;
  registry: Registry;
}

/** The Clockwork API of a facade. */
export interface Clockwork {
  /** Answers everything below /api/v1. */
  app: Koa;
  routes: readonly ClockworkRoute[];
  /** Routes of the Odin view that describe those (C-1 leaves no place for them). */
  documentRoutes: readonly Route[];
  /** Begins to follow what jobs and nodes are made from. */
  start(): void;
  /** To be called when no request is left. */
  stop(): Promise<void>;
}

/** Wires the Clockwork API. */
export function makeClockwork(options: ClockworkOptions): Clockwork {
  const { settings, client, namespace, users, userCache, tokens, requireCredential, store, work, logger } = options;
  const accounts = new Accounts(users, logger);
  userCache.onChange(accounts.changed);
  const credentials = new Credentials(accounts, tokens);
  const noteWritten = userCache.noteWritten.bind(userCache);
  const history = new JobHistory({
    ...{ client, store, logger },
    registry: options.registry,
    namespaces: settings.namespaces,
    cluster: settings.cluster,
    retentionDays: settings.retentionDays,
    userOf(text) {
      const user = users.find(text) ?? accounts.byEmail(text);
      return user === undefined ? undefined : { username: user.username, email: emailOf(user) };
    },
    usersKnown: userCache.synced,
  });
  userCache.onChange(() => history.usersChanged());
  const isKnown = (email: string): boolean => accounts.byEmail(email) !== undefined;
  const removedUsers = new RemovedUsers({ data: store.userData, isKnown, logger });
  userCache.onChange(({ type, object }) => {
    if (type === "deleted") removedUsers.noteRemoved(emailOf(object));
  });
  userCache.synced.then(
    () => removedUsers.start(),
    () => undefined,
  );
  const { gpuSpecs: specs } = options;
  const nodes = new ClockworkNodes({
    ...{ client, logger, specs },
    registry: options.registry,
    pods: history.caches.pods,
    dcgmModels: options.gpuModels,
    records: store.jobs,
    cluster: settings.cluster,
  });
  const routes = clockworkRoutes({
    jobs: {
      records: store.jobs,
      propsOf: (email, jobs) => store.userData.propsOf(email, jobs),
      pageSize: settings.pageSize,
      timeZone: settings.timeZone,
    },
    userData: {
      data: store.userData,
      records: store.jobs,
      work,
      quotaMib: settings.propsQuotaMib,
      cluster: settings.cluster,
    },
    nodes: { nodes, specs },
    gpus: { specs },
    keys: { keys: new KeyStore({ client, namespace, noteWritten }) },
  });

  const odinUser = async (ctx: RouterContext): Promise<StoredUser> => {
    await requireCredential(ctx, async () => {});
    const { user } = ctx.state as CredentialState;
    if (user === undefined || user.account?.enabled === false || !accounts.ownsEmail(user)) throw unauthorized();
    return user;
  };
  const authenticate = async (ctx: RouterContext, kind: ClockworkRoute["credential"]): Promise<Caller> => {
    const peer = ctx.req.socket.remoteAddress ?? "";
    const user = kind === "odin" ? await odinUser(ctx) : await credentials.check(ctx.get("Authorization"), peer);
    // For the log of requests.
    ctx.state.user = user;
    return callerOf(user, settings.visibility);
  };
  const notReady = (): string[] => [...(userCache.hasSynced ? [] : ["users"]), ...history.notReady()];
  const { tls, observe } = options;
  return {
    documentRoutes: clockworkDocumentRoutes(routes),
    app: buildClockworkApp({ routes, work, authenticate, notReady, tls, observe, logger }),
    routes,
    start() {
      history.start();
      nodes.start();
    },
    async stop() {
      specs.stop();
      await Promise.all([history.stop(), nodes.stop(), removedUsers.stop()]);
    },
  };
}
