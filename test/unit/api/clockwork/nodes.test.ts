import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NO_WORK, type PodOnNode, workByNode } from "../../../../api/clockwork/nodes/bound-pods.ts";
import { projectNodeFacts } from "../../../../api/clockwork/nodes/node-facts.ts";
import { type ClockworkNode, clockworkNode } from "../../../../api/clockwork/nodes/node-view.ts";
import { nodeRoutes } from "../../../../api/clockwork/nodes/routes.ts";
import { podRequests } from "../../../../kube/pod-requests.ts";
import type { KubeObject } from "../../../../kube/resource.ts";
import { ask, type ServedClockwork, serveClockwork } from "./served-clockwork.ts";

const test = suite("Clockwork's nodes");
let served: ServedClockwork;
let known: ClockworkNode[] = [];

test.before(async () => {
  const find = async ({ name, cluster }: { name?: string | undefined; cluster?: string | undefined }) =>
    known.filter(
      ({ slurm }) =>
        (name === undefined || slurm.name === name) && (cluster === undefined || slurm.cluster_name === cluster),
    );
  const specs = { of: (cwName: string) => (cwName === "a100l" ? A100L : undefined) };
  served = await serveClockwork(nodeRoutes({ nodes: { find }, specs }));
});
test.after(() => served.listener.close(0));

const A100L = {
  ...{ name: "a100", vendor: "nvidia", ram: 80 },
  ...{ cuda_cores: 6912, tensor_cores: 432, tflops_fp32: 19.5 },
};
const CREATED = "2026-01-01T00:00:00Z";
const CREATED_AT = Date.parse(CREATED) / 1000;
const at = (seconds: number): string => new Date((CREATED_AT + seconds) * 1000).toISOString();

interface Given {
  name?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  capacity?: Record<string, string>;
  allocatable?: Record<string, string>;
  ready?: object | null;
  conditions?: object[];
  spec?: object;
  addresses?: object[];
  architecture?: string;
}

function node({ name = "n1", labels = {}, annotations = {}, ...given }: Given = {}): KubeObject {
  const ready = { type: "Ready", status: "True", lastHeartbeatTime: at(900), lastTransitionTime: at(10) };
  const capacity = { cpu: "8", memory: "32783464Ki", ...given.capacity };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, uid: name, resourceVersion: "1", creationTimestamp: CREATED, labels, annotations },
    spec: given.spec ?? {},
    status: {
      capacity,
      allocatable: { ...capacity, cpu: "7910m", ...given.allocatable },
      addresses: given.addresses ?? [
        { type: "Hostname", address: "host-1" },
        { type: "InternalIP", address: "10.0.0.1" },
      ],
      nodeInfo: { architecture: given.architecture ?? "amd64" },
      conditions: [...(given.conditions ?? []), ...(given.ready === null ? [] : [{ ...ready, ...given.ready }])],
    },
  } as KubeObject;
}

function pod(limits: Record<string, string>, more: Partial<PodOnNode> = {}): PodOnNode {
  const requests = podRequests({ containers: [{ resources: { limits } }] });
  return { node: "n1", phase: "Running", isSystem: false, requests, ...more };
}

const GPUS = {
  "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
  "nvidia.com/gpu.family": "ampere",
  "nvidia.com/gpu.memory": "81920",
};

const view = (
  given: Given,
  more: { pods?: PodOnNode[]; dcgmModels?: string[]; lastBusy?: number } = {},
): ClockworkNode =>
  clockworkNode(projectNodeFacts(node(given)), {
    work: workByNode(more.pods ?? []).get("n1") ?? NO_WORK,
    dcgmModels: more.dcgmModels ?? [],
    lastBusy: more.lastBusy,
    cluster: "main",
  });

test("C-77, C-78: a plain node has exactly these keys and values", () => {
  assert.equal(view({}), {
    slurm: {
      name: "n1",
      addr: "10.0.0.1",
      arch: "x86_64",
      features: "x86_64",
      gres: null,
      gres_used: null,
      memory: 32015,
      cpus: 8,
      cores: 8,
      state: "IDLE",
      state_flags: [],
      cfg_tres: "cpu=7,mem=32015M,billing=7",
      tres: "cpu=7,mem=32015M,billing=7",
      alloc_tres: null,
      tres_used: null,
      reason: null,
      reason_changed_at: null,
      comment: null,
      last_busy: null,
      cluster_name: "main",
    },
    cw: { gpu: {}, last_slurm_update: CREATED_AT + 10 },
  });
});

test("C-77, C-78: a node with GPUs at work", () => {
  const { slurm, cw } = view(
    {
      labels: { ...GPUS, "odin.io/cluster": "gpus" },
      annotations: { "odin.io/comment": "x".repeat(5_000) },
      capacity: { cpu: "64", memory: "512Gi", "nvidia.com/gpu": "4" },
      allocatable: { cpu: "63500m", memory: "500Gi", "nvidia.com/gpu": "4" },
      architecture: "arm64",
    },
    {
      pods: [
        pod({ cpu: "2500m", memory: "10Gi", "nvidia.com/gpu": "1" }),
        pod({ cpu: "100m", memory: "1", "nvidia.com/gpu": "2" }, { phase: "Pending" }),
        pod({ cpu: "9", "nvidia.com/gpu": "1" }, { phase: "Succeeded" }),
        pod({ cpu: "9", "nvidia.com/gpu": "1" }, { isSystem: true }),
        pod({ cpu: "9", "nvidia.com/gpu": "1" }, { node: null, phase: "Pending" }),
        pod({ cpu: "9", "nvidia.com/gpu": "1" }, { node: "n2" }),
      ],
      lastBusy: 1234,
    },
  );
  assert.is(slurm.features, "aarch64,ampere,80gb");
  assert.is(slurm.gres, "gpu:a100:4");
  assert.is(slurm.gres_used, "gpu:a100:3");
  assert.is(slurm.state, "MIXED");
  assert.is(slurm.cfg_tres, "cpu=63,mem=512000M,billing=63,gres/gpu=4");
  assert.is(slurm.alloc_tres, "cpu=3,mem=10241M,gres/gpu=3");
  assert.is(slurm.tres_used, slurm.alloc_tres);
  assert.is(slurm.last_busy, 1234);
  assert.is(slurm.cluster_name, "gpus");
  assert.is(String(slurm.comment).length, 4096);
  assert.equal(cw.gpu, { cw_name: "a100l", name: "a100", number: 4 });
});

test("C-77: addresses and architectures, each with what stands in for it", () => {
  assert.is(view({ addresses: [{ type: "Hostname", address: "host-1" }] }).slurm.addr, "host-1");
  assert.is(view({ addresses: [] }).slurm.addr, "n1");
  assert.is(view({ architecture: "riscv64" }).slurm.arch, "riscv64");
});

test("C-77: each state of a node, and DRAIN behind it", () => {
  const reserved = { taints: [{ key: "odin.io/reserved", effect: "NoSchedule" }] };
  const gpus = { capacity: { "nvidia.com/gpu": "2" } };
  const states: [string, Given, PodOnNode[], string[]?][] = [
    ["IDLE", {}, []],
    ["IDLE", {}, [pod({ cpu: "8" }, { isSystem: true })]],
    ["RESERVED", { spec: reserved }, []],
    ["MIXED", { spec: reserved }, [pod({})]],
    ["MIXED", {}, [pod({ cpu: "7909m" })]],
    ["ALLOCATED", {}, [pod({ cpu: "3" }), pod({ cpu: "4910m" })]],
    ["ALLOCATED", gpus, [pod({ cpu: "1", "nvidia.com/gpu": "2" })]],
    ["MIXED", gpus, [pod({ cpu: "1", "nvidia.com/gpu": "1" })]],
    ["DOWN", { ready: { status: "False" } }, [pod({ cpu: "8" })]],
    ["DOWN*", { ready: { status: "Unknown" } }, [], ["NOT_RESPONDING"]],
    ["DOWN*", { ready: null }, [], ["NOT_RESPONDING"]],
  ];
  for (const [state, given, pods, flags = []] of states) {
    const { slurm } = view(given, { pods });
    assert.equal([slurm.state, slurm.state_flags], [state, flags], JSON.stringify(given));
    const cordoned = view({ ...given, spec: { ...given.spec, unschedulable: true } }, { pods }).slurm;
    assert.equal([cordoned.state, cordoned.state_flags], [`${state}+DRAIN`, ["DRAIN", ...flags]]);
  }
});

test("C-77: the reason is that of Ready, else of a pressure, else the cordon, each with its time", () => {
  const reasonOf = (given: Given): unknown[] => {
    const { slurm } = view(given);
    return [slurm.reason, slurm.reason_changed_at];
  };
  const pressure = { type: "DiskPressure", status: "True", message: "disk is full", lastTransitionTime: at(30) };
  const cordon = {
    unschedulable: true,
    taints: [{ key: "node.kubernetes.io/unschedulable", timeAdded: at(40) }],
  };
  const failing = { status: "False", message: "the kubelet is ill", lastTransitionTime: at(20) };
  assert.equal(reasonOf({ ready: failing, conditions: [pressure], spec: cordon }), [
    "the kubelet is ill",
    CREATED_AT + 20,
  ]);
  assert.equal(reasonOf({ conditions: [pressure], spec: cordon }), ["disk is full", CREATED_AT + 30]);
  assert.equal(reasonOf({ spec: cordon }), ["cordoned", CREATED_AT + 40]);
  assert.equal(reasonOf({ spec: { unschedulable: true } }), ["cordoned", null]);
  assert.equal(reasonOf({ conditions: [{ ...pressure, status: "False" }] }), [null, null]);
  assert.is(view({ conditions: [pressure], spec: cordon }).cw.last_slurm_update, CREATED_AT + 40);
});

test("C-77, C-78: shared GPUs, instances of GPUs and unknown models", () => {
  const gres = (
    labels: Record<string, string>,
    capacity: Record<string, string>,
    pods: PodOnNode[] = [],
    dcgm: string[] = [],
  ) => {
    const { slurm, cw } = view({ labels, capacity }, { pods, dcgmModels: dcgm });
    return [slurm.gres, slurm.gres_used, cw.gpu];
  };
  const product = (name: string, more = {}) => ({ "nvidia.com/gpu.product": name, ...more });
  const two = { "nvidia.com/gpu": "2" };
  assert.equal(gres({}, two, [pod({ "nvidia.com/gpu": "1" })]), ["gpu:2", "gpu:1", {}]);
  assert.equal(gres(product("Tesla-T4"), {}), [null, null, {}]);
  assert.equal(gres({}, two, [], ["Tesla T4"]), ["gpu:t4:2", "gpu:t4:0", { cw_name: "t4", name: "t4", number: 2 }]);
  assert.equal(gres({}, two, [], ["Tesla T4", "NVIDIA A40"]), ["gpu:2", "gpu:0", {}]);
  assert.equal(gres(product("NVIDIA-A40"), two, [], ["Tesla T4"])[0], "gpu:a40:2");
  assert.equal(gres(product("Tesla-T4-SHARED", { "nvidia.com/gpu.count": "2" }), { "nvidia.com/gpu": "8" }), [
    "gpu:t4:2",
    "gpu:t4:0",
    { cw_name: "t4", name: "t4", number: 2 },
  ]);
  const single = product("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb");
  assert.equal(gres(single, { "nvidia.com/gpu": "7" }, [pod({ "nvidia.com/gpu": "3" })]), [
    "gpu:a100_1g.5gb:7",
    "gpu:a100_1g.5gb:3",
    {},
  ]);
  const mixed = { "nvidia.com/mig-3g.20gb": "1", "nvidia.com/mig-1g.5gb": "4", "nvidia.com/gpu": "0" };
  const asking = pod({ "nvidia.com/mig-1g.5gb": "2" });
  assert.equal(gres(product("NVIDIA-A100-SXM4-40GB"), mixed, [asking, asking]), [
    "gpu:a100_1g.5gb:4,gpu:a100_3g.20gb:1",
    "gpu:a100_1g.5gb:4,gpu:a100_3g.20gb:0",
    {},
  ]);
});

test("C-78: a heartbeat changes nothing", () => {
  const beat = { ready: { lastHeartbeatTime: at(5_000) } };
  assert.equal(projectNodeFacts(node(beat)), projectNodeFacts(node()));
});

const get = async (path: string): Promise<[number, unknown, string]> => {
  const { status, text, headers } = await ask(served, "GET", `/api/v1/clusters${path}`);
  return [status, JSON.parse(text), String(headers["content-type"])];
};
const JSON_TYPE = "application/json";

test("C-26, C-60: nodes of one cluster by its exact name, or all", async () => {
  known = [view({ name: "a" }), view({ name: "b", labels: { "odin.io/cluster": "other" } })];
  assert.equal(await get("/nodes/list"), [200, known, JSON_TYPE]);
  assert.equal(await get("/nodes/list?cluster_name=other"), [200, [known[1]], JSON_TYPE]);
  for (const name of ["", "none", "main,other", "*", "MAIN", "%25"]) {
    assert.equal(await get(`/nodes/list?cluster_name=${name}`), [200, [], JSON_TYPE], name);
  }
});

test("C-27, C-61: one node by the client's parameter or the document's; none, and several", async () => {
  known = [view({ name: "a" }), view({ name: "b" })];
  assert.equal(await get("/nodes/one?node_name=a"), [200, known[0], JSON_TYPE]);
  assert.equal(await get("/nodes/one?name=a&cluster_name=main"), [200, known[0], JSON_TYPE]);
  assert.equal(await get("/nodes/one?name=a&node_name=b"), [200, known[1], JSON_TYPE]);
  for (const query of [
    "node_name=none",
    "node_name=",
    "node_name=&name=a",
    "node_name=a&cluster_name=main,x",
    "name=.*",
  ]) {
    assert.equal(await get(`/nodes/one?${query}`), [200, {}, JSON_TYPE], query);
  }
  assert.equal(await get("/nodes/one"), [400, "Missing argument node_name.", JSON_TYPE]);
  assert.equal(await get("/nodes/one?cluster_name=main"), [400, "Missing argument node_name.", JSON_TYPE]);
  known = [view({ name: "a" }), view({ name: "a", labels: { "odin.io/cluster": "other" } })];
  const several = "Found 2 nodes with node_name a. Not sure what to do about these cases.";
  assert.equal(await get("/nodes/one?node_name=a"), [500, several, JSON_TYPE]);
  assert.equal(await get("/nodes/one?node_name=a&cluster_name=other"), [200, known[1], JSON_TYPE]);
});

test("C-28, C-62: the specification of a node's GPU, under both paths; otherwise an empty object", async () => {
  const four = { "nvidia.com/gpu": "4" };
  known = [
    view({ name: "gpu", labels: GPUS, capacity: four }),
    view({ name: "plain" }),
    view({ name: "unknown", labels: { "nvidia.com/gpu.product": "NVIDIA-X1" }, capacity: four }),
    view({ name: "twice", labels: GPUS, capacity: four }),
    view({ name: "twice", labels: { ...GPUS, "odin.io/cluster": "other" }, capacity: four }),
  ];
  for (const path of ["/nodes/one/gpu", "/node/one"]) {
    assert.equal(await get(`${path}?node_name=gpu&cluster_name=main`), [200, A100L, JSON_TYPE]);
    assert.equal(await get(`${path}?name=gpu`), [200, A100L, JSON_TYPE]);
    assert.equal(await get(`${path}?node_name=twice&cluster_name=other`), [200, A100L, JSON_TYPE]);
    for (const name of ["plain", "unknown", "twice", "none", ""]) {
      assert.equal(await get(`${path}?node_name=${name}`), [200, {}, JSON_TYPE], name);
    }
    assert.equal(await get(path), [400, "Missing argument node_name.", JSON_TYPE]);
  }
});

test.run();
