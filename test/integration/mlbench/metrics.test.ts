// timeout: 300

import { createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { createAuthority, createCertificate } from "../../../local/x509.ts";
import { until } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Answer, send, sendJson } from "../../unit/api/served.ts";
import { FacadeStage } from "../api/facade-stage.ts";

const WAIT_MS = 120_000;
const WORKER = { app: "mlbench", component: "worker", release: "worn-mouse" };
/** A run that waits for workers that nobody makes: there is no controller of StatefulSets here. */
const RUN = {
  name: "Measured",
  num_workers: 1,
  num_cpus: 0,
  image_name: "custom_image",
  custom_image_name: "example/image:1",
  custom_image_command: "/run",
};

/** The account whose token kubelets get. */
const KUBELET_ACCOUNT = "of-kubelets";

let directory: TemporaryDirectory;
let stage: FacadeStage;
/** What the kubelet of the test has been asked, with which tokens, and what it says of pods. Nobody has vouched for its certificate. */
const asked: string[] = [];
const tokens = new Set<string | undefined>();
const summaries: object[] = [];
const authority = createAuthority("a kubelet's");
const { key, certificate: cert } = createCertificate(authority, createPrivateKey(authority.key), {
  ...{ commonName: "node", usages: ["serverAuth"], addresses: ["127.0.0.1"] },
});
const kubelet = createServer({ key, cert }, (request, response) => {
  asked.push(`${request.method} ${request.url}`);
  tokens.add(request.headers.authorization?.replace(/^Bearer /, ""));
  response.end(JSON.stringify({ node: {}, pods: summaries }));
});
const environment: Record<string, string> = {};
const test = suite("metrics of MLBench");

test.before(async () => {
  try {
    directory = await temporaryDirectory();
    kubelet.listen(0, "127.0.0.1");
    await once(kubelet, "listening");
    Object.assign(environment, {
      MLBENCH_KUBE_RELEASENAME: WORKER.release,
      MLBENCH_SCRAPE_SECONDS: "1",
      MLBENCH_KUBELET_ACCOUNT: KUBELET_ACCOUNT,
      MLBENCH_KUBELET_PORT: String((kubelet.address() as AddressInfo).port),
      ODIN_STORE: join(directory.path, "store.db"),
    });
    stage = await FacadeStage.open(environment);
    await stage.client.create(`/api/v1/namespaces/${stage.namespace}/serviceaccounts`, {
      ...{ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: KUBELET_ACCOUNT } },
    });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
  kubelet.closeAllConnections();
  kubelet.close();
  await directory.remove();
});

const get = (path: string): Promise<Answer> => send(stage.port, "GET", path);
const post = (path: string, body: unknown): Promise<Answer> => sendJson(stage.port, "POST", path, body);
const metric = (more: object): object => ({ name: "loss", date: "2026-11-20 23:35:10.314416", value: 0.5, ...more });

/** Creates a worker pod and moves it to the node of the test's kubelet; its UID. */
async function worker(name: string, labels: Record<string, string> = {}): Promise<string> {
  const path = collectionPath(POD, stage.namespace);
  const pod = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, labels: { ...WORKER, ...labels } } },
    spec: { containers: [{ name: "main", image: "image:1" }] },
  };
  // A new namespace takes none before its service account is there.
  const { metadata } = await until(() => stage.client.create<{ metadata: { uid: string } }>(path, pod), WAIT_MS, {
    describe: "the pod is taken",
  });
  await stage.client.patch(objectPath(POD, stage.namespace, name, "status"), "merge", {
    status: { phase: "Running", hostIP: "127.0.0.1", podIP: "10.99.0.1" },
  });
  await until(async () => name in (await get("/api/metrics/?metric_type=pod")).json, WAIT_MS, {
    describe: "the worker is known",
  });
  return metadata.uid;
}

test("M-19, M-29: metrics of a run and of a pod are posted to the facade and read back, also after a restart", async () => {
  await worker("first-0");
  const created = await post("/api/runs/", RUN);
  assert.is(created.status, 201, created.text);
  const { id } = created.json;
  assert.equal((await get("/api/metrics/?metric_type=run")).json, { Measured: {} });
  const ofRun = await post("/api/metrics", metric({ run_id: id }));
  assert.is(ofRun.status, 201, ofRun.text);
  const ofPod = await post("/api/metrics", metric({ pod_name: "first-0" }));
  assert.is(ofPod.status, 201, ofPod.text);
  const { pod_name: _, ...entry } = ofPod.json;
  const all = { pod_metrics: { "first-0": { loss: [entry] } }, run_metrics: { Measured: { loss: [ofRun.json] } } };
  assert.equal((await get("/api/metrics/")).json, all);
  await stage.stop();
  await stage.start(environment);
  await until(async () => (await get("/api/metrics/")).status === 200, WAIT_MS, { describe: "it answers again" });
  assert.equal((await get("/api/metrics/")).json, all);
  const one = await get(`/api/metrics/${id}?metric_type=run`);
  assert.is(one.text, '{"loss":[{"date":"2026-11-20T23:35:10.314416Z","value":"0.5","cumulative":false}]}');
  assert.is((await get(`/api/metrics/${id}.zip?metric_type=run`)).status, 200);
});

test("M-41: from the deletion of a run on its metrics are in no answer, and none is taken", async () => {
  const { id } = (await post("/api/runs/", { ...RUN, name: "short" })).json;
  await post("/api/metrics", metric({ run_id: id }));
  assert.is((await send(stage.port, "DELETE", `/api/runs/${id}/`)).status, 204);
  assert.is((await get(`/api/metrics/${id}/?metric_type=run`)).status, 404);
  assert.is((await post("/api/metrics", metric({ run_id: id }))).status, 404);
  assert.not.ok("short" in (await get("/api/metrics/?metric_type=run")).json);
});

test("M-61, M-62: what the kubelet says of a worker becomes its metrics, each sample once", async () => {
  const uid = await worker("measured-0");
  const sample = (second: number, nanoCores: number): object => ({
    podRef: { uid },
    containers: [{ name: "main", cpu: { time: `2026-11-20T23:35:1${second}Z`, usageNanoCores: nanoCores } }],
  });
  const cpu = async (): Promise<string> => {
    const { json } = await get("/api/metrics/measured-0/");
    return ((json.cpu ?? []) as { date: string; value: string }[]).map(({ date, value }) => `${date} ${value}`).join();
  };
  summaries.push(sample(1, 250_000_000));
  await until(async () => (await cpu()) === "2026-11-20T23:35:11Z 0.25", WAIT_MS, { describe: "the first point" });
  const before = asked.length;
  await until(() => asked.length > before + 2, WAIT_MS, { describe: "the same sample again" });
  summaries.splice(0, 1, sample(2, 500_000_000));
  await until(async () => (await cpu()).includes("23:35:12Z"), WAIT_MS, { describe: "the second point" });
  assert.is(await cpu(), "2026-11-20T23:35:11Z 0.25,2026-11-20T23:35:12Z 0.5");
  assert.equal([...new Set(asked)], ["GET /stats/summary"]);
});

test("M-61, M-75: a kubelet that anybody could be was sent the token of its account, and no credential of ours", async () => {
  // Each facade of the test has asked for one of its own.
  assert.ok(tokens.size >= 1 && tokens.size <= 2, String(tokens.size));
  for (const token of tokens) {
    const { status } = await stage.client.create<{ status: { authenticated?: boolean; user?: { username: string } } }>(
      "/apis/authentication.k8s.io/v1/tokenreviews",
      { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } },
    );
    assert.is(status.authenticated, true);
    assert.is(status.user?.username, `system:serviceaccount:${stage.namespace}:${KUBELET_ACCOUNT}`);
  }
});

test("M-64: metrics of a pod that went are found by its name, and do not mix with those of its successor", async () => {
  await post("/api/metrics", metric({ pod_name: "measured-0", name: "mine" }));
  await stage.client.delete(objectPath(POD, stage.namespace, "measured-0"), { gracePeriodSeconds: 0 });
  await until(async () => !("measured-0" in (await get("/api/metrics/?metric_type=pod")).json), WAIT_MS, {
    describe: "the worker is gone",
  });
  assert.ok("mine" in (await get("/api/metrics/measured-0/")).json);
  assert.is((await post("/api/metrics", metric({ pod_name: "measured-0" }))).status, 404);
  await worker("measured-0");
  assert.not.ok("mine" in (await get("/api/metrics/measured-0/")).json);
});

test.run();
