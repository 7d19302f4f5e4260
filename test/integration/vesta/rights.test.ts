// timeout: 600
import { KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GPU_SETTINGS, gpuSettings } from "../../../api/gpu/gpu-settings.ts";
import { Gpus } from "../../../api/gpu/gpus.ts";
import { Hosts } from "../../../api/vesta/hosts/hosts.ts";
import { NodeSource } from "../../../api/vesta/hosts/node-source.ts";
import { Watcher } from "../../../api/vesta/hosts/watcher.ts";
import { VestaLeader } from "../../../api/vesta/leader.ts";
import { KubeClient } from "../../../kube/client.ts";
import { silentLogger } from "../../../kube/logger.ts";
import { readSettings } from "../../../settings/settings.ts";
import { VestaHistory } from "../../../store/vesta-history.ts";
import { VestaHosts } from "../../../store/vesta-hosts.ts";
import { accountRequests } from "../../support/account-rights.ts";
import { until } from "../../support/deadline.ts";
import { Exporter } from "../../support/exporter.ts";
import { sampleText } from "../../support/gpu-text.ts";
import { LimitedAccount, untilAllowed } from "../../support/limited-account.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { messages, told } from "../../unit/api/vesta/hosts/hosts-stage.ts";
import { embeddedStores } from "../../unit/store/store-cases.ts";
import { kubeConfig } from "../api/facade-stage.ts";
import { GpuWorld } from "../api/gpu-world.ts";

const test = suite("rights of vesta");
const stores = embeddedStores(test);
const WAIT_MS = 120_000;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const DOWN_MS = 60_000;
/** Requests without which what is looked at cannot have happened. */
const WANTED = [
  ["list", "nodes"],
  ["update", "leases.coordination.k8s.io"],
] as const;

let client: KubeClient;
let namespace: TemporaryNamespace;
let world: GpuWorld;
let exporter: Exporter;

test.before(async () => {
  try {
    namespace = await temporaryNamespace("rights");
    client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
    world = new GpuWorld(client, namespace.name);
    exporter = await Exporter.start(sampleText("dcgm-4gpu"));
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await world.close();
  await client.delete(`${RBAC}/clusterrolebindings/${namespace.name}`).catch(() => undefined);
  await client.delete(`${RBAC}/clusterroles/${namespace.name}`).catch(() => undefined);
  client.close();
  await exporter.stop();
  await namespace.remove();
});

/** An account that may look at nodes and pods everywhere, and hold leases in its namespace. */
async function account(): Promise<LimitedAccount> {
  const leases = { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] };
  const limited = await LimitedAccount.create(client, namespace.name, [leases]);
  const { name } = namespace;
  const looks = { apiGroups: [""], resources: ["nodes", "pods"], verbs: ["get", "list", "watch"] };
  await client.create(`${RBAC}/clusterroles`, { metadata: { name }, rules: [looks] });
  await client.create(`${RBAC}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: `system:serviceaccounts:${name}` }],
  });
  // A refusal before that would be among the requests that are looked at in the end.
  await untilAllowed(client, { namespace: name, name: limited.name }, looks);
  return limited;
}

test("V-69, V-2, V-5, V-12: nodes and pods to look at and a lease are all that hosts are watched with, and a new leader goes on where the last one ended", async () => {
  const limited = await account();
  const config = new KubeConfig();
  config.loadFromFile(limited.kubeconfig);
  const own = new KubeClient({ kubeConfig: config, userAgent: "vesta-test" });
  const settings = gpuSettings(readSettings(GPU_SETTINGS, [], GpuWorld.settings(world.id)));
  const timings = { intervalMs: 500, backoffMs: { base: 500, cap: 1_000 } };
  const sql = stores.open("rights.db");
  const node = await world.createNode("gpu", { gpus: 4 });
  await world.createExporter("exporter", { node, ip: "127.0.0.1", port: exporter.port });

  const instance = (name: string) => {
    const gpus = new Gpus({ client: own, settings, logger: silentLogger, registry: new Registry(), timings });
    const store = new VestaHosts(sql, name);
    const hosts = new Hosts({
      ...{ store, history: new VestaHistory(sql), messages, order: "ip", saveEveryMs: 0, logger: silentLogger },
      refreshMs: 100,
    });
    const leader = new VestaLeader({ client: own, namespace: namespace.name, release: "r", logger: silentLogger });
    const isActive = (): boolean => leader.isActive;
    const stamp = (ms: number): string => String(ms);
    const source = new NodeSource({ gpus, hosts, isActive, stamp, downAfterMs: DOWN_MS, logger: silentLogger });
    const watcher = new Watcher({
      ...{ hosts, isActive, messages, everyMs: 200, downAfterMs: DOWN_MS, logger: silentLogger },
      report: () => source.reportAll(),
    });
    leader.onActive((active) => {
      if (active) source.look();
    });
    for (const part of [gpus, hosts, source, watcher, leader]) part.start();
    return {
      hosts,
      leader,
      async stop() {
        await Promise.all([watcher.stop(), source.stop()]);
        await hosts.stop();
        await leader.stop();
        await gpus.stop();
      },
    };
  };

  const one = instance("one");
  await until(() => one.leader.isActive, WAIT_MS, { describe: "the first one leads" });
  const two = instance("two");
  const running = [one, two];
  try {
    for (const { hosts } of running) {
      await until(() => hosts.find(node)?.status, WAIT_MS, {
        describe: "it is running",
        accept: (status) => status === "running",
      });
    }
    assert.is(two.leader.isActive, false);
    assert.equal(Object.keys(two.hosts.find(node)?.payload ?? {}), ["gpu:0", "gpu:1", "gpu:2", "gpu:3"]);
    running.shift();
    await one.stop();
    const last = two.hosts.find(node)?.payloadMs ?? 0;
    await until(() => two.hosts.find(node)?.payloadMs ?? 0, WAIT_MS, {
      describe: "the second one goes on",
      accept: (at) => at > last + 1_000 && two.leader.isActive,
    });
    assert.is(two.hosts.find(node)?.status, "running");
    const said = await until(() => told(sql), WAIT_MS, { describe: "it says so", accept: (all) => all.length === 3 });
    assert.equal(said.sort(), ["server-up", "server-up", `uplink ${node}`]);
    await world.deleteNode(node);
    await until(() => two.hosts.list().length, WAIT_MS, { describe: "none is left", accept: (count) => count === 0 });
  } finally {
    for (const left of running) await left.stop();
    own.close();
    limited.remove();
  }
  const requests = await until(() => accountRequests([namespace.name]), WAIT_MS, {
    describe: "the requests are in the log",
    accept: (all) => WANTED.every(([verb, what]) => all.some((one) => one.verb === verb && one.resource === what)),
  });
  const asked = new Set(
    requests.map(({ verb, resource, code }) => `${verb} ${resource} ${code < 400 || code === 404 || code === 409}`),
  );
  const allowed = ["nodes", "pods"].flatMap((resource) => ["list", "watch"].map((verb) => `${verb} ${resource} true`));
  const leases = ["get", "create", "update"].map((verb) => `${verb} leases.coordination.k8s.io true`);
  assert.equal(
    [...asked].filter((one_) => ![...allowed, ...leases].includes(one_)),
    [],
  );
  assert.ok(asked.has("list nodes true") && asked.has("update leases.coordination.k8s.io true"), [...asked].join());
});

test.run();
