import { randomUUID } from "node:crypto";
import type Koa from "koa";
import type { Registry } from "prom-client";
import type { KubeClient } from "../../kube/client.ts";
import type { Logger } from "../../kube/logger.ts";
import type { Store } from "../../store/store.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import type { Gpus } from "../gpu/gpus.ts";
import type { ObserveRequest } from "../metrics.ts";
import type { Route } from "../route.ts";
import type { Upgrades } from "../upgrades.ts";
import { buildVestaApp } from "./app.ts";
import { HistoryKeeper } from "./hosts/history-keeper.ts";
import type { MessageStatements } from "./hosts/host-event.ts";
import { Hosts } from "./hosts/hosts.ts";
import { NodeSource } from "./hosts/node-source.ts";
import { Watcher } from "./hosts/watcher.ts";
import { VestaLeader } from "./leader.ts";
import { messageStatements } from "./messages/announcements.ts";
import { vestaDocumentRoutes } from "./openapi/api-document.ts";
import { holdingsOf } from "./page/holders.ts";
import { Live } from "./page/live.ts";
import { mainHandler, staticRoute, tableHandler } from "./page/page-routes.ts";
import type { VestaRoute } from "./route.ts";
import { vestaRoutes } from "./routes.ts";
import { forgetHost, senderRoutes } from "./senders/routes.ts";
import type { VestaSettings } from "./settings/vesta-settings.ts";
import { makeSlack } from "./slack/slack.ts";
import { timeFormatter } from "./timestamp.ts";
import { requireToken } from "./token.ts";

/** What vesta is started with. */
export interface VestaOptions {
  settings: VestaSettings;
  client: KubeClient;
  /** The pods of our tasks, and their namespace. */
  view: ClusterView;
  namespace: string;
  /** Where the pods of this program are, and the lease (V-5). */
  podNamespace: string;
  /** Name of the release: all its instances share one lease. */
  release: string;
  /** What is known of the GPUs of the cluster. */
  gpus: Gpus;
  /** Between two scrapes of an exporter. */
  scrapeMs: number;
  /** Closed by whoever gives it, after `stop`. */
  store: Store;
  registry: Registry;
  tls: boolean;
  observe: ObserveRequest;
  logger: Logger;
}

/** The view of all GPUs. */
export interface Vesta {
  /** Answers what `isVestaPath` says is its own. */
  app: Koa;
  routes: readonly VestaRoute[];
  /** The websocket of the pages. */
  upgrades: Upgrades;
  /** Routes of the Odin view that describe those. */
  documentRoutes: readonly Route[];
  /** Begins to follow what it shows. */
  start(): void;
  /** To be called when no request is left. */
  stop(): Promise<void>;
}

/** Wires vesta. */
export function makeVesta(options: VestaOptions): Vesta {
  const { settings, client, view, namespace, podNamespace, release, gpus, store, registry, tls, observe, logger } =
    options;
  const { token, validNetwork, trustedProxies, downSeconds } = settings;
  const messages = announcer(settings);
  const stored = store.vestaHosts(randomUUID());
  const { vestaHistory: history } = store;
  const hosts = new Hosts({
    ...{ store: stored, history, messages, order: settings.sortBy, logger },
    saveEveryMs: settings.saveSeconds * 1000,
  });
  const leader = new VestaLeader({ client, namespace: podNamespace, release, logger, registry });
  const isActive = (): boolean => leader.isActive;
  const downAfterMs = downSeconds * 1000;
  const stampSecond = timeFormatter("YMD", settings.timeZone);
  const stamp = (ms: number): string => `${stampSecond(ms)}.${String(ms % 1000).padStart(3, "0")}`;
  const source = new NodeSource({ gpus, hosts, isActive, stamp, downAfterMs, logger });
  const watcher = new Watcher({
    ...{ hosts, isActive, messages, downAfterMs, logger },
    report: () => source.reportAll(),
    everyMs: settings.watchSeconds * 1000,
  });
  const keeper = new HistoryKeeper({
    ...{ store: stored, history, isActive, logger, tidy: () => store.tidy() },
    downsampleSeconds: settings.downsampleSeconds,
    retentionDays: settings.retentionDays,
  });
  leader.onActive((active) => {
    if (!active) return;
    source.look();
    watcher.hurry();
  });
  const formatTime = timeFormatter(settings.timestampFormat, settings.timeZone);
  const known = { hosts, history, formatTime };
  const senders = { hosts, token, validNetwork, trustedProxies };
  const slack = makeSlack({
    ...{ settings, hosts, logger, registry, formatTime },
    // Without the hosts there would be nothing in its files.
    isActive: () => leader.isActive && hosts.isSynced,
    messages: store.vestaMessages,
    requireToken: (ctx) => requireToken(ctx, senders),
  });
  const holdings = holdingsOf({
    ...{ pods: view, namespace, idleMinutes: settings.idleMinutes },
    idleSinceMs: (host, uuid) => hosts.idleSinceMs(host, uuid),
  });
  const pages = { ...known, settings, holdings };
  const live = new Live({ ...pages, validNetwork, trustedProxies });
  const routes = vestaRoutes({
    ...{ ...known, settings },
    pages: { main: mainHandler(pages), table: tableHandler(pages) },
    forget: (ctx) => forgetHost(ctx, senders),
    others: [...senderRoutes(senders), staticRoute(), ...slack.routes],
  });
  const app = buildVestaApp({
    routes,
    validNetwork,
    trustedProxies,
    notReady: () => (hosts.isSynced ? [] : ["the store of hosts"]),
    ...{ tls, observe, logger },
  });
  return {
    app,
    routes,
    upgrades: live,
    documentRoutes: vestaDocumentRoutes(routes),
    start() {
      for (const remark of settings.remarks) logger.warn({ remark }, "vesta: an option without effect");
      if (options.scrapeMs * 2 > downAfterMs) {
        const message =
          "exporters are scraped too seldom for VESTA_DOWN_TH: nodes will be taken for down between two scrapes";
        logger.warn({ scrapeSeconds: options.scrapeMs / 1000, downSeconds }, message);
      }
      hosts.start();
      source.start();
      watcher.start();
      keeper.start();
      slack.start();
      leader.start();
    },
    async stop() {
      await Promise.all([watcher.stop(), keeper.stop(), source.stop(), slack.stop()]);
      // What waits is written before another instance takes over.
      await hosts.stop();
      await leader.stop();
    },
  };
}

/** Stores what Slack is told of hosts (V-57). */
function announcer({ slack, downSeconds, ip, port, bindHost }: VestaSettings): MessageStatements {
  const texts = {
    hasWebhook: slack.webhook !== "",
    serverUp: slack.serverUpMsg,
    uplink: slack.registerUplinkMsg,
    reUplink: slack.reUplinkMsg,
    down: slack.hostDownMsg,
    lostSeconds: downSeconds,
    place: { ip, port: String(port), bindHost },
  };
  return (event, when) => messageStatements(event, texts, Date.now, when);
}
