// timeout: 900
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MasterLabel } from "../../../api/mlbench/master-label.ts";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { CHART, helmDone, objectsOf } from "../../support/helm.ts";
import { kubectlApply } from "../../support/kubectl.ts";
import { listOf, MlbenchClient, type Outcome, objectOf, resultsOf } from "../../support/mlbench-client.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { FacadeStage, ROOT_PASSWORD, ROOT_USER } from "../api/facade-stage.ts";

const WAIT_MS = 120_000;
const RELEASE = "worn-mouse";

const test = suite("the client of MLBench");
let client: MlbenchClient;
let stage: FacadeStage;
let home: TemporaryDirectory;

/** Calls methods of the published client, one after the other. */
const call = (url: string, ...calls: [method: string, values: object][]): Promise<Outcome[]> =>
  client.call(url, ...calls);

const here = (): string => `127.0.0.1:${stage.port}`;

async function createPod(name: string, labels: Record<string, string>): Promise<void> {
  await stage.client.create(collectionPath(POD, stage.namespace), {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, labels } },
    spec: { containers: [{ name: "main", image: "image:1" }] },
  });
}

test.before(async () => {
  try {
    stage = await FacadeStage.open({ MLBENCH_KUBE_RELEASENAME: RELEASE, MLBENCH_SCRAPE_SECONDS: "0" });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
  await home.remove();
});

test("M-1, M-69, §12 row 8, 17: runs are created, shown and deleted", async () => {
  const image = "PyTorch Cifar-10 ResNet-20";
  const [created, again, custom, bad] = await call(
    here(),
    ["create_run", { name: "Bench-3", num_workers: 3, num_cpus: 1, image, backend: "MPI" }],
    ["create_run", { name: "bench-3", num_workers: 3, image, backend: "GLOO" }],
    [
      "create_run",
      {
        ...{ name: "own", num_workers: 1, custom_image_name: "busybox:1", custom_image_command: "/run {hosts}" },
        ...{ custom_backend: "mine", run_all_nodes: true, gpu_enabled: true, light_target: true },
      },
    ],
    ["create_run", { name: "not a name", num_workers: 1, image, backend: "MPI" }],
  );
  assert.is(created?.status, 201, created?.text);
  const first = objectOf(created);
  assert.equal([first.name, first.state], ["Bench-3", "initialized"]);
  assert.is(again?.status, 409, again?.text);
  assert.match(String(objectOf(again).message), /named bench-3$/);
  assert.is(custom?.status, 201, custom?.text);
  assert.is(bad?.status, 400, bad?.text);
  const [list, detail, unknown, deleted, gone] = await call(
    here(),
    ["get_runs", {}],
    ["get_run", { run_id: first.id }],
    ["get_run", { run_id: 99 }],
    ["delete_run", { run_id: first.id }],
    ["get_run", { run_id: first.id }],
  );
  assert.equal(
    listOf(list).map(({ name }) => name),
    ["Bench-3", "own"],
  );
  assert.ok("stdout" in (objectOf(detail).job_metadata as object), detail?.text);
  assert.equal([unknown?.status, unknown?.json], [404, { status: "Not Found", message: "Run not found" }]);
  assert.equal([deleted?.status, deleted?.text], [204, ""]);
  assert.is(gone?.status, 404);
});

test("M-69: metrics are posted and read back, the one way and the other", async () => {
  const [list] = await call(here(), ["get_runs", {}]);
  const id = listOf(list)[0]?.id;
  const name = "val_global_loss @ 0";
  const [posted, noted, all, some, pod, zip] = await call(
    here(),
    ["post_metric", { run_id: id, name, value: 0.5, date: "2026-11-20 23:35:10.314416" }],
    [
      "post_metric",
      { run_id: id, name, value: 0.25, cumulative: true, metadata: { rank: 0 }, date: "2026-11-20 23:36:10" },
    ],
    ["get_all_metrics", {}],
    [
      "get_run_metrics",
      { run_id: id, since: "2026-11-20 23:36:10+00:00", metric_filter: name, last_n: 1, summarize: 5 },
    ],
    ["get_pod_metrics", { pod_id: "nobody" }],
    ["download_run_metrics", { run_id: id }],
  );
  assert.equal(
    [posted?.status, posted?.json],
    [201, { name, value: "0.5", date: "2026-11-20T23:35:10.314416Z", metadata: "", cumulative: false }],
  );
  assert.equal([noted?.status, objectOf(noted).cumulative], [201, true], noted?.text);
  assert.is(all?.status, 200);
  assert.equal(some?.json, { [name]: [{ date: "2026-11-20T23:36:10Z", value: "0.25", cumulative: true }] });
  assert.equal([pod?.status, pod?.json], [404, { status: "Not Found", message: "Pod not found" }]);
  assert.is(zip?.status, 200);
  assert.match(zip?.headers["content-disposition"] ?? "", "filename=metrics_own.zip");
});

test("M-69: worker pods", async () => {
  await createPod("w-0", { app: "mlbench", component: "worker", release: RELEASE });
  await until(async () => (await call(here(), ["get_worker_pods", {}]))[0]?.text.includes("w-0"), WAIT_MS, {
    describe: "the worker is listed",
  });
});

test("M-14: a password in the address is sent as Basic, and refused where it is wrong", async () => {
  const password = encodeURIComponent(ROOT_PASSWORD);
  const [right] = await call(`${ROOT_USER}:${password}@${here()}`, ["get_runs", {}]);
  assert.is(right?.status, 200, right?.text);
  const [wrong] = await call(`${ROOT_USER}:wrong@${here()}`, ["get_runs", {}]);
  assert.equal([wrong?.status, wrong?.json], [401, { status: "Unauthorized", message: "Credentials required" }]);
});

test("M-72: the command line lists runs, says what it cannot find, and deletes", async () => {
  const address = ["--dashboard-url", here()];
  const listed = await client.run("cli", "status", ...address);
  assert.match(listed, /id\s+name\s+created_at\s+finished_at\s+state\s+num_workers/);
  assert.match(listed, /own\s+20/);
  const one = await client.run("cli", "status", "own", ...address);
  assert.match(one, "Current Global Loss: 0.25 (2026-11-20T23:36:10Z)");
  assert.match(await client.run("cli", "status", "nobody", ...address), "Run not found");
  await client.run("cli", "delete", "own", ...address);
  assert.not.match(await client.run("cli", "status", ...address), /\bown\b/);
});

test("M-70, M-71: without an address it finds the one labelled pod and the one Service", async () => {
  const ip = "10.77.0.9";
  for (const name of ["odin-api-0", "odin-api-1"]) {
    await createPod(name, { "app.kubernetes.io/name": "odin" });
    await stage.client.patch(objectPath(POD, stage.namespace, `${name}`, "status"), "merge", {
      status: { phase: "Running", podIP: name === "odin-api-1" ? ip : "10.77.0.8" },
    });
  }
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const parts = { client: stage.client, namespace: stage.namespace, release: RELEASE, logger };
  const labels = ["odin-api-0", "odin-api-1"].map((pod) => new MasterLabel({ ...parts, pod }));
  const labelled = async (): Promise<string[]> => {
    const query = { labelSelector: "component=master,app=mlbench" };
    const { items } = await stage.client.get<{ items: KubeObject[] }>(collectionPath(POD, stage.namespace), { query });
    return items.map(({ metadata }) => metadata.name);
  };
  const shows = (...names: string[]): Promise<unknown> =>
    until(labelled, WAIT_MS, {
      describe: `the labels are on ${names.join()}`,
      accept: (found) => found.join() === names.join(),
    });
  labels[0]?.follow(true);
  await shows("odin-api-0");
  // The one before has not noticed yet, or is dead.
  labels[1]?.follow(true);
  await shows("odin-api-1");
  labels[0]?.follow(false);
  const values = ["mlbench.enabled=true", `mlbench.release=${RELEASE}`, "auth.existingSecret=login"];
  const rendered = await helmDone([
    ...["template", "odin", CHART, "--namespace", stage.namespace, "--show-only", "templates/mlbench.yaml"],
    ...values.flatMap((value) => ["--set", value]),
  ]);
  const service = objectsOf(rendered).filter(({ kind }) => kind === "Service");
  await kubectlApply(undefined, ...service);
  const found = await stage.client.get<{ spec: { clusterIP: string } }>(
    `/api/v1/namespaces/${stage.namespace}/services/${RELEASE}-mlbench-master`,
  );
  assert.equal(resultsOf(await client.run("endpoints", stage.namespace)), [
    `http://${found.spec.clusterIP}:80/api/`,
    `http://${ip}:80/api/`,
  ]);
  await labels[1]?.stop();
  await shows();
});

try {
  home = await temporaryDirectory();
  client = await MlbenchClient.install(home.path);
  test.run();
} catch (error) {
  skip("file", `mlbench-core cannot be installed: ${error instanceof Error ? error.message : String(error)}`);
}
