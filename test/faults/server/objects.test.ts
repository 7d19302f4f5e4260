// timeout: 600, on demand
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../../crds/generated/types.ts";
import { API_VERSION, JOB, PIPELINE } from "../../../crds/resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import type { Fault } from "../../integration/kube/fault.ts";
import { until } from "../../support/deadline.ts";
import { kubectl } from "../../support/kubectl.ts";
import { randomSource } from "../../support/random.ts";
import { chain, type Ground, task } from "../ground.ts";
import { faultCase } from "../row.ts";

const objects = suite("objects");
const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** Waits until the first task of the run has a pod that runs. */
async function atFirst(ground: Ground, run: string, first = "t0"): Promise<Pipeline> {
  return await ground.untilRun(
    run,
    "is at its first task",
    ({ status }) => status?.tasks?.[first]?.state === "executing",
  );
}

faultCase(objects, "F-28", "names as long and as odd as Kubernetes takes them", async (ground) => {
  await ground.start();
  const seed = Date.now() % 100_000;
  console.log(`seed ${seed}`);
  const random = randomSource(seed);
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  const word = (length: number, inner: string): string =>
    Array.from({ length }, (_, i) => {
      const set = i === 0 || i === length - 1 ? letters : letters + inner;
      return set[random.integer(0, set.length - 1)];
    }).join("");
  const longest = "t".repeat(63);
  const names = [`${"long.name-".repeat(25)}x`, "with.dots--and--dashes", word(63, "-"), word(12, "-")];
  const tasks = [longest, `${"t".repeat(62)}u`, "constructor", "r1", "a", "a-r1", word(63, "-")];
  for (const name of names) {
    await ground.create(name, [...tasks.map((one) => task(one)), task("after", ...tasks)]);
  }
  for (const name of names) {
    const { status } = await ground.untilEnded(name);
    const pods = Object.values(status?.tasks ?? {}).map(({ pod = "" }) => pod);
    assert.is(new Set(pods).size, tasks.length + 1, "every task has a pod of its own");
    assert.ok(
      pods.every((pod) => pod.length <= 63),
      pods.join(),
    );
  }
});

faultCase(objects, "F-29", "the namespace is deleted and held open while a task ends", async (ground) => {
  const { proxy, process } = await ground.start();
  ground.node.direct = () => "run";
  await ground.create("run", chain(3));
  await atFirst(ground, "run");
  const path = objectPath(PIPELINE, ground.namespace, "run");
  await ground.client.patch(path, "merge", { metadata: { finalizers: ["odin.test/held"] } });
  await kubectl("delete", "namespace", ground.namespace, "--wait=false");
  await until(async () => (await ground.get("run")).metadata.deletionTimestamp, 60_000, {
    describe: "it is being deleted",
  });
  const before = proxy.requests.length;
  await ground.create("late", chain(2)).then(
    () => assert.unreachable("a run was made in a namespace that goes away"),
    (error: unknown) => assert.match(String(error), /terminated|terminating/i),
  );
  await pause(5_000);
  const writes = proxy.requests.slice(before).filter(({ method }) => method !== "GET");
  assert.ok(writes.length < 15, `${writes.length} writes into a namespace that goes away`);
  assert.ok(process.running);
  await ground.client.patch(path, "merge", { metadata: { finalizers: null } });
  await until(() => kubectl("get", "namespace", ground.namespace, "--ignore-not-found", "-o", "name"), 90_000, {
    describe: "nothing of ours holds the namespace",
    accept: (name) => name.trim() === "",
  });
});

faultCase(objects, "F-31", "deleted in the middle and made again at once, three times over", async (ground) => {
  ground.allowance.writes = 12;
  await ground.start();
  ground.node.direct = () => "run";
  const uids = new Set<string>();
  for (let times = 0; times < 3; times++) {
    uids.add((await ground.create("run", chain(2))).metadata.uid);
    await atFirst(ground, "run");
    await ground.delete("run");
  }
  ground.node.direct = () => "succeed";
  const { metadata } = await ground.create("run", chain(2));
  assert.not(uids.has(metadata.uid));
  await ground.untilEnded("run");
  for (const pod of await ground.pods()) assert.is(pod.metadata.ownerReferences?.[0]?.uid, metadata.uid);
});

faultCase(objects, "F-32", "the run is edited, and so is its job", async (ground) => {
  await ground.start();
  ground.node.direct = () => "run";
  const jobs = collectionPath(JOB, ground.namespace);
  const job = { apiVersion: API_VERSION, kind: "Job", metadata: { name: "job" }, spec: { tasks: chain(2) } };
  await ground.client.create(jobs, job);
  const body = { apiVersion: API_VERSION, kind: "Pipeline", metadata: { name: "run" }, spec: { job: "job" } };
  await ground.client.create(collectionPath(PIPELINE, ground.namespace), body);
  await atFirst(ground, "run");
  await ground.patch("run", { job: "other" }).then(
    () => assert.unreachable("the run was edited"),
    (error: unknown) => assert.match(String(error), "cannot be changed"),
  );
  const edited = chain(2).map((one) => ({ ...one, image: "edited:1" }));
  await ground.client.patch(objectPath(JOB, ground.namespace, "job"), "merge", { spec: { tasks: edited } });
  ground.node.direct = () => "succeed";
  await ground.node.set("run--t0", "succeed");
  await ground.untilEnded("run");
  const images = (await ground.pods()).map(
    (pod) => (pod.spec as { containers?: { image: string }[] }).containers?.[0]?.image,
  );
  assert.equal([...new Set(images)], ["image:1"], "the run keeps what it began with");
});

faultCase(objects, "F-38", "a run that cannot be read, and one whose status is never taken", async (ground) => {
  ground.allowance.writes = 60;
  const { proxy, process } = await ground.start();
  const body = JSON.stringify({ kind: "Status", status: "Failure", code: 500, message: "this one never works" });
  proxy.decide = ({ method, url }): Fault =>
    method === "PATCH" && url.includes("/pipelines/poison/")
      ? { kind: "answer", status: 500, body }
      : { kind: "forward" };
  const { metadata } = await ground.create("first", chain(2));
  for (const [index, spec] of [
    null,
    {},
    { tasks: "x" },
    { tasks: [null] },
    { tasks: [{ name: 7 }] },
    { job: {} },
  ].entries()) {
    const unreadable = { ...metadata, name: `unreadable-${index}`, uid: `00000000-0000-4000-8000-00000000000${index}` };
    const object = { apiVersion: API_VERSION, kind: "Pipeline", metadata: unreadable, spec };
    proxy.inject(JSON.stringify({ type: "ADDED", object }), /\/pipelines\?/);
  }
  ground.node.direct = ({ metadata: { name } }) => (name.startsWith("poison") ? "run" : "succeed");
  await ground.create("poison", chain(2));
  await ground.untilEnded("first");
  for (const name of ["next-1", "next-2"]) {
    await ground.create(name, chain(3));
    await ground.untilEnded(name);
  }
  const tries = proxy.matching(/pipelines\/poison\//, "PATCH").length;
  assert.ok(tries > 0 && tries < 40, `${tries} tries at the run whose status is never taken`);
  assert.ok(process.running);
  proxy.decide = () => ({ kind: "forward" });
  ground.node.direct = () => "succeed";
  await ground.node.set("poison--t0", "succeed");
  await ground.untilEnded("poison");
});

faultCase(objects, "F-39", "one run is changed without pause while others work", async (ground) => {
  ground.allowance.writes = 20;
  const { proxy } = await ground.start();
  ground.node.direct = ({ metadata: { name } }) => (name.startsWith("hot") ? "run" : "succeed");
  await ground.create("hot", chain(2));
  await atFirst(ground, "hot");
  const path = objectPath(PIPELINE, ground.namespace, "hot");
  let changes = 0;
  let going = true;
  const flood = (async () => {
    while (going) {
      const annotations = { "test/n": String(changes) };
      const object = await ground.client.patch(path, "merge", { metadata: { annotations } });
      changes += 1;
      // More than a busy server can take of one object: each change comes twenty times.
      const line = JSON.stringify({ type: "MODIFIED", object });
      for (let times = 0; times < 20; times++) proxy.inject(line, /\/pipelines\?/);
    }
  })();
  const before = proxy.requests.length;
  try {
    for (const name of ["one", "two", "three"]) {
      await ground.create(name, chain(3));
      await ground.untilEnded(name);
    }
    await until(() => changes, 60_000, { describe: "changes", accept: (count) => count >= 200 });
  } finally {
    going = false;
    await flood;
  }
  const asked = proxy.requests.slice(before).filter(({ url }) => url.includes("/pipelines/hot"));
  assert.ok(asked.length <= 5, `${asked.length} requests about the run that is changed ${changes} times`);
  await ground.node.set("hot--t0", "succeed");
  ground.node.direct = () => "succeed";
  await ground.untilEnded("hot");
});

const HOSTILE: readonly [string, Task[]][] = [
  ["a cycle", [task("a", "b"), task("b", "a")]],
  ["a task that waits for itself", [task("a", "a")]],
  ["a name that every object has", [task("__proto__")]],
  ["ten thousand tasks", Array.from({ length: 10_000 }, (_, i) => task(`t${i}`))],
  ["a task with two thousand dependencies", [...chain(1_999), task("all", ...chain(1_999).map(({ name }) => name))]],
  ["a reference through what every object has", [task("a"), { ...task("b", "a"), args: ["{^a.__proto__.polluted}"] }]],
];
/** Texts that take for ever where they are read with the wrong expression; they mean nothing and do no harm. */
const TEXTS = ["{^", "${", "{^a.", "$", "{^a.b}{", "\\"].map((piece) => piece.repeat(60_000 / piece.length));

faultCase(objects, "F-44", "malicious definitions are refused, quickly and in words", async (ground) => {
  const { process } = await ground.start();
  for (const [index, [what, tasks]] of HOSTILE.entries()) {
    const started = performance.now();
    const name = `hostile-${index}`;
    const refused = await ground.create(name, tasks).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    // What only the operator can judge ends the run.
    const words = refused ?? (await ground.untilEnded(name, "TERMINATED")).status?.message ?? "";
    assert.ok(words.length > 10, `${what}: ${words}`);
    assert.ok(performance.now() - started < 30_000, what);
  }
  for (const [index, text] of TEXTS.entries()) {
    const run = `text-${index}`;
    const accepted = await ground.create(run, [task("a"), { ...task("b", "a"), args: [text] }]).then(
      () => true,
      () => false,
    );
    const ended = ({ status }: Pipeline) => status?.completionTime !== undefined;
    if (accepted) await ground.untilRun(run, "ends, whatever its text", ended, 30_000);
  }
  assert.is(({} as { polluted?: unknown }).polluted, undefined);
  await ground.create("good", [task("constructor"), task("tostring", "constructor")]);
  await ground.untilEnded("good");
  assert.ok(process.running);
});
objects.run();
