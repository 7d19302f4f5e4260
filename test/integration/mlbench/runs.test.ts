// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PIPELINE } from "../../../crds/resources.ts";
import { POD } from "../../../kube/core-resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { FORM, RunStage, SERVICE, STATEFUL_SET, WAIT_MS } from "./run-stage.ts";

let stage: RunStage;
const runs = suite("runs of MLBench");
runs.before(async () => {
  stage = await RunStage.open({ maxWorkers: 8 });
});
runs.after(async () => {
  await stage.close();
});

runs("M-34, M-38, M-42 to M-44, M-47 to M-49, M-54: a run from its creation to its end", async () => {
  const answer = await stage.post({ ...FORM, name: "Worn-Mouse" });
  assert.is(answer.status, 201, answer.text);
  const id = Number(answer.json.id);
  const { uid, creationTimestamp } = (await stage.pipeline(id)).metadata;
  assert.is(
    answer.text,
    `{"id":${id},"name":"Worn-Mouse","created_at":"${creationTimestamp}","finished_at":null,"state":"initialized","job_id":"${uid}","job_metadata":{},"num_workers":2}`,
  );
  await stage.untilState(id, "started");
  const set = "worn-mouse-mlbench-worker-rel";
  const before = (await stage.get(`/api/runs/${id}/`)).json.job_metadata as Record<string, unknown>;
  assert.equal(Object.keys(before), ["stdout", "stderr"]);
  const pods = await stage.ready(id, 2);
  assert.equal(pods.sort(), [`${set}-0`, `${set}-1`]);
  const { run, pods: workers } = await stage.untilCommand(id);
  assert.equal(run.commands, [
    ["/run", "--rank", "0", "--hosts", `${set}-0.${set},${set}-1.${set}`],
    ["/run", "--rank", "1", "--hosts", `${set}-0.${set},${set}-1.${set}`],
  ]);
  assert.equal(
    workers.map(({ name, container }) => [name, container]),
    [
      [`${set}-0`, "worn-mouse-worker"],
      [`${set}-1`, "worn-mouse-worker"],
    ],
  );
  const detail = (await stage.get(`/api/runs/${id}`)).json.job_metadata as Record<string, unknown>;
  assert.equal(Object.keys(detail), ["stdout", "stderr", "pods", "command", "master_name"]);
  assert.is(detail.command, `/run --rank 0 --hosts ${set}-0.${set},${set}-1.${set}`);
  assert.is(detail.master_name, `${set}-0`);
  const [first] = detail.pods as string[][];
  assert.match(first?.[0] ?? "", /^10\.9\./);
  assert.equal(first?.slice(1, 3), [stage.namespace, `${set}-0`]);
  assert.match(first?.[3] ?? "", `'app': 'mlbench'`);
  assert.match(first?.[3] ?? "", `'statefulset.kubernetes.io/pod-name': '${set}-0'`);
  const { status } = await stage.pipeline(id);
  assert.is(status?.phase, "RUNNING");
  assert.equal(
    status?.workers?.ranks?.map(({ pod, started }) => [pod, started !== undefined]),
    [
      [`${set}-0`, true],
      [`${set}-1`, true],
    ],
  );
  stage.last.end(id, { ok: true, ranks: [0, 1].map((rank) => ({ pod: `${set}-${rank}`, exitStatus: 0 })) });
  await stage.untilState(id, "finished");
  const ended = await stage.pipeline(id);
  assert.is(ended.status?.phase, "DONE");
  assert.equal(
    ended.status?.workers?.ranks?.map(({ exitStatus }) => exitStatus),
    [0, 0],
  );
  assert.is(ended.status?.tasks?.run?.state, "executed");
  assert.match(
    String((await stage.get(`/api/runs/${id}/`)).json.finished_at),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
  );
  await stage.untilClean(id);
  const lines = await stage.lines(id);
  assert.equal(lines.slice(0, 3), [
    "Initializing run",
    "Waiting for nodes to be available",
    "Waiting for pods to become available",
  ]);
  const waiting = lines.slice(3, -3);
  assert.ok(waiting.length > 0);
  for (const line of waiting)
    assert.match(line, /^Waiting for workers: Current: \d\/2, Replicas: \d\/2, Ready: \d, Observed Gen: \d\/1(, .*)?$/);
  assert.equal(lines.slice(-3), [
    "Created stateful set, starting run.",
    `['${set}-0.${set}', '${set}-1.${set}']`,
    "Started run.",
  ]);
  assert.equal(await stage.lines(id, "stderr"), []);
});

runs(
  "M-52, M-53, M-54: a command that fails ends the run as failed, with the reason on stderr, and nothing is left",
  async () => {
    const id = await stage.create("fails", { num_workers: "1" });
    await stage.ready(id, 1);
    await stage.untilCommand(id);
    const reason = "Command of rank 0 exited with status 3";
    stage.last.end(id, { ok: false, reason, ranks: [{ pod: "x", exitStatus: 3 }] });
    await stage.untilState(id, "failed");
    assert.equal(await stage.lines(id, "stderr"), ["Run failed", reason]);
    const { status } = await stage.pipeline(id);
    assert.is(status?.message, reason);
    assert.is(status?.tasks?.run?.exitCode, 3);
    await stage.untilClean(id);
  },
);

runs("M-35, M-24: lists by id; an unknown run and a key that is no integer are 404", async () => {
  const { status, json } = await stage.get("/api/runs");
  assert.is(status, 200);
  const ids = (json as unknown as { id: number }[]).map(({ id }) => id);
  assert.equal(
    ids,
    [...ids].sort((a, b) => a - b),
  );
  assert.ok(ids.length >= 2);
  for (const key of ["999", "0", "-1", "abc", "1e3", "99999999999999999999", "%2e%2e"]) {
    const answer = await stage.get(`/api/runs/${key}/`);
    assert.is(answer.status, 404, key);
    if (/^[^.%]*$/.test(key)) assert.equal(answer.json, { status: "Not Found", message: "Run not found" });
  }
});

runs("M-53: a StatefulSet that somebody deletes ends the run", async () => {
  const id = await stage.create("robbed", { num_workers: "1" });
  await until(() => stage.pipeline(id), WAIT_MS, {
    describe: "the StatefulSet is noted",
    accept: ({ status }) => status?.workers?.setUid !== undefined,
  });
  await stage.client.delete(objectPath(STATEFUL_SET, stage.namespace, "robbed-mlbench-worker-rel"));
  await stage.untilState(id, "failed");
  assert.equal(await stage.lines(id, "stderr"), [
    "Run failed",
    "The StatefulSet robbed-mlbench-worker-rel was deleted",
  ]);
  await stage.untilClean(id);
});

runs("M-44, M-53: a foreign object of the name is a refusal", async () => {
  await stage.client.create(collectionPath(SERVICE, stage.namespace), {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "taken-mlbench-worker-rel" },
    spec: { clusterIP: "None", ports: [{ port: 80 }], selector: { a: "b" } },
  });
  const id = await stage.create("taken");
  await stage.untilState(id, "failed");
  const [, reason] = await stage.lines(id, "stderr");
  assert.match(reason ?? "", "There is a Service taken-mlbench-worker-rel that belongs to somebody else");
  assert.ok(await stage.read(SERVICE, "taken-mlbench-worker-rel"));
});

/** Whether the API server has a quota that takes no StatefulSet: it goes by one, and by its end, a moment after it is written. */
async function isRefused(): Promise<boolean> {
  const labels = { app: "nobody" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "main", image: "image:1" }] } };
  const set = {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "tried" },
    spec: { replicas: 0, serviceName: "tried", selector: { matchLabels: labels }, template },
  };
  try {
    await stage.client.create(`${collectionPath(STATEFUL_SET, stage.namespace)}?dryRun=All`, set);
    return false;
  } catch (error) {
    if (isKubeError(error, "quota")) return true;
    throw error;
  }
}

runs("M-53: what the API server refuses is a failure with its words", async () => {
  const id = await stage.create("refused", { custom_image_name: "x".repeat(1000), num_cpus: "1", num_workers: "1" });
  await stage.client.create(
    collectionPath({ ...SERVICE, plural: "resourcequotas", kind: "ResourceQuota" }, stage.namespace),
    {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "none" },
      spec: { hard: { "count/statefulsets.apps": "0" } },
    },
  );
  const quotaPath = objectPath({ ...SERVICE, plural: "resourcequotas" }, stage.namespace, "none");
  await until(isRefused, WAIT_MS, { describe: "the quota is in force" });
  const second = await stage.create("refused2", { num_workers: "1" });
  await stage.untilState(second, "failed");
  assert.match(
    (await stage.lines(second, "stderr"))[1] ?? "",
    /^The StatefulSet refused2-mlbench-worker-rel was refused: .*quota/,
  );
  await stage.client.delete(quotaPath);
  await until(async () => !(await isRefused()), WAIT_MS, { describe: "the quota is in force no longer" });
  await stage.untilClean(second);
  assert.is((await stage.remove(id)).status, 204);
});

runs(
  "M-41, M-58: DELETE in every state: gone from all answers at once, and from the cluster and the store",
  async () => {
    const queued = await stage.create("big", { num_workers: "8" });
    await stage.untilState(queued, "started");
    const waiting = await stage.create("waits", { num_workers: "8" });
    const removed = await stage.remove(waiting);
    assert.is(removed.status, 204);
    assert.is(removed.text, "");
    assert.is((await stage.remove(waiting)).status, 404);
    assert.is((await stage.get(`/api/runs/${waiting}/`)).status, 404);
    assert.not.match((await stage.get("/api/runs/")).text, `"id":${waiting},`);
    // A new run of that name at once, while the old one is still being taken away.
    assert.is((await stage.remove(queued)).status, 204);
    const next = await stage.create("big", { num_workers: "1" });
    assert.ok(next > waiting);
    for (const id of [queued, waiting]) {
      await until(() => stage.read(PIPELINE, `mlbench-${id}j`), WAIT_MS, {
        describe: "gone",
        accept: (run) => run === undefined,
      });
      await stage.untilClean(id);
      assert.equal(await stage.store.mlbenchOutput(100).state(id), { stdout: 0, stderr: 0, goal: false });
      assert.equal(await stage.store.mlbenchPods.ofRun(id), []);
    }
    await stage.ready(next, 1);
    await stage.untilCommand(next);
    stage.last.end(next, { ok: true, ranks: [] });
    await stage.untilState(next, "finished");
    assert.is((await stage.remove(next)).status, 204);
  },
);

runs("M-41: DELETE from the moment of the 201, while it is starting", async () => {
  for (const name of ["early1", "early2", "early3"]) {
    const id = await stage.create(name, { num_workers: "1" });
    assert.is((await stage.remove(id)).status, 204);
    assert.is((await stage.get(`/api/runs/${id}/`)).status, 404);
    await until(() => stage.read(PIPELINE, `mlbench-${id}j`), WAIT_MS, {
      describe: "gone",
      accept: (run) => run === undefined,
    });
    await stage.untilClean(id);
  }
});

runs("M-43: a cancelled run ends as failed, queued or started; kubectl delete is a DELETE", async () => {
  const started = await stage.create("going", { num_workers: "8" });
  await stage.untilState(started, "started");
  const queued = await stage.create("behind", { num_workers: "8" });
  for (const id of [queued, started]) {
    const spec = { cancel: true, cancelledBy: "dpressel" };
    await stage.client.patch(objectPath(PIPELINE, stage.namespace, `mlbench-${id}j`), "merge", { spec });
    await stage.untilState(id, "failed");
    assert.equal(await stage.lines(id, "stderr"), ["Run failed", "The run was cancelled by dpressel"]);
    await stage.untilClean(id);
  }
  await stage.client.delete(objectPath(PIPELINE, stage.namespace, `mlbench-${queued}j`));
  await until(async () => (await stage.get(`/api/runs/${queued}/`)).status, WAIT_MS, {
    describe: "404",
    accept: (status) => status === 404,
  });
  await until(() => stage.read(PIPELINE, `mlbench-${queued}j`), WAIT_MS, {
    describe: "gone",
    accept: (run) => run === undefined,
  });
});

runs("M-43: a Pipeline applied by hand gets the next id and is a run like any other", async () => {
  const metadata = { name: "by-hand", labels: { "odin.io/view": "mlbench" } };
  const task = { name: "x", image: "i", command: ["/run", "{run_id}"], resourceType: "Workers", numWorkers: 1 };
  const last = await stage.create("counted", { num_workers: "1" });
  const body = {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata,
    spec: { managedBy: "odin.io/mlbench", tasks: [task] },
  };
  await stage.client.create(collectionPath(PIPELINE, stage.namespace), body);
  const id = last + 1;
  await stage.untilState(id, "started");
  const { json } = await stage.get(`/api/runs/${id}/`);
  assert.is(json.name, "by-hand");
  assert.is((await stage.post({ ...FORM, name: "By-Hand" })).status, 409);
  await stage.ready(id, 1);
  const { run } = await stage.untilCommand(id);
  assert.equal(run.commands[0]?.slice(-2), ["/run", String(id)]);
  const bad = {
    ...body,
    metadata: { ...metadata, name: "by-hand-2" },
    spec: { ...body.spec, tasks: [task, { ...task, name: "y" }] },
  };
  await stage.client.create(collectionPath(PIPELINE, stage.namespace), bad);
  await stage.untilState(id + 1, "failed");
  const twin = { ...body, metadata: { ...metadata, name: "by-hand-3" }, spec: { ...body.spec, runName: "BY-HAND" } };
  await stage.client.create(collectionPath(PIPELINE, stage.namespace), twin);
  await stage.untilState(id + 2, "failed");
  assert.equal((await stage.lines(id + 2, "stderr"))[1], "There is already an active run named BY-HAND");
  for (const one of [last, id, id + 1, id + 2]) assert.is((await stage.remove(one)).status, 204);
  await until(() => stage.list(POD), WAIT_MS, { describe: "no pods", accept: (pods) => pods.length === 0 });
});

runs.run();
