// timeout: 300
import { randomUUID } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NODE, POD } from "../../../kube/core-resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

const WAIT_MS = 60_000;
const NAME = `clockwork-${randomUUID().slice(0, 8)}`;
/** Sorts before the other one, and is made after it. */
const ODD = `a-${NAME}`;
const test = suite("Clockwork's nodes and notes");
let stage: FacadeStage;
let endBeats = (): void => undefined;

test.before(async () => {
  stage = await FacadeStage.open({ CLOCKWORK_CLUSTER: "tests" });
});
test.after(async () => {
  endBeats();
  for (const name of [NAME, ODD]) await stage.client.delete(objectPath(NODE, undefined, name)).catch(() => undefined);
  await stage.close();
});

const ask = (method: string, path: string, body?: unknown): Promise<Answer> =>
  send(stage.port, method, `/api/v1/clusters${path}`, {
    headers: { authorization: `Bearer ${stage.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

const READY = { type: "Ready", status: "True", reason: "KubeletReady", message: "ready" };

/** Says every few seconds that the node is well, as a kubelet does: one that is silent for 40 seconds is taken for lost. Ends with the returned function. */
function keepReady(): () => void {
  const beat = async (): Promise<void> => {
    const conditions = [{ ...READY, lastHeartbeatTime: new Date().toISOString() }];
    await stage.client.patch(objectPath(NODE, undefined, NAME, "status"), "strategic", { status: { conditions } });
  };
  const timer = setInterval(() => void beat().catch(() => undefined), 5_000);
  return () => clearInterval(timer);
}

interface Shown {
  slurm?: Record<string, unknown>;
  cw?: Record<string, unknown>;
}

/** What is shown of the node once it is as wanted. */
const shown = (what: string, accept: (node: Shown) => boolean): Promise<Shown> =>
  until(async () => (await ask("GET", `/nodes/one?node_name=${NAME}&cluster_name=tests`)).json as Shown, WAIT_MS, {
    describe: `the node ${what}`,
    accept,
  });

test("C-26, C-27, C-60, C-62, C-69, C-77, C-78: a node from its making to its end, with what is bound to it", async () => {
  await stage.client.create(collectionPath(NODE), {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: NAME,
      labels: { "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920" },
      annotations: { "odin.io/comment": "of the tests" },
    },
  });
  const amounts = { cpu: "8", memory: "16Gi", "nvidia.com/gpu": "2", pods: "10" };
  await stage.client.patch(objectPath(NODE, undefined, NAME, "status"), "merge", {
    status: {
      capacity: amounts,
      allocatable: amounts,
      nodeInfo: {
        architecture: "amd64",
        ...{ bootID: "", containerRuntimeVersion: "", kernelVersion: "", kubeProxyVersion: "", kubeletVersion: "" },
        ...{ machineID: "", operatingSystem: "linux", osImage: "", systemUUID: "" },
      },
      conditions: [READY],
    },
  });
  endBeats = keepReady();
  const idle = await shown("is idle", ({ slurm }) => String(slurm?.state).startsWith("IDLE"));
  assert.is(idle.slurm?.gres, "gpu:a100:2");
  assert.is(idle.slurm?.comment, "of the tests");
  assert.is(idle.slurm?.cfg_tres, "cpu=8,mem=16384M,billing=8,gres/gpu=2");
  assert.is(idle.slurm?.alloc_tres, null);
  assert.equal(idle.cw?.gpu, { cw_name: "a100l", name: "a100", number: 2 });
  const limits = { cpu: "1500m", memory: "1Gi", "nvidia.com/gpu": "1" };
  await stage.client.create(collectionPath(POD, stage.namespace), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "bound" },
    spec: { nodeName: NAME, containers: [{ name: "main", image: "image:1", resources: { limits } }] },
  });
  const mixed = await shown("works", ({ slurm }) => String(slurm?.state).startsWith("MIXED"));
  assert.is(mixed.slurm?.gres_used, "gpu:a100:1");
  assert.is(mixed.slurm?.tres_used, "cpu=2,mem=1024M,gres/gpu=1");
  await stage.client.patch(objectPath(NODE, undefined, NAME), "merge", { spec: { unschedulable: true } });
  await shown("is cordoned", ({ slurm }) => slurm?.state === "MIXED+DRAIN" && slurm.reason === "cordoned");
  const gpu = await ask("GET", `/node/one?node_name=${NAME}&cluster_name=tests`);
  assert.is(gpu.json.ram, 80);
  const listed = JSON.parse((await ask("GET", "/nodes/list?cluster_name=tests")).text) as Shown[];
  assert.ok(listed.some(({ slurm }) => slurm?.name === NAME));
  await stage.client.create(collectionPath(NODE), {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: ODD, labels: { "nvidia.com/gpu.product": "NVIDIA-X1" } },
  });
  const both = await until(
    async () =>
      (JSON.parse((await ask("GET", "/nodes/list?cluster_name=tests")).text) as Shown[]).flatMap(({ slurm }) =>
        slurm?.name === NAME || slurm?.name === ODD ? [slurm.name] : [],
      ),
    WAIT_MS,
    { describe: "both nodes are there", accept: ({ length }) => length === 2 },
  );
  assert.equal(both, [ODD, NAME]);
  await ask("GET", `/nodes/one?node_name=${ODD}`);
  const told = stage.logLines.filter(({ cw_name }) => cw_name === "x1");
  assert.is(told.length, 1, JSON.stringify(told));
  assert.is((await ask("GET", "/nodes/list?cluster_name=other")).text, "[]\n");
  await stage.client.delete(objectPath(POD, stage.namespace, "bound"), { gracePeriodSeconds: 0 });
  await shown("is idle again", ({ slurm }) => slurm?.state === "IDLE+DRAIN");
  await stage.client.delete(objectPath(NODE, undefined, NAME));
  await shown("is gone", ({ slurm }) => slurm === undefined);
});

test("C-24, C-30: notes and GPUs are served by the same facade, without a store of the settings too", async () => {
  const names = { job_id: "5", cluster_name: "tests" };
  const set = await ask("PUT", "/jobs/user_props/set", { ...names, updates: { tag: "best" } });
  assert.equal([set.status, set.text], [200, '{"tag":"best"}\n']);
  assert.is((await ask("GET", "/jobs/user_props/get?job_id=5&cluster_name=tests")).text, '{"tag":"best"}\n');
  assert.is((JSON.parse((await ask("GET", "/gpu/list")).text) as unknown[]).length, 18);
});

test.run();
