// timeout: 600
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import { CONFIG_MAP, POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { openStore, type Store } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { kubectl } from "../../support/kubectl.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Answer, send, sendJson } from "../../unit/api/served.ts";
import { FacadeStage } from "../api/facade-stage.ts";

const WAIT_MS = 60_000;
const RELEASE = "worn-mouse";
const OURS = { app: "mlbench", component: "worker", release: RELEASE };

let directory: TemporaryDirectory;
let stage: FacadeStage;
let store: Store;
const test = suite("pods of MLBench");

test.before(async () => {
  directory = await temporaryDirectory();
  const path = join(directory.path, "store.db");
  stage = await FacadeStage.open({ MLBENCH_KUBE_RELEASENAME: RELEASE, ODIN_STORE: path });
  store = openStore(path);
});
test.after(async () => {
  await stage.close();
  await store.close();
  await directory.remove();
});

const ask = (path: string, method = "GET", headers: Record<string, string> = {}): Promise<Answer> =>
  send(stage.port, method, path, { headers });

async function list(path = "/api/pods/", headers: Record<string, string> = {}): Promise<Record<string, string>[]> {
  const { status, json, text } = await ask(path, "GET", headers);
  assert.is(status, 200, text);
  return json as unknown as Record<string, string>[];
}

const names = async (): Promise<(string | undefined)[]> => (await list()).map(({ name }) => name);

const comes = (look: () => Promise<boolean>): Promise<unknown> =>
  until(look, WAIT_MS, { describe: "the change of a pod" });

async function create(name: string, labels: Record<string, string>, owners: object[] = []): Promise<string> {
  const body = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, labels, ownerReferences: owners } },
    spec: { containers: [{ name: "worker", image: "image:1" }] },
  };
  // A new namespace takes none before its service account is there.
  const { metadata } = await until(
    () => stage.client.create<typeof body & { metadata: { uid: string } }>(collectionPath(POD, stage.namespace), body),
    WAIT_MS,
    { describe: "the pod is taken" },
  );
  return metadata.uid;
}

async function say(name: string, status: object): Promise<void> {
  await stage.client.patch(objectPath(POD, stage.namespace, name, "status"), "merge", { status });
}

async function remove(name: string): Promise<void> {
  await stage.client.delete(objectPath(POD, stage.namespace, name), { gracePeriodSeconds: 0 });
}

test("M-15 to M-18: workers come, get their address and go; nobody else is shown", async () => {
  assert.equal(await list(), []);
  assert.equal(await list("/api/nodes"), []);
  await create("other-release", { ...OURS, release: "another" });
  await create("no-worker", { ...OURS, component: "master" });
  const uid = await create("zz-first", { ...OURS, "odin.io/mlbench-run": "7" });
  await comes(async () => (await names()).length === 1);
  const first = {
    name: "zz-first",
    labels: "{'app': 'mlbench', 'component': 'worker', 'odin.io/mlbench-run': '7', 'release': 'worn-mouse'}",
    phase: "Pending",
    ip: "",
  };
  assert.is((await ask("/api/pods")).text, JSON.stringify([first]));
  await say("zz-first", { phase: "Running", podIP: "10.9.8.7", podIPs: [{ ip: "10.9.8.7" }] });
  await comes(async () => (await list())[0]?.ip === "10.9.8.7");
  assert.equal(await list("/api/nodes/"), [{ ...first, phase: "Running", ip: "10.9.8.7" }]);
  // Times of creation are whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await create("aa-second", OURS);
  await comes(async () => (await names()).length === 2);
  assert.equal(await names(), ["zz-first", "aa-second"]);
  await remove("zz-first");
  await comes(async () => (await names()).length === 1);
  assert.equal(await names(), ["aa-second"]);
  await comes(async () => !(await store.mlbenchPods.present()).includes(uid));
  assert.equal((await store.mlbenchPods.newest("zz-first"))?.ip, "10.9.8.7");
  assert.equal(
    (await store.mlbenchPods.ofRun(7)).map((pod) => pod.uid),
    [uid],
  );
});

test("M-64: pods that went while no facade was there are known to be gone", async () => {
  const uid = await create("unseen", OURS);
  await comes(async () => (await store.mlbenchPods.present()).includes(uid));
  await stage.stop();
  await remove("unseen");
  await stage.start({ MLBENCH_KUBE_RELEASENAME: RELEASE, ODIN_STORE: join(directory.path, "store.db") });
  await comes(async () => !(await store.mlbenchPods.present()).includes(uid));
  assert.is((await store.mlbenchPods.newest("unseen"))?.uid, uid);
});

test("M-3, M-11: the families do not mix on their one listener", async () => {
  const root = await ask("/api/", "GET", { host: "bench.example.org" });
  assert.equal(root.json, {
    pods: "http://bench.example.org/api/pods/",
    runs: "http://bench.example.org/api/runs/",
    metrics: "http://bench.example.org/api/metrics/",
  });
  assert.is((await ask("/api/v1/clusters/jobs/list")).text, '"Authorization error."\n');
  assert.equal((await ask("/api/nothing")).json, { detail: "Not found." });
  assert.is((await ask("/apis")).headers["content-type"], "application/problem+json; charset=utf-8");
  assert.is(
    (await ask("/api/pods", "GET", { cookie: "c".repeat(20_000) })).headers["content-type"],
    "application/json",
  );
});

test("M-14: the credential of a user is taken as in the Odin view", async () => {
  await stage.stop();
  await stage.start({ MLBENCH_NETWORK: "192.0.2.0/24" });
  assert.is((await ask("/api/pods/")).status, 401);
  const { status, json } = await ask("/api/pods/", "GET", { authorization: `Bearer ${stage.token}` });
  assert.equal([status, json], [200, []]);
});
test("M-14: a pod that only says that it is a run's worker may nothing; the run's own one posts for its run", async () => {
  const path = join(directory.path, "store.db");
  const environment = { MLBENCH_KUBE_RELEASENAME: RELEASE, ODIN_STORE: path };
  await stage.stop();
  await stage.start({ ...environment, MLBENCH_NETWORK: "192.0.2.0/24" });
  const user = { authorization: `Bearer ${stage.token}` };
  const made = async (name: string): Promise<number> => {
    const image = { image_name: "custom_image", custom_image_name: "example/image:1", custom_image_command: "/run" };
    const fields = { name, num_workers: 1, num_cpus: 0, ...image };
    const { status, text, json } = await sendJson(stage.port, "POST", "/api/runs/", fields, user);
    assert.is(status, 201, text);
    return Number(json.id);
  };
  // With it the StatefulSets get their pods.
  await kubectl("create", "serviceaccount", `${RELEASE}-mlbench-worker-sa`, "-n", stage.namespace);
  const [own, other] = [await made("own"), await made("other")];
  const { name: setName, setUid } = (await until(
    async () => {
      const read = await stage.client.get<Pipeline & KubeObject>(
        objectPath(PIPELINE, stage.namespace, `mlbench-${own}j`),
      );
      return read.status?.workers;
    },
    WAIT_MS,
    { describe: "the StatefulSet of the run", accept: (workers) => workers?.setUid !== undefined },
  )) ?? { name: "", setUid: "" };
  const metric = (run: number): object => ({ run_id: run, name: "loss", date: "2026-01-01T00:00:00Z", value: 1 });
  const post = async (run: number): Promise<number> =>
    (await sendJson(stage.port, "POST", "/api/metrics/", metric(run))).status;
  const labels = { ...OURS, set: "own", "odin.io/mlbench-run": String(own) };
  // From here on requests of the test come from the address of that pod.
  const takesAddress = async (name: string): Promise<void> => {
    await say(name, { phase: "Running", podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] });
    await until(() => ask("/api/pods/", "GET", user), WAIT_MS, {
      describe: "the address of the pod",
      accept: ({ json }) =>
        (json as unknown as Record<string, string>[]).some((pod) => pod.name === name && pod.ip === "127.0.0.1"),
    });
  };
  const vanishes = async (name: string): Promise<void> => {
    await remove(name);
    await until(() => ask("/api/pods/", "GET", user), WAIT_MS, {
      describe: "the pod is gone",
      accept: ({ text }) => !text.includes(name),
    });
  };
  const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: setName, uid: setUid, controller: true };
  // Owners that are there: a pod of one that is not would be collected as garbage before anybody has seen it.
  const { metadata } = await stage.client.create<KubeObject>(collectionPath(CONFIG_MAP, stage.namespace), {
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: setName } },
  });
  const foreign = { apiVersion: "v1", kind: "ConfigMap", name: setName, uid: metadata.uid, controller: true };
  for (const [name, owners] of [
    ["forged", []],
    ["forged-again", [{ ...owner, controller: false }]],
    [`${setName}-9`, [foreign]],
  ] as const) {
    await create(name, labels, [...owners]);
    await takesAddress(name);
    assert.is((await ask("/api/runs/")).status, 401, name);
    assert.is(await post(own), 401, name);
    await vanishes(name);
  }
  await comes(async () => (await list("/api/pods/", user)).some(({ name }) => name === `${setName}-0`));
  await takesAddress(`${setName}-0`);
  assert.is((await ask(`/api/runs/${other}/`)).status, 200);
  assert.is(await post(own), 201);
  assert.is(await post(other), 401, "the run of others");
  assert.is((await ask(`/api/runs/${own}/`, "DELETE")).status, 401);
  for (const run of [own, other]) assert.is((await ask(`/api/runs/${run}/`, "DELETE", user)).status, 204);
});

test.run();
