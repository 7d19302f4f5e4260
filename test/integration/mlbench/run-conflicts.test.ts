// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Register } from "../../../api/mlbench/runs/register.ts";
import { objectNameOf } from "../../../api/mlbench/runs/run-spec.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import { CONFIG_MAP } from "../../../kube/core-resources.ts";
import { type KubeObject, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { FORM, type RunProcess, RunStage, STATEFUL_SET, WAIT_MS } from "./run-stage.ts";

const DOCUMENT = { name: "Run1", num_workers: "1", num_cpus: "0", max_bandwidth: "10000" };

let stage: RunStage;
const conflicts = suite("runs of MLBench that are in each other's way");
conflicts.before(async () => {
  stage = await RunStage.open({}, { postgres: true });
  await stage.process();
});
conflicts.after(async () => {
  await stage.close();
});

/** Posts the same bodies to both processes, all at once, and returns the answers' status, ids and texts. */
async function postAll(count: number, body: (index: number) => Record<string, string>) {
  const processes = stage.processes;
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const answer = await stage.post(body(index), processes[index % processes.length]);
      return { status: answer.status, id: Number(answer.json.id), message: answer.json.message, answer };
    }),
  );
}

/** Removes a run at a process that need not be the one that made it, and so may hear of it a moment later. */
async function removeAt(id: number, process: RunProcess): Promise<number> {
  const describe = `run ${id} is known`;
  await until(() => stage.get(`/api/runs/${id}/`, process), WAIT_MS, {
    describe,
    accept: ({ status }) => status === 200,
  });
  return (await stage.remove(id, process)).status;
}

async function removeAll(): Promise<void> {
  for (const process of stage.processes) {
    const list = (await stage.get("/api/runs/", process)).json as unknown as { id: number }[];
    for (const { id } of list) await stage.remove(id, process);
  }
}

conflicts("M-40: of twenty document forms at once over two processes exactly one passes", async () => {
  for (let round = 0; round < 3; round++) {
    const answers = await postAll(20, (index) => ({ ...DOCUMENT, name: `Doc${index}` }));
    const passed = answers.filter(({ status }) => status === 201);
    assert.is(passed.length, 1, JSON.stringify(answers.map(({ status, message }) => [status, message])));
    for (const { status, answer } of answers) {
      if (status !== 201) assert.is(answer.text, '{"status":"Conflict","message":"There is already an active run"}');
    }
    assert.is(await removeAt(passed[0]?.id ?? 0, stage.last), 204);
  }
});

conflicts(
  "M-39: the document form is warned of its bandwidth, in the reply and in stdout; M-44: it is an annotation of the pods",
  async () => {
    const answer = await stage.post(DOCUMENT);
    assert.is(answer.status, 201, answer.text);
    assert.is(answer.headers.warning, '299 - "max_bandwidth depends on the network plugin"');
    const id = Number(answer.json.id);
    const set = await until(
      () =>
        stage.read<KubeObject & { spec: { template: { metadata: KubeObject["metadata"] } } }>(
          STATEFUL_SET,
          "run1-mlbench-worker-rel",
        ),
      WAIT_MS,
      { describe: "the StatefulSet" },
    );
    assert.equal(set?.spec.template.metadata.annotations, { "kubernetes.io/egress-bandwidth": "10000M" });
    assert.equal((await stage.lines(id)).slice(0, 2), [
      "Initializing run",
      "max_bandwidth depends on the network plugin",
    ]);
    // Every other form queues beside it; a second document does not.
    const other = await stage.create("beside");
    assert.is((await stage.post({ ...DOCUMENT, name: "Run2" })).status, 409);
    assert.is((await stage.get(`/api/runs/${other}/`)).headers.warning, undefined);
    await removeAll();
  },
);

conflicts(
  "M-40: one name, twenty posts, two processes: exactly one passes, and small and capital letters are the same",
  async () => {
    const answers = await postAll(20, (index) => ({
      ...FORM,
      num_workers: "1",
      name: index % 2 === 0 ? "Same" : "sAME",
    }));
    const passed = answers.filter(({ status }) => status === 201);
    assert.is(passed.length, 1);
    for (const { status, message } of answers) {
      if (status !== 201) assert.match(String(message), /^There is already an active run named (Same|sAME)$/);
    }
    // Free as soon as it has ended or is deleted, whichever process is asked.
    const [first = stage.last, second] = stage.processes;
    assert.is(await removeAt(passed[0]?.id ?? 0, first), 204);
    const again = await stage.create("same", { num_workers: "1" }, second);
    await stage.untilState(again, "started", first);
    await removeAll();
  },
);

conflicts("M-34, M-59: ids ascend and are never given twice, whoever posts", async () => {
  const answers = await postAll(24, (index) => ({ ...FORM, num_workers: "1", name: `many-${index}` }));
  assert.equal([...new Set(answers.map(({ status }) => status))], [201]);
  const ids = answers.map(({ id }) => id);
  assert.is(new Set(ids).size, 24);
  const highest = Math.max(...ids);
  await removeAll();
  assert.is(await stage.create("after", { num_workers: "1" }), highest + 1);
  await removeAll();
});

conflicts(
  "M-59: a reservation without an object is dropped after a minute, and holds the name until then",
  async () => {
    const path = objectPath(CONFIG_MAP, stage.namespace, "rel-mlbench-runs");
    const reserve = async (name: string, ageSeconds: number): Promise<void> => {
      const { data } = await stage.client.get<{ data: Record<string, string> }>(path);
      const names = JSON.parse(data["names.json"] ?? "{}") as Record<string, unknown>;
      const at = Math.floor(Date.now() / 1000) - ageSeconds;
      names[name] = { id: 100_000, object: "mlbench-100000j", at, token: "somebody" };
      await stage.client.patch(path, "merge", { data: { "names.json": JSON.stringify(names) } });
    };
    await reserve("fresh", 5);
    assert.is((await stage.post({ ...FORM, name: "Fresh" })).status, 409);
    await reserve("stale", 75);
    assert.is((await stage.post({ ...FORM, name: "Stale" })).status, 201);
    await removeAll();
  },
);

conflicts("M-59: the ConfigMap may be lost or spoilt: names of active runs and ids are found again", async () => {
  const id = await stage.create("kept", { num_workers: "1" });
  const path = objectPath(CONFIG_MAP, stage.namespace, "rel-mlbench-runs");
  await stage.client.delete(path);
  assert.is((await stage.post({ ...FORM, name: "kept" })).status, 409);
  assert.is(await stage.create("next", { num_workers: "1" }), id + 1);
  await stage.client.patch(path, "merge", { data: { "names.json": "{rubbish", "last-id": "x" } });
  assert.is((await stage.post({ ...FORM, name: "KEPT" })).status, 409);
  assert.is(await stage.create("next2", { num_workers: "1" }), id + 2);
  await removeAll();
});

conflicts("M-40, M-58: a run whose object is gone is in nobody's way, not even where nobody saw it go", async () => {
  const id = await stage.create("gone", { num_workers: "1" });
  const path = objectPath(PIPELINE, stage.namespace, objectNameOf(id));
  assert.is((await stage.remove(id)).status, 204);
  await until(async () => (await stage.client.get(path).catch(() => "gone")) === "gone", WAIT_MS, {
    describe: "the Pipeline to go",
  });
  // A process that has never seen the run has nothing but the register to go by.
  const late = await stage.process({ singleRun: true });
  const next = await stage.create("gone", { num_workers: "1" }, late);
  assert.is((await stage.remove(next, late)).status, 204);
  await removeAll();
});

conflicts("M-40, M-59: a name that one process gives back is free for every other at once", async () => {
  const [first, second] = stage.processes.map(
    ({ client, runs }) => new Register({ client, namespace: stage.namespace, release: stage.settings.release, runs }),
  );
  const wish = { name: "unused", alone: false };
  const taken = await first?.take(wish);
  if (taken?.kind !== "registered") throw new Error("the name is taken");
  assert.is((await second?.take(wish))?.kind, "taken");
  await first?.giveBack(wish.name, taken.token);
  const again = await second?.take(wish);
  assert.is(again?.kind, "registered");
  if (again?.kind === "registered") await second?.giveBack(wish.name, again.token);
});

conflicts("M-40: with MLBENCH_SINGLE_RUN every body is refused while a run is active", async () => {
  const single = await stage.process({ singleRun: true });
  const id = await stage.create("only", {}, single);
  const refused = await stage.post({ ...FORM, name: "another" }, single);
  assert.is(refused.status, 409);
  assert.is(refused.json.message, "There is already an active run");
  assert.is((await stage.remove(id, single)).status, 204);
  assert.is((await stage.remove(await stage.create("another", {}, single), single)).status, 204);
});

conflicts("M-10: form injection and rubbish are 400 with the field, never 500, and make nothing", async () => {
  const before = ((await stage.get("/api/runs/")).json as unknown as unknown[]).length;
  const bodies: Record<string, string>[] = [
    { ...FORM, name: "a\nb" },
    { ...FORM, name: "a", num_workers: "1; DROP TABLE runs" },
    { ...FORM, name: "a", num_workers: "129" },
    { ...FORM, name: "../../etc" },
    { ...FORM, name: "a", custom_image_name: "x y" },
    { ...FORM, name: "a", custom_image_command: "{__proto__}" },
    { ...FORM, name: "a", num_cpus: "1e400" },
    { ...FORM, name: "a", image_name: "__proto__" },
    { ...FORM, name: "a".repeat(5000) },
    {},
  ];
  for (const body of bodies) {
    const { status, json, text } = await stage.post(body);
    assert.is(status, 400, text);
    assert.is(json.status, "Bad Request");
    assert.is(typeof json.message, "string");
  }
  assert.is(((await stage.get("/api/runs/")).json as unknown as unknown[]).length, before);
});

conflicts.run();
