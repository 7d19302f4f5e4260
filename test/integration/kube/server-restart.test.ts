// timeout: 1200
import { KubeConfig } from "@kubernetes/client-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { Informer, type InformerTimings } from "../../../kube/informer.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { until, within } from "../../support/deadline.ts";
import { OwnApiServer } from "../../support/own-api-server.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { CONFIG_MAP, configMap, recordingLogger, rejection, testClient } from "./test-client.ts";

// This file has an API server of its own, because it kills, stops and restarts it.

let server: OwnApiServer;
let proxy: FaultProxy;
let direct: KubeClient;
let proxied: KubeClient;
const informers = new Set<{ stop(): Promise<void> }>();

const collection = collectionPath(CONFIG_MAP, "default");
const path = (name: string) => objectPath(CONFIG_MAP, "default", name);
const make = (name: string) => direct.create<KubeObject>(collection, configMap(name, {}, { test: "yes" }));

/** Starts the server that was killed and waits until it is ready: before that it answers, but may refuse to write. */
const restart = (argv: string[]) =>
  server.restart(argv, async () => {
    for await (const _ of await direct.stream("/readyz"));
    return true;
  });

function watcher(client: KubeClient, timings: Partial<InformerTimings> = {}) {
  const log: string[] = [];
  const { logger, lines } = recordingLogger();
  const informer = new Informer({
    client,
    resource: CONFIG_MAP,
    namespace: "default",
    labelSelector: "test=yes",
    project: (raw) => ({ metadata: raw.metadata }),
    logger,
    timings: { backoff: { baseMs: 50, capMs: 500 }, livedMs: 0, ...timings },
  });
  informers.add(informer);
  informer.onChange(({ type, object }) => log.push(`${type} ${object.metadata.name}`));
  const lists = () => lines.filter(({ msg }) => msg === "the collection was listed").map(({ fields }) => fields.reason);
  return { informer, log, lists };
}

const restarts = suite("API server that goes away");

restarts.before(async () => {
  server = await OwnApiServer.start();
  const { plane } = server;
  proxy = await FaultProxy.start(plane.kubeconfig);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(plane.kubeconfig);
  direct = testClient({ kubeConfig });
  proxied = testClient({ kubeConfig: proxy.kubeConfig() });
});

restarts.after(async () => {
  direct.close();
  proxied.close();
  await proxy.stop();
  await server.remove();
});

restarts(
  "killed and started again: the cache holds, nothing is announced twice, and later events arrive (F-1)",
  async () => {
    await make("before");
    const { informer, log, lists } = watcher(direct);
    informer.start();
    await within(60_000, () => informer.synced);
    const argv = await server.kill();
    assert.is(informer.size, 1);
    await restart(argv);
    await make("after");
    await until(() => log.includes("added after"), 60_000, { describe: "the event after the restart" });
    await informer.stop();
    assert.equal(log, ["added before", "added after"]);
    assert.ok(lists().length <= 2, `listed ${lists().length} times`);
  },
);

restarts("history that is really gone: deletions are made up for, unchanged objects stay silent (F-2)", async () => {
  for (const name of ["keep", "lose"]) await make(name);
  const { informer, log, lists } = watcher(proxied);
  informer.start();
  await within(60_000, () => informer.synced);
  await until(() => proxy.watches === 1, 60_000, { describe: "the watch" });
  log.length = 0;
  proxy.decide = () => ({ kind: "refuse" });
  proxy.cutWatches();
  await direct.delete(path("lose"));
  await make("new");
  await server.compact();
  await restart(await server.kill());
  proxy.decide = () => ({ kind: "forward" });
  await until(() => log.length >= 2, 60_000, { describe: "the changes" });
  await until(() => proxy.watches === 1, 60_000, { describe: "a new watch" });
  await informer.stop();
  assert.equal([...log].sort(), ["added new", "deleted lose"]);
  assert.equal(lists(), ["start", "expired"]);
});

restarts("a server that hangs without closing anything is noticed, and waited for (F-3)", async () => {
  const { informer, log } = watcher(direct, { idleTimeoutMs: 1_000, openTimeoutMs: 500 });
  informer.start();
  await within(60_000, () => informer.synced);
  await server.pause();
  try {
    const error = await rejection(direct.get(path("keep"), { timeoutMs: 1_500 }));
    assert.ok(isKubeError(error, "transient") && error.reason === "Timeout", String(error));
  } finally {
    server.resume();
  }
  await make("woken");
  await until(() => log.includes("added woken"), 60_000, { describe: "the event after the pause" });
  await informer.stop();
});

restarts.run();
