import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { Informer, type InformerTimings } from "../../../kube/informer.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { type ControlPlane, startControlPlane } from "../../../local/control-plane.ts";
import { silentProgress } from "../../../local/progress.ts";
import { until, within } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { CONFIG_MAP, configMap, recordingLogger, rejection, testClient } from "./test-client.ts";

// This file has an API server of its own, because it kills, stops and restarts it.

let directory: TemporaryDirectory;
let plane: ControlPlane;
let proxy: FaultProxy;
let direct: KubeClient;
let proxied: KubeClient;
let restarted: ChildProcess | undefined;
const informers = new Set<{ stop(): Promise<void> }>();

const collection = collectionPath(CONFIG_MAP, "default");
const path = (name: string) => objectPath(CONFIG_MAP, "default", name);
const make = (name: string) => direct.create<KubeObject>(collection, configMap(name, {}, { test: "yes" }));

/** The API server's process of this control plane. */
function apiServer(): { pid: number; argv: string[] } {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const argv = commandLine(pid);
    if (argv[0]?.endsWith("/kube-apiserver") && argv.some((arg) => arg.includes(`${directory.path}/`))) {
      return { pid: Number(pid), argv };
    }
  }
  throw new Error("the API server does not run");
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

/** The kernel's letter for the state of a process: T stopped; undefined when it is gone. */
function stateOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.charAt(0);
  } catch {
    return undefined;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function killApiServer(): Promise<string[]> {
  const { pid, argv } = apiServer();
  process.kill(pid, "SIGKILL");
  // The last of its threads may hold the port for a moment after the first has ended.
  const port = Number(argv.find((arg) => arg.startsWith("--secure-port="))?.split("=")[1]);
  await until(() => canListen(port), 10_000, { describe: `port ${port} is free` });
  return argv;
}

async function startApiServer([command = "", ...args]: string[]): Promise<void> {
  const log = openSync(join(directory.path, "apiserver.log"), "a");
  restarted = spawn(command, args, { stdio: ["ignore", log, log] });
  closeSync(log);
  await until(() => direct.get("/api/v1/namespaces/default"), 60_000, { describe: "the API server answers" });
}

/** Makes etcd forget its history, as it does by itself every five minutes. */
async function compactEtcd(): Promise<void> {
  const flag = (name: string) =>
    apiServer()
      .argv.find((arg) => arg.startsWith(`--${name}=`))
      ?.slice(name.length + 3) ?? "";
  const tls = {
    ca: readFileSync(flag("etcd-cafile")),
    cert: readFileSync(flag("etcd-certfile")),
    key: readFileSync(flag("etcd-keyfile")),
  };
  const post = (what: string, body: object) =>
    new Promise<string>((resolve, reject) => {
      const request = httpsRequest(new URL(what, flag("etcd-servers")), { method: "POST", ...tls }, (answer) => {
        let text = "";
        answer.on("data", (chunk) => {
          text += chunk;
        });
        answer.on("end", () => (answer.statusCode === 200 ? resolve(text) : reject(new Error(text))));
      });
      request.on("error", reject);
      request.end(JSON.stringify(body));
    });
  const { header } = JSON.parse(await post("/v3/kv/range", { key: "AA==" })) as { header: { revision: string } };
  await post("/v3/kv/compaction", { revision: header.revision, physical: true });
}

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
  directory = await temporaryDirectory();
  plane = await startControlPlane({ dir: join(directory.path, "plane"), progress: silentProgress });
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
  restarted?.kill("SIGKILL");
  await plane.stop();
  await directory.remove();
});

restarts(
  "killed and started again: the cache holds, nothing is announced twice, and later events arrive (F-1)",
  async () => {
    await make("before");
    const { informer, log, lists } = watcher(direct);
    informer.start();
    await within(20_000, () => informer.synced);
    const argv = await killApiServer();
    assert.is(informer.size, 1);
    await startApiServer(argv);
    await make("after");
    await until(() => log.includes("added after"), 20_000, { describe: "the event after the restart" });
    await informer.stop();
    assert.equal(log, ["added before", "added after"]);
    assert.ok(lists().length <= 2, `listed ${lists().length} times`);
  },
);

restarts("history that is really gone: deletions are made up for, unchanged objects stay silent (F-2)", async () => {
  for (const name of ["keep", "lose"]) await make(name);
  const { informer, log, lists } = watcher(proxied);
  informer.start();
  await within(20_000, () => informer.synced);
  await until(() => proxy.watches === 1, 10_000, { describe: "the watch" });
  log.length = 0;
  proxy.decide = () => ({ kind: "refuse" });
  proxy.cutWatches();
  await direct.delete(path("lose"));
  await make("new");
  await compactEtcd();
  await startApiServer(await killApiServer());
  proxy.decide = () => ({ kind: "forward" });
  await until(() => log.length >= 2, 20_000, { describe: "the changes" });
  await until(() => proxy.watches === 1, 10_000, { describe: "a new watch" });
  await informer.stop();
  assert.equal([...log].sort(), ["added new", "deleted lose"]);
  assert.equal(lists(), ["start", "expired"]);
});

restarts("a server that hangs without closing anything is noticed, and waited for (F-3)", async () => {
  const { informer, log } = watcher(direct, { idleTimeoutMs: 1_000, openTimeoutMs: 500 });
  informer.start();
  await within(20_000, () => informer.synced);
  const { pid } = apiServer();
  process.kill(pid, "SIGSTOP");
  try {
    await until(() => stateOf(pid) === "T", 5_000, { describe: "the API server is stopped" });
    const error = await rejection(direct.get(path("keep"), { timeoutMs: 1_500 }));
    assert.ok(isKubeError(error, "transient") && error.reason === "Timeout", String(error));
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await make("woken");
  await until(() => log.includes("added woken"), 20_000, { describe: "the event after the pause" });
  await informer.stop();
});

restarts.run();
