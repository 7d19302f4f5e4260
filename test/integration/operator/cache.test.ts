import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../../crds/generated/types.ts";
import { until } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { Stage, task } from "./stage.ts";

const cache = suite("skipping what was done before");
let stage: Stage;
let volume: TemporaryDirectory;
cache.before(async () => {
  volume = await temporaryDirectory();
  await chmod(volume.path, 0o777);
  stage = await Stage.open({
    paths: { root: join(volume.path, "pipelines"), data: join(volume.path, "odin") },
    sharedVolume: { claim: "data-rw-many", path: volume.path },
  });
});
cache.after(async () => {
  await stage?.close();
  await volume.remove();
});

const at = (name: string): string => join(volume.path, name);
let runs = 0;

/** The task of these tests: reads `in`, writes `out`, below a directory of the test's own. */
async function prepared(name: string, more: Partial<Task> = {}): Promise<Task> {
  await mkdir(at(`${name}/in/deep`), { recursive: true });
  await writeFile(at(`${name}/in/deep/file`), "input");
  const outputs = { model: at(`${name}/out`) };
  return task("a", { image: "trainer:1", args: ["--rate", "0.1"], inputs: [at(`${name}/in`)], outputs, ...more });
}

/** Names of the entries; drafts that are being written have another suffix. */
const entryNames = async (): Promise<string[]> =>
  (await readdir(at("odin/.cache")).catch(() => [])).filter((name) => name.endsWith(".json"));

const entries = async (): Promise<number> => (await entryNames()).length;

/** Runs the task for good: plays its pod, which writes its output and hands something back. */
async function executed(one: Task, remembered = true): Promise<Pipeline> {
  runs += 1;
  const name = `run-${runs}`;
  const before = await entries();
  await stage.create(name, { tasks: [one] });
  await stage.pod(name, one.name);
  for (const path of Object.values(one.outputs ?? {}))
    if (path.startsWith(volume.path)) await writeFile(path, `output of ${JSON.stringify(one.args)}`);
  await stage.succeed(name, one.name, '{"score": 1}');
  const run = await stage.untilPhase(name, "DONE");
  assert.is(run.status?.tasks?.[one.name]?.pod, `${name}--${one.name}`);
  if (remembered)
    await until(entries, 180_000, { describe: "the entry is written", accept: (count) => count > before });
  return run;
}

/** Whether a run of the task is skipped. */
async function skipped(one: Task): Promise<Pipeline | undefined> {
  runs += 1;
  const name = `run-${runs}`;
  await stage.create(name, { tasks: [one] });
  const run = await stage.untilRun(name, "is decided on", ({ status }) => status?.tasks?.[one.name]?.pod !== undefined);
  if (run.status?.tasks?.[one.name]?.pod === "Cached") return await stage.untilPhase(name, "DONE");
  await stage.control(name, { cancel: true });
  return undefined;
}

cache("O-200: a second run of the same task is skipped: Cached, executed, no pod, its result as before", async () => {
  const one = await prepared("hit");
  await executed(one);
  const run = await skipped(one);
  const record = run?.status?.tasks?.a;
  assert.is(record?.pod, "Cached");
  assert.is(record?.state, "executed");
  assert.is(record?.result, '{"score": 1}');
  assert.equal(await stage.pods(run?.metadata.name ?? ""), []);
  const told = run?.status?.events?.find((event) => event.reason === "TaskSkipped");
  assert.is(told?.source, "odin");
  assert.is(told?.task, "a");
});

cache("O-200, O-202: a change of argument, image, environment, input or output is a miss", async () => {
  const one = await prepared("miss");
  await executed(one);
  assert.ok(await skipped(one), "first of all, unchanged");
  assert.not.ok(await skipped({ ...one, args: ["--rate", "0.2"] }), "argument");
  assert.not.ok(await skipped({ ...one, image: "trainer:2" }), "image");
  assert.not.ok(await skipped({ ...one, command: ["other"] }), "command");
  assert.not.ok(await skipped({ ...one, env: { SEED: "2" } }), "environment");
  assert.not.ok(await skipped({ ...one, args: ["$RUN_PATH"] }), "O-200: arguments that differ in each run");
  assert.ok(await skipped(one), "still remembered");
  await writeFile(at("miss/in/deep/file"), "changed");
  assert.not.ok(await skipped(one), "input");
  await writeFile(at("miss/in/deep/file"), "input");
  assert.ok(await skipped(one), "the input is as it was");
  await writeFile(at("miss/out"), "touched");
  assert.not.ok(await skipped(one), "output changed");
  await rm(at("miss/out"));
  assert.not.ok(await skipped(one), "output gone");
});

cache("O-200: two tasks with outputs at once keep separate keys, and what follows starts at once", async () => {
  const [one, other] = [await prepared("two"), await prepared("three", { name: "b" })];
  const last = task("last", { depends: ["a", "b"] });
  const before = await entries();
  await stage.create("both", { tasks: [one, other, last] });
  for (const { name, outputs } of [one, other]) {
    await stage.pod("both", name);
    await writeFile(outputs?.model ?? "", name);
    await stage.succeed("both", name);
  }
  await stage.succeed("both", "last");
  await stage.untilPhase("both", "DONE");
  await until(entries, 180_000, { describe: "both are written", accept: (count) => count === before + 2 });
  await stage.create("both-again", { tasks: [one, other, last] });
  await stage.succeed("both-again", "last");
  const { status } = await stage.untilPhase("both-again", "DONE");
  assert.equal([status?.tasks?.a?.pod, status?.tasks?.b?.pod], ["Cached", "Cached"]);
});

cache("O-202: what cannot be compared runs, and never fails for it", async () => {
  const one = await prepared("odd");
  await executed({ ...one, inputs: [at("odd/missing")] }, false);
  await executed({ ...one, outputs: { model: "/elsewhere/model" } }, false);
  await executed({ ...one, inputs: ["relative"] }, false);
  await executed({ ...one, mounts: [{ name: "own", path: at("odd"), claim: "own" }] }, false);
  assert.not.ok(await skipped({ ...one, inputs: [at("odd/missing")] }));
});

cache("O-202: a task whose output is missing after its success is not remembered", async () => {
  const one = await prepared("nothing");
  await stage.create("nothing", { tasks: [one] });
  await stage.succeed("nothing", "a");
  await stage.untilPhase("nothing", "DONE");
  // It looks at the outputs beside the run.
  await stage.untilSaid("nothing", "outputs not remembered");
  await writeFile(at("nothing/out"), "later");
  assert.not.ok(await skipped(one));
});

cache("O-202: an unreadable entry is a miss, and the next success mends it", async () => {
  const one = await prepared("damaged");
  const known = new Set(await entryNames());
  await executed(one);
  const [name = ""] = (await entryNames()).filter((file) => !known.has(file));
  await writeFile(at(`odin/.cache/${name}`), "{ not json");
  assert.not.ok(await skipped(one));
  await rm(at(`odin/.cache/${name}`));
  await executed(one);
  assert.ok(await skipped(one));
});

cache(
  "O-187, O-200: an operator that was away while the task ended remembers it under the key it began with",
  async () => {
    const one = await prepared("away");
    const before = await entries();
    await stage.create("away", { tasks: [one] });
    await stage.pod("away", "a");
    await stage.stopOperator();
    await writeFile(at("away/out"), "output");
    await writeFile(at("away/in/deep/file"), "changed meanwhile");
    await stage.succeed("away", "a");
    await stage.startOperator();
    await stage.untilPhase("away", "DONE");
    await until(entries, 180_000, { describe: "the entry is written", accept: (count) => count > before });
    assert.not.ok(await skipped(one), "the inputs are others now");
    await writeFile(at("away/in/deep/file"), "input");
    assert.ok(await skipped(one));
  },
);

cache("O-201: nothing is kept under an image whose content is not known", async () => {
  for (const [image, pullPolicy] of [
    ["trainer", undefined],
    ["trainer:latest", undefined],
    ["trainer:1", "Always"],
  ] as const) {
    const one = await prepared("unknown", { image, ...(pullPolicy === undefined ? {} : { pullPolicy }) });
    await executed(one, false);
    assert.not.ok(await skipped(one), image);
  }
  const digest = `trainer:latest@sha256:${"a".repeat(64)}`;
  const one = await prepared("known", { image: digest, pullPolicy: "Always" });
  await executed(one);
  assert.ok(await skipped(one), "by digest");
});
cache.run();
