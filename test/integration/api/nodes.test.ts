import { networkInterfaces } from "node:os";
import { isDeepStrictEqual } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { Exporter, silence } from "../../support/exporter.ts";
import { gpu, line, memory, sampleText } from "../../support/gpu-text.ts";
import { skip } from "../../support/skip.ts";
import { isProblem } from "../../unit/api/served.ts";
import { FacadeStage, kubeConfig } from "./facade-stage.ts";
import { GpuWorld } from "./gpu-world.ts";

const test = suite("api nodes");
/** An exporter that did not answer in time is asked again after 15 s, then after 30 s more. */
const WAIT_MS = 120_000;
const ID = GpuWorld.newId();
const ENV = { ...GpuWorld.settings(ID), ODIN_GPU_INTERVAL: "1" };
let stage: FacadeStage;
let world: GpuWorld;
const exporters: Exporter[] = [];
/** Paths of what was made outside the namespace. */
const clusterWideObjects: string[] = [];

interface NodeItem extends Record<string, unknown> {
  host: string;
  gpus: Record<string, unknown>[];
  gpuError?: string;
}
const nodes = async (): Promise<NodeItem[]> => (await stage.get("/v1/nodes")).json.nodes as NodeItem[];
const nodeOf = async (host: string): Promise<NodeItem | undefined> =>
  (await nodes()).find((node) => node.host === host);
const temperatureOf = (node: NodeItem | undefined): unknown =>
  (node?.gpus[0]?.temperature as { gpuTemp: unknown } | undefined)?.gpuTemp;

async function exporter(...options: Parameters<typeof Exporter.start>): Promise<Exporter> {
  const made = await Exporter.start(...options);
  exporters.push(made);
  return made;
}

test.before(async () => {
  stage = await FacadeStage.open(ENV);
  world = new GpuWorld(stage.client, stage.namespace, ID);
});
test.after(async () => {
  await world.close();
  for (const one of exporters) await one.stop();
  for (const path of clusterWideObjects) await stage.client.delete(path);
  await stage.close();
});

test("O-57, O-230: without a node the list is empty; nodes come by name with capacity and addresses, without GPUs too", async () => {
  const first = await until(() => stage.get("/v1/nodes"), WAIT_MS, {
    describe: "the nodes have been read, which readiness does not wait for",
    accept: ({ status }) => status !== 503,
  });
  assert.equal(first.json, { nodes: [] });
  await world.createNode("b-plain", { internalIp: "10.0.0.2", capacity: { "hugepages-2Mi": "0" } });
  await world.createNode("a-gpu", { internalIp: "10.0.0.1", gpus: 4 });
  const found = await until(nodes, WAIT_MS, {
    describe: "both nodes are shown",
    accept: (list) => list.length === 2 && list.every(({ cpu }) => cpu !== undefined),
  });
  assert.equal(found, [
    {
      cpu: "12",
      memory: "32779324Ki",
      pods: "110",
      "nvidia.com/gpu": "4",
      host: "a-gpu",
      internalIP: "10.0.0.1",
      gpus: [],
    },
    {
      cpu: "12",
      memory: "32779324Ki",
      pods: "110",
      "hugepages-2Mi": "0",
      host: "b-plain",
      internalIP: "10.0.0.2",
      gpus: [],
    },
  ]);
});

test("O-231, G-31: one dead exporter of three: all nodes at once, whoever asks waits for no exporter and causes no scrape", async () => {
  const four = await exporter(sampleText("dcgm-4gpu"), { host: "127.0.11.1" });
  const divided = await exporter(sampleText("dcgm-mig"), { host: "127.0.11.2" });
  const dead = await exporter(silence, { host: "127.0.11.3" });
  await world.createExporter("exporter-a", { node: world.name("a-gpu"), ip: "127.0.11.1", port: four.port });
  await world.createNode("c-mig", { gpus: 3 });
  await world.createExporter("exporter-c", { node: world.name("c-mig"), ip: "127.0.11.2", port: divided.port });
  await world.createNode("d-dead", { gpus: 1 });
  await world.createExporter("exporter-d", { node: world.name("d-dead"), ip: "127.0.11.3", port: dead.port });
  const shown = [
    ["a-gpu", 4, undefined],
    ["b-plain", 0, undefined],
    ["c-mig", 3, undefined],
    ["d-dead", 0, "the GPU exporter did not answer completely within 2 s"],
  ];
  const summary = (list: NodeItem[]) => list.map(({ host, gpus, gpuError }) => [host, gpus.length, gpuError]);
  const found = await until(nodes, WAIT_MS, {
    describe: "all exporters have been asked",
    accept: (list) => isDeepStrictEqual(summary(list), shown),
  });
  assert.equal(
    found[0]?.gpus.map(({ id, processes }) => [id, processes]),
    [
      ["0000:1B:00.0", [{ process_name: "default/resnet-run-mlbench-worker-rel-2-0", pid: "N/A", used_memory: 68601 }]],
      ["0000:43:00.0", [{ process_name: "team-a/jupyter-0", pid: "N/A", used_memory: 9018 }]],
      ["0000:52:00.0", []],
      ["0000:61:00.0", []],
    ],
  );
  // While the dead one is being asked, or rests, two hundred callers get their answer and it gets no more requests.
  const asked = dead.requests;
  const answers = await Promise.all(Array.from({ length: 200 }, () => stage.get("/v1/nodes")));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.ok(dead.requests <= asked + 1, `${dead.requests} requests, ${asked} before`);
});

test("O-293: the document's RTX 2080; the limit of its power is 0 where the document has N/A", async () => {
  const labels = {
    gpu: "0",
    UUID: "GPU-1b9a3804-64b6-3c05-cbb2-757cc8907437",
    pci_bus_id: "00000000:01:00.0",
    modelName: "GeForce RTX 2080 with Max-Q Design",
  };
  const rtx = await exporter(
    memory(labels, 0, 7952) + line("DEV_GPU_TEMP", labels, 49) + line("DEV_POWER_USAGE", labels, "3.730000"),
    { host: "127.0.12.1" },
  );
  await world.createNode("e-rtx", { gpus: 1 });
  await world.createExporter("exporter-e", { node: world.name("e-rtx"), ip: "127.0.12.1", port: rtx.port });
  const node = await until(() => nodeOf("e-rtx"), WAIT_MS, {
    describe: "the GPU is shown with what was measured",
    accept: (found) => temperatureOf(found) === 49,
  });
  const [shown] = node?.gpus ?? [];
  assert.equal(
    [shown?.id, shown?.uuid, shown?.productName, shown?.productBrand, shown?.processes],
    ["0000:01:00.0", "GPU-1b9a3804-64b6-3c05-cbb2-757cc8907437", "GeForce RTX 2080 with Max-Q Design", "GeForce", []],
  );
  assert.equal(shown?.temperature, {
    gpuTemp: 49,
    gpuTempMaxThreshold: "N/A",
    gpuTempSlowThreshold: "N/A",
    unit: "C",
  });
  const power = shown?.powerReadings as Record<string, unknown> | undefined;
  assert.equal([power?.powerDraw, power?.powerLimit, power?.defaultPowerLimit], [3.73, 0, "N/A"]);
});

test("G-35: an exporter that dies: identity and total stay, measured values become N/A, the error says why", async () => {
  const dying = exporters.find(({ url }) => url.hostname === "127.0.12.1");
  if (dying === undefined) throw new Error("the exporter of the test before is missing");
  dying.behaviour = (_request, response) => void response.writeHead(500).end();
  const node = await until(() => nodeOf("e-rtx"), WAIT_MS, {
    describe: "the readings become stale, and the error says why",
    accept: (found) => temperatureOf(found) === "N/A" && found?.gpuError === "the GPU exporter answered with HTTP 500",
  });
  const [shown] = node?.gpus ?? [];
  assert.equal([shown?.id, shown?.productName], ["0000:01:00.0", "GeForce RTX 2080 with Max-Q Design"]);
  assert.equal(shown?.fbMemoryUsage, { total: 7952, used: "N/A", free: "N/A", unit: "MiB" });
  assert.is((shown?.powerReadings as { powerDraw: unknown } | undefined)?.powerDraw, 0);
  assert.is((await nodeOf("a-gpu"))?.gpus.length, 4);
});

test("G-35: readiness waits for no exporter; a node that leaves is gone from the next answers", async () => {
  assert.is((await stage.get("/readyz")).status, 200);
  await world.deleteNode(world.name("d-dead"));
  await until(() => nodeOf("d-dead"), WAIT_MS, {
    describe: "the node is gone",
    accept: (found) => found === undefined,
  });
  assert.not.match((await stage.get("/metrics")).text, world.name("d-dead"));
});

test("G-36: the metrics of the process tell of the scrapes", async () => {
  const told = [
    new RegExp(`^odin_gpu_scrapes_total\\{node="${world.name("a-gpu")}",result="ok"\\} [1-9]`, "m"),
    new RegExp(`^odin_gpu_allocated\\{node="${world.name("a-gpu")}"\\} 2$`, "m"),
  ];
  await until(async () => (await stage.get("/metrics")).text, WAIT_MS, {
    describe: "scrapes that went well, and what a reading tells that is not stale",
    accept: (text) => told.every((line) => line.test(text)),
  });
});

test("O-27, O-57: who may read follows the setting like other reads", async () => {
  await stage.start({ ...ENV, ODIN_PUBLIC_READS: "none" });
  assert.is((await stage.get("/v1/nodes")).status, 401);
  await until(async () => (await stage.call("GET", "/v1/nodes")).status, WAIT_MS, {
    describe: "the user is answered",
    accept: (status) => status === 200,
  });
});

test("G-30, O-57: without the right to list nodes: ready, 503 that names the right, one line; without that to list pods: nodes that say so", async () => {
  const bare = await limitedUser("bare", []);
  await stage.start(ENV, bare);
  const refused = await until(() => stage.get("/v1/nodes"), WAIT_MS, {
    describe: "the missing right is noticed",
    accept: ({ text }) => text.includes("right"),
  });
  assert.is(refused.status, 503);
  assert.ok(isProblem(refused));
  assert.match(String(refused.json.detail), /lacks the right to "list" and "watch" "nodes"/);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  assert.is((await stage.get("/readyz")).status, 200);
  const lines = () => stage.logLines.filter(({ msg }) => String(msg).includes("this server may not"));
  await until(lines, WAIT_MS, { describe: "one line for each right", accept: ({ length }) => length === 2 });
  assert.equal(
    lines()
      .map(({ level, msg }) => [level, /"(nodes|pods)"/.exec(String(msg))?.[1]])
      .sort(),
    [
      ["warn", "nodes"],
      ["warn", "pods"],
    ],
  );

  const half = await limitedUser("half", ["nodes"]);
  await stage.start(ENV, half);
  const shown = await until(() => stage.get("/v1/nodes"), WAIT_MS, {
    describe: "nodes are shown, those with GPUs with the reason",
    accept: ({ status, text }) => status === 200 && text.includes("gpuError"),
  });
  const list = shown.json.nodes as NodeItem[];
  assert.match(list.find(({ host }) => host === "a-gpu")?.gpuError ?? "", /may not list pods in all namespaces/);
  assert.is(list.find(({ host }) => host === "b-plain")?.gpuError, undefined);
  assert.is(lines().length, 3);
});

test("G-30: without the right to the pod proxy the node says which right is missing", async () => {
  const config = await limitedUser("no-proxy", ["nodes", "pods"]);
  await stage.start({ ...ENV, ODIN_DCGM_VIA: "apiserver" }, config);
  const refusal = 'the GPU exporter could not be asked: this server may not "get" "pods/proxy"';
  await until(() => nodeOf("a-gpu"), WAIT_MS, {
    describe: "the refusal is shown",
    accept: (found) => found?.gpuError === refusal,
  });
});

test("G-30: through the pod proxy of the API server", async () => {
  // The API server refuses to be a proxy to a loopback address.
  const address = Object.values(networkInterfaces())
    .flat()
    .find((found) => found?.family === "IPv4" && !found.internal && !found.address.startsWith("169.254."))?.address;
  if (address === undefined) {
    skip("through the pod proxy of the API server", "this machine has no address besides loopback");
    return;
  }
  const proxied = await exporter(memory(gpu(0), 77, 3), { host: address });
  await world.createNode("f-proxied", { gpus: 1 });
  await world.createExporter("exporter-f", { node: world.name("f-proxied"), ip: address, port: proxied.port });
  await stage.start({ ...ENV, ODIN_DCGM_VIA: "apiserver" });
  const node = await until(() => nodeOf("f-proxied"), WAIT_MS, {
    describe: "the GPU is read through the proxy",
    accept: (found) => found?.gpus.length === 1,
  });
  assert.is((node?.gpus[0]?.fbMemoryUsage as { used: unknown } | undefined)?.used, 77);
  assert.match(String(proxied.headers["user-agent"]), /odin/);
  assert.is(proxied.headers.authorization, undefined);
  proxied.behaviour = (_request, response) => void response.writeHead(302, { location: "/elsewhere" }).end();
  await until(() => nodeOf("f-proxied"), WAIT_MS, {
    describe: "a redirect is not followed",
    accept: (found) => found?.gpuError === "the GPU exporter answered with HTTP 302; redirects are not followed",
  });
});

/** A kubeconfig of a service account that may do in its namespace what a server does there, and list these in the cluster. */
async function limitedUser(name: string, clusterWide: string[]): Promise<KubeConfig> {
  const { client, namespace } = stage;
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const roleRef = (kind: string, role: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name: role });
  await client.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name },
  });
  const kept = ["configmaps", "events", "jobs", "pipelines", "pods", "secrets"];
  await client.create(`${rbac}/namespaces/${namespace}/roles`, {
    metadata: { name },
    rules: [{ apiGroups: ["", "odin.io"], resources: kept, verbs: ["*"] }],
  });
  await client.create(`${rbac}/namespaces/${namespace}/rolebindings`, {
    metadata: { name },
    subjects,
    roleRef: roleRef("Role", name),
  });
  if (clusterWide.length > 0) {
    const role = `${name}-${ID}`;
    const rules = [{ apiGroups: [""], resources: clusterWide, verbs: ["list", "watch"] }];
    clusterWideObjects.push(`${rbac}/clusterrolebindings/${role}`, `${rbac}/clusterroles/${role}`);
    await client.create(`${rbac}/clusterroles`, { metadata: { name: role }, rules });
    await client.create(`${rbac}/clusterrolebindings`, {
      metadata: { name: role },
      subjects,
      roleRef: roleRef("ClusterRole", role),
    });
  }
  const { status } = await client.create<{ status: { token: string } }>(
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  );
  const cluster = kubeConfig().getCurrentCluster();
  if (cluster === null) throw new Error("the kubeconfig of the tests has no cluster");
  const config = new KubeConfig();
  config.loadFromClusterAndUser(cluster, { name, token: status.token });
  await untilAllowed(`system:serviceaccount:${namespace}:${name}`, [
    ...kept.map((resource) => ({
      group: resource === "jobs" || resource === "pipelines" ? "odin.io" : "",
      resource,
      namespace,
    })),
    ...clusterWide.map((resource) => ({ group: "", resource })),
  ]);
  return config;
}

/** Waits until the API server lets a user list these: it goes by new roles and bindings a moment after they were made. */
async function untilAllowed(
  user: string,
  resources: { group: string; resource: string; namespace?: string }[],
): Promise<void> {
  for (const asked of resources) {
    const review = async (): Promise<boolean> => {
      const { status } = await stage.client.create<{ status: { allowed: boolean } }>(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SubjectAccessReview",
          spec: { user, resourceAttributes: { verb: "list", ...asked } },
        },
      );
      return status.allowed;
    };
    await until(review, WAIT_MS, { describe: `${user} may list ${asked.resource}` });
  }
}

test.run();
