import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AuditEvent, auditEventOf, microseconds } from "../../bench/engine/audit-event.ts";
import { distribution, median, percentile } from "../../bench/engine/distribution.ts";
import { figuresOf } from "../../bench/engine/figures.ts";
import { type BenchRun, chains, fan, layers, podsNeeded, tasksOf, withFailures } from "../../bench/engine/graphs.ts";

const OPERATOR = "operator";

function event(receivedUs: number, what: Partial<AuditEvent>): AuditEvent {
  return {
    verb: "create",
    resource: "pods",
    subresource: "",
    namespace: "bench",
    name: "",
    user: OPERATOR,
    userAgent: "odin-operator",
    code: 201,
    receivedUs,
    answeredUs: receivedUs + 5,
    ...what,
  };
}

/** A pod of `run--task[-rN]` that is created and then reported on twice by its node. */
function pod(name: string, createdUs: number, runningUs: number, endedUs: number): AuditEvent[] {
  const report = { verb: "patch", subresource: "status", name, user: "admin", userAgent: "kwok/v1", code: 200 };
  return [event(createdUs, { name }), event(runningUs, report), event(endedUs - 5, report)];
}

function identify(name: string): { run: string; task: string; attempt: number } | undefined {
  const match = /^(\w+)--(\w+)(?:-r(\d))?$/.exec(name);
  return match === null ? undefined : { run: match[1] ?? "", task: match[2] ?? "", attempt: Number(match[3] ?? 0) + 1 };
}

const subject = { user: OPERATOR, resource: "pipelines", identify };
const submitted = (name: string, at: number): AuditEvent =>
  event(at, { resource: "pipelines", name, user: "bench", userAgent: "odin-bench" });
const written = (name: string, at: number): AuditEvent =>
  event(at, { verb: "patch", resource: "pipelines", subresource: "status", name, code: 200 });

const log = suite("audit log of the benchmark");

log("reads times to the microsecond", () => {
  assert.is(microseconds("2026-01-01T00:00:00.123456Z"), Date.UTC(2026, 0, 1) * 1000 + 123_456);
  assert.is(microseconds("2026-01-01T00:00:00.5Z"), Date.UTC(2026, 0, 1) * 1000 + 500_000);
  assert.is(microseconds("2026-01-01T00:00:01Z"), Date.UTC(2026, 0, 1, 0, 0, 1) * 1000);
  assert.throws(() => microseconds("yesterday"));
});

log("takes answered requests only, and no line that was cut", () => {
  const line = JSON.stringify({
    stage: "ResponseComplete",
    verb: "create",
    user: { username: "u" },
    objectRef: { resource: "pods", namespace: "n", name: "p" },
    responseStatus: { code: 201 },
    requestReceivedTimestamp: "2026-01-01T00:00:00.000001Z",
    stageTimestamp: "2026-01-01T00:00:00.000003Z",
  });
  const read = auditEventOf(line);
  assert.is(read?.name, "p");
  assert.is((read?.answeredUs ?? 0) - (read?.receivedUs ?? 0), 2);
  assert.is(auditEventOf(line.replace("ResponseComplete", "RequestReceived")), undefined);
  assert.is(auditEventOf(line.slice(0, -4)), undefined);
});

log("a level is from the end of the last parent to the creation of the child", () => {
  const run: BenchRun = {
    name: "r",
    tasks: [
      { name: "a", depends: [] },
      { name: "b", depends: [] },
      { name: "c", depends: ["a", "b"] },
    ],
  };
  const figures = figuresOf(
    [
      submitted("r", 100),
      ...pod("r--a", 150, 200, 1000),
      ...pod("r--b", 160, 210, 3000),
      ...pod("r--c", 3700, 3800, 5000),
      written("r", 5995),
    ],
    [run],
    subject,
    [],
  );
  assert.equal(figures.levelsUs, [700]);
  assert.equal(figures.startsUs, [50]);
  assert.is(figures.seconds, (6000 - 100) / 1e6);
  assert.equal(figures.requests, { "create pods": 3, "patch pipelines/status": 1 });
  assert.equal([figures.lost, figures.doubled], [[], []]);
});

log("the child of a task that failed once waits for the second attempt", () => {
  const [run] = withFailures(chains("x", 1, 2), 1);
  assert.ok(run !== undefined);
  run.name = "r";
  const figures = figuresOf(
    [
      submitted("r", 0),
      ...pod("r--t0", 10, 20, 100),
      ...pod("r--t0-r1", 200, 220, 400),
      ...pod("r--t1", 450, 460, 500),
      ...pod("r--t1-r1", 550, 560, 600),
      written("r", 700),
    ],
    [run],
    subject,
    [],
  );
  assert.equal(figures.levelsUs, [50]);
  assert.equal([figures.lost, figures.doubled], [[], []]);
});

log("where pods are all there is, the last report of a node is the end", () => {
  const bare = (name: string): { run: string; task: string; attempt: number } => ({
    run: name,
    task: "t0",
    attempt: 1,
  });
  const figures = figuresOf(
    [...pod("p-0", 100, 200, 1000), ...pod("p-1", 150, 300, 5100)],
    ["p-0", "p-1"].map((name) => ({ name, tasks: [{ name: "t0", depends: [] }] })),
    { user: OPERATOR, resource: "pods", identify: bare },
    [],
  );
  assert.is(figures.seconds, (5100 - 100) / 1e6);
  assert.equal(figures.requests, { "create pods": 2 });
  assert.equal([figures.lost, figures.doubled], [[], []]);
});

log("names what never got a pod, what got two, and what nobody asked for", () => {
  const figures = figuresOf(
    [
      submitted("r", 0),
      ...pod("r--t0", 10, 20, 100),
      ...pod("r--t0", 110, 120, 200),
      ...pod("stray", 110, 120, 200),
      written("r", 300),
    ],
    [{ name: "r", tasks: chains("r", 1, 2)[0]?.tasks ?? [] }],
    subject,
    [],
  );
  assert.equal(figures.lost, ["r/t1/1"]);
  assert.equal(figures.doubled, ["r/t0/1", "stray"]);
});

log("takes the names that the server chose, and what the log has lost, from the pods that are there", () => {
  const figures = figuresOf(
    [submitted("r", 0), event(10, { name: "" }), ...pod("r--t1", 50, 60, 90), written("r", 300)],
    chains("r", 1, 2).map((run) => ({ ...run, name: "r" })),
    subject,
    ["r--t0", "r--t1"],
  );
  assert.equal([figures.lost, figures.doubled, figures.levelsUs, figures.startsUs], [[], [], [], []]);
});

log("a refused creation is a request and no pod; watches and leases are counted apart", () => {
  const figures = figuresOf(
    [
      submitted("r", 0),
      event(5, { name: "r--t0", code: 409 }),
      ...pod("r--t0", 10, 20, 100),
      event(20, { verb: "watch", code: 200 }),
      event(30, { verb: "update", resource: "leases", code: 200 }),
      event(40, { verb: "get", resource: "", code: 200 }),
      written("r", 300),
    ],
    [{ name: "r", tasks: chains("r", 1, 1)[0]?.tasks ?? [] }],
    subject,
    [],
  );
  assert.equal(figures.requests, { "create pods": 2, "patch pipelines/status": 1 });
  assert.equal(figures.standing, { "watch pods": 1, "update leases": 1, "get ": 1 });
  assert.equal(figures.refused, { "create pods 409": 1 });
  assert.equal(figures.doubled, []);
});

const numbers = suite("numbers of the benchmark");

numbers("percentiles are values that were measured (nearest rank)", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(
    [0.01, 0.5, 0.99, 1].map((share) => percentile(values, share)),
    [1, 50, 99, 100],
  );
  assert.is(percentile([7], 0.5), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
  assert.is(distribution([]), undefined);
  assert.equal(distribution([3, 1, 2]), { count: 3, p50: 2, p90: 3, p99: 3, max: 3 });
});

numbers("the median of an even number of values lies between the two in the middle", () => {
  assert.is(median([4, 1, 3, 2]), 2.5);
  assert.is(median([5, 1, 3]), 3);
});

numbers("graphs have the size that they are asked for, and depend only on what is before", () => {
  assert.is(tasksOf([fan("f", 100)]), 102);
  const dag = layers("d", 200, 40, 7);
  assert.is(dag.tasks.length, 200);
  assert.equal(layers("d", 200, 40, 7), dag);
  assert.not.equal(layers("d", 200, 40, 8), dag);
  const before = new Set<string>();
  for (const { name, depends } of dag.tasks) {
    assert.ok(depends.every((parent) => before.has(parent)));
    before.add(name);
  }
  assert.is(podsNeeded(withFailures(chains("c", 2, 10), 10)), 22);
});

log.run();
numbers.run();
