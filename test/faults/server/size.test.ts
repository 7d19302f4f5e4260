// timeout: 900, on demand
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAX_MESSAGE, MAX_OBJECT_BYTES, MAX_TASKS } from "../../../crds/limits.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import type { Fault } from "../../integration/kube/fault.ts";
import { until } from "../../support/deadline.ts";
import { chain, task } from "../ground.ts";
import { faultCase, isLong } from "../row.ts";

const size = suite("size");
const WIDE_MS = 240_000;
const BYTES_PER_RECORD = 250;
const FINISHED = isLong ? 10_000 : 1_000;
const AT_ONCE = 16;

faultCase(size, "F-26", "as many tasks as are allowed, all with records and long messages", async (ground) => {
  ground.allowance.writes = 20;
  await ground.start();
  const message = "ö".repeat(5_000);
  ground.node.direct = () => ({ status: { phase: "Failed", reason: "Odd", message } });
  const others = Array.from({ length: MAX_TASKS - 1 }, (_, i) => task(`task-number-${i}`, "first"));
  await ground.create("wide", [task("first"), ...others]);
  const run = await ground.untilEnded("wide", "TERMINATED", WIDE_MS);
  const bytes = Buffer.byteLength(JSON.stringify(run));
  const records = Buffer.byteLength(JSON.stringify(run.status?.tasks));
  assert.is(run.status?.counts?.terminated, 1, JSON.stringify(run.status?.counts));
  assert.ok(bytes < MAX_OBJECT_BYTES, `the object has ${bytes} bytes`);
  assert.ok(records / MAX_TASKS <= BYTES_PER_RECORD, `${records / MAX_TASKS} bytes a record`);
  assert.ok((run.status?.tasks?.first?.message?.length ?? 9_999) <= MAX_MESSAGE + 10, "the message is cut");
});

faultCase(size, "F-26", "more tasks than are allowed are refused at admission", async (ground) => {
  const tasks = Array.from({ length: MAX_TASKS + 1 }, (_, i) => task(`t${i}`));
  await ground.create("wider", tasks).then(
    () => assert.unreachable("it was accepted"),
    (error: unknown) => assert.match(String(error), /2000 items|Too many|too many/),
  );
});

for (const [how, status, message] of [
  ["etcd", 500, "etcdserver: request is too large"],
  [
    "gRPC",
    500,
    "rpc error: code = ResourceExhausted desc = trying to send message larger than max (2200000 vs. 2097152)",
  ],
  ["the API server", 413, "Request entity too large: limit is 3145728"],
] as const) {
  faultCase(size, "F-27", `${how} calls every status write too large that is not small`, async (ground) => {
    ground.allowance.writes = 4;
    const { proxy } = await ground.start();
    const body = JSON.stringify({ kind: "Status", status: "Failure", code: status, message });
    let refused = 0;
    proxy.decide = ({ method, url, bytes }): Fault => {
      if (method !== "PATCH" || !url.includes("/pipelines/") || bytes < 1_000) return { kind: "forward" };
      refused += 1;
      return { kind: "answer", status, body };
    };
    await ground.create("run", chain(30));
    const run = await ground.untilEnded("run", "TERMINATED");
    assert.is(run.status?.reason, "StatusTooLarge");
    assert.ok(refused >= 1 && refused <= 3, `${refused} large writes`);
  });
}

for (const [what, isRefused] of [
  ["however few its words are", () => true],
  ["unless it has fewer words", (nth: number) => nth === 1],
] as const) {
  faultCase(
    size,
    "F-27",
    `what runs is stopped when the run's status is too large to be written, ${what}`,
    async (ground) => {
      ground.node.direct = () => "run";
      ground.allowance.writes = 4;
      const { proxy } = await ground.start();
      const body = JSON.stringify({
        kind: "Status",
        status: "Failure",
        code: 500,
        message: "etcdserver: request is too large",
      });
      await ground.create(
        "wide",
        Array.from({ length: 40 }, (_, i) => task(`t${i}`)),
      );
      await ground.untilRun("wide", "executes", ({ status }) => status?.counts?.executing === 40);
      let large = 0;
      proxy.decide = ({ method, url, bytes }): Fault =>
        method === "PATCH" && url.includes("/pipelines/") && bytes > 1_000 && isRefused(++large)
          ? { kind: "answer", status: 500, body }
          : { kind: "forward" };
      const started = (await ground.pods()).map(({ metadata }) => metadata.name);
      assert.is(started.length, 40);
      await Promise.all(started.slice(0, 20).map((pod) => ground.node.set(pod, "succeed")));
      const { status } = await ground.untilEnded("wide", "TERMINATED");
      assert.is(status?.reason, "StatusTooLarge");
      assert.ok(large === 2 || large === 3, `${large} large writes`);
      const isTold = status?.counts?.executing === 0;
      assert.is(isTold, !isRefused(2), JSON.stringify(status?.counts));
      if (isTold) assert.is(status?.counts?.terminated, 40 - (status?.counts?.executed ?? 0));
      else assert.match(status?.message ?? "", "what they call executing was stopped");
      const going = (await ground.pods()).filter(
        ({ metadata, status: now }) => now?.phase === "Running" && metadata.deletionTimestamp === undefined,
      );
      assert.equal(going, [], "nothing is left running");
    },
  );
}

faultCase(size, "F-40", `${FINISHED} finished runs are there at the start`, async (ground) => {
  const runs = collectionPath(PIPELINE, ground.namespace);
  const now = new Date().toISOString();
  const status = {
    phase: "DONE",
    progress: "1/1",
    startTime: now,
    completionTime: now,
    counts: { total: 1, waiting: 0, executing: 0, executed: 1, terminated: 0 },
    tasks: { a: { state: "executed", attempt: 1, pod: "p", startTime: now, completionTime: now, exitCode: 0 } },
    conditions: [{ type: "Complete", status: "True", reason: "Completed", message: "", lastTransitionTime: now }],
  };
  let next = 0;
  const seed = Array.from({ length: AT_ONCE }, async () => {
    while (next < FINISHED) {
      const name = `old-${next++}`;
      await ground.client.create(runs, {
        apiVersion: API_VERSION,
        kind: "Pipeline",
        metadata: { name },
        spec: { tasks: [task("a")] },
      });
      await ground.client.patch(objectPath(PIPELINE, ground.namespace, name, "status"), "merge", { status });
    }
  });
  await Promise.all(seed);
  const before = (await ground.writes()).length;
  const started = performance.now();
  const { proxy } = await ground.start();
  const readyMs = performance.now() - started;
  assert.ok(readyMs < 30_000, `ready after ${Math.round(readyMs)} ms`);
  await ground.create("new", chain(2));
  await ground.untilEnded("new");
  const about = proxy.requests.filter(({ url }) => /\/pipelines\/old-/.test(url));
  assert.equal(about, [], "finished runs are neither read nor written one by one");
  const lists = proxy.requests.filter(({ method, url }) => method === "GET" && /\/pipelines\?.*limit=/.test(url));
  assert.ok(lists.length >= FINISHED / 500, `${lists.length} pages`);
  assert.ok((await ground.writes()).length - before < 40);
  // What the oracle deletes one by one takes longer than all else.
  await ground.client.delete(runs, { timeoutMs: WIDE_MS });
  await until(async () => (await ground.client.listAll(runs, {})).items.length === 0, WIDE_MS, {
    describe: "they are gone",
  });
});
size.run();
