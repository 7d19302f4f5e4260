import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeObject } from "../../../kube/resource.ts";
import { shardOf } from "../../../kube/shard.ts";
import type { AuditedWrite, History } from "../../faults/history.ts";
import { leftBehind, violations } from "../../faults/oracle.ts";

const oracle = suite("the fault suite's oracle");

const T0 = Date.parse("2026-01-01T00:00:00Z");
let version = 0;

function write(more: Partial<AuditedWrite>): AuditedWrite {
  const at = T0 + version * 10;
  return { at, doneAt: at + 1, verb: "patch", resource: "pods", userAgent: "odin-operator via a", code: 200, ...more };
}

/** A version of the run `r` (UID u) of the tasks a and b, b after a, with these records. */
function run(tasks: Record<string, object>, status: object = {}): KubeObject {
  version += 1;
  const spec = { tasks: [{ name: "a" }, { name: "b", depends: ["a"] }] };
  const metadata = { name: "r", namespace: "n", uid: "u", resourceVersion: String(version) };
  return {
    kind: "Pipeline",
    metadata,
    spec,
    status: { phase: "RUNNING", reason: "R", tasks, ...status },
  } as KubeObject;
}

function pod(task: string, more: { uid?: string; phase?: string; attempt?: number } = {}): KubeObject {
  version += 1;
  const { uid = `pod-${task}`, phase = "Pending", attempt = 1 } = more;
  const metadata = {
    name: `r--${task}`,
    namespace: "n",
    uid,
    resourceVersion: String(version),
    annotations: { "odin.io/task": task, "odin.io/attempt": String(attempt) },
    ownerReferences: [{ apiVersion: "odin.io/v1", kind: "Pipeline", name: "r", uid: "u" }],
  };
  return { kind: "Pod", metadata, status: { phase } } as KubeObject;
}

const created = (object: KubeObject): AuditedWrite => write({ verb: "create", code: 201, object });
const changed = (object: KubeObject): AuditedWrite => write({ subresource: "status", object, userAgent: "kubelet" });
const begun = (object: KubeObject): AuditedWrite =>
  write({ verb: "create", resource: "pipelines", code: 201, object, userAgent: "kubectl" });
const recorded = (object: KubeObject): AuditedWrite =>
  write({ resource: "pipelines", subresource: "status", object, name: "r" });
const EXECUTED = { state: "executed", exitCode: 0 };

function history(writes: AuditedWrite[], more: Partial<History> = {}): History {
  return { writes, seen: [], pipelines: [], pods: [], ...more };
}

/** A run as it should be. */
function good(): History {
  const writes = [
    begun(run({})),
    created(pod("a")),
    recorded(run({ a: { state: "executing" }, b: { state: "waiting", reason: "Dependencies" } })),
    changed(pod("a", { phase: "Succeeded" })),
    created(pod("b")),
    recorded(run({ a: EXECUTED, b: { state: "executing" } })),
    changed(pod("b", { phase: "Succeeded" })),
  ];
  const last = run({ a: EXECUTED, b: EXECUTED }, { phase: "DONE", completionTime: "t" });
  return history([...writes, recorded(last)], { pipelines: [last], pods: [pod("b", { phase: "Succeeded" })] });
}

oracle("has nothing against a run as it should be", () => {
  assert.equal(violations(good()), []);
});

oracle("I-1: two pods of one attempt, by creations or by what is there", () => {
  const twice = history([created(pod("a")), created(pod("a", { uid: "another" }))]);
  assert.match(violations(twice).join(), /I-1: attempt 1 at a of run u got 2 pods/);
  const lost = history([created(pod("a"))], { pods: [pod("a", { uid: "unlogged" })] });
  assert.match(violations(lost).join(), /I-1/);
  const second = history([created(pod("a")), created(pod("a", { uid: "second", attempt: 2 }))]);
  assert.equal(violations(second), []);
});

oracle("I-2: a pod that is made before its dependency is known to have succeeded", () => {
  const start = [begun(run({})), created(pod("a"))];
  assert.match(violations(history([...start, created(pod("b"))])).join(), /I-2: pod r--b was made before a/);
  const failed = changed(pod("a", { phase: "Failed" }));
  assert.match(violations(history([...start, failed, created(pod("b"))])).join(), /I-2/);
  // The proof comes after the pod.
  const early = created(pod("b"));
  const late = changed(pod("a", { phase: "Succeeded" }));
  assert.match(violations(history([...start, early, late])).join(), /I-2/);
  assert.equal(violations(history([...start, recorded(run({ a: EXECUTED })), created(pod("b"))])), []);
});

oracle("I-2: a container that has ended well is proof beside one that runs on, and one that failed is not", () => {
  const start = [begun(run({})), created(pod("a"))];
  const ends = (exitCode: number): AuditedWrite => {
    const object = pod("a", { phase: "Running" });
    const containerStatuses = [{ name: "main", state: { terminated: { exitCode } } }, { name: "mesh" }];
    return changed({ ...object, status: { phase: "Running", containerStatuses } } as KubeObject);
  };
  assert.equal(violations(history([...start, ends(0), created(pod("b"))])), []);
  assert.match(violations(history([...start, ends(1), created(pod("b"))])).join(), /I-2/);
});

oracle("I-3: a terminal record, or the end of a run, that changes", () => {
  const before = recorded(run({ a: EXECUTED }));
  const after = recorded(run({ a: { ...EXECUTED, message: "more" } }));
  assert.match(violations(history([begun(run({})), before, after])).join(), /I-3: the record of a of r changed/);
  const gone = recorded(run({}));
  assert.match(violations(history([begun(run({})), before, gone])).join(), /I-3: the record of a/);
  const done = recorded(run({ a: EXECUTED }, { phase: "DONE", completionTime: "t" }));
  const again = recorded(run({ a: EXECUTED }, { phase: "RUNNING" }));
  assert.match(violations(history([begun(run({})), done, again])).join(), /I-3: the end of r changed/);
});

oracle("I-3: changes that only a watch has shown", () => {
  const seen = [run({ a: EXECUTED }), run({ a: { state: "executing" } })];
  assert.match(violations(history([], { seen })).join(), /I-3: the record of a of r changed/);
});

oracle("I-4: a run that neither ends nor says why", () => {
  const mute = run({ a: { state: "waiting" } }, { reason: "" });
  const found = violations(history([], { pipelines: [mute] })).join();
  assert.match(found, /I-4: a of r waits without a reason/);
  assert.match(found, /I-4: r neither ends/);
  const works = run({ a: { state: "executing" } }, { reason: undefined });
  assert.equal(violations(history([], { pipelines: [works] })), []);
});

oracle("I-5: what outlives its run", () => {
  assert.match(leftBehind([pod("a")], new Set(["u"])).join(), /I-5: Pod r--a/);
  assert.equal(leftBehind([pod("a")], new Set(["other"])), []);
});

oracle("I-6: counts that are not those of the records", () => {
  const counts = { total: 1, waiting: 0, executing: 0, executed: 0, terminated: 0 };
  const wrong = recorded(run({ a: EXECUTED }, { counts }));
  assert.match(violations(history([begun(run({})), wrong])).join(), /I-6: r at version \d+ counts 0 executed/);
});

oracle("I-7: more writes than the budget, refused ones included", () => {
  const refused = () => write({ verb: "create", code: 409 });
  const writes = [begun(run({})), created(pod("a")), ...Array.from({ length: 10 }, refused)];
  assert.match(violations(history(writes)).join(), /I-7: 11 writes for 1 runs and 1 pods, 8 are allowed/);
  assert.equal(violations(history(writes), { writes: 3 }), []);
  const others = Array.from({ length: 50 }, () => write({ userAgent: "kubelet" }));
  assert.equal(violations(history([...good().writes, ...others])), []);
});

oracle("I-8: a write by one who does not hold the lease, or holds it no longer", () => {
  const lease = { name: "odin-operator", renewDeadlineMs: 10_000 };
  const holding = (holderIdentity: string, at: number): AuditedWrite => {
    const object = { kind: "Lease", metadata: { name: lease.name }, spec: { holderIdentity } } as unknown as KubeObject;
    return write({ verb: "update", resource: "leases", name: lease.name, object, at, doneAt: at + 1 });
  };
  const by = (name: string, at: number): AuditedWrite =>
    write({ resource: "pods", verb: "delete", userAgent: `odin-operator via ${name}`, at, doneAt: at + 1 });
  const check = (...writes: AuditedWrite[]) => violations(history(writes), { lease, writes: 9 }).join();
  assert.is(check(holding("a", T0), by("a", T0 + 500)), "");
  assert.match(check(by("a", T0), holding("a", T0 + 1)), /I-8: .* of a .*while nobody held/);
  assert.match(check(holding("a", T0), holding("b", T0 + 100), by("a", T0 + 200)), /I-8: .* of a .*while b held/);
  assert.match(check(holding("a", T0), by("a", T0 + 13_000)), /I-8: .* 3000 ms after its renewal deadline/);
});

oracle("I-8: only the creations that were under way may come late, and only as their writer's", () => {
  const lease = {
    name: "odin-operator",
    renewDeadlineMs: 10_000,
    underWay: { writer: "a", pods: new Set(["run--t0"]) },
  };
  const late = (verb: "create" | "delete", name: string, writer: string): AuditedWrite =>
    write({
      resource: "pods",
      verb,
      name,
      code: 409,
      userAgent: `odin-operator via ${writer}`,
      at: T0,
      doneAt: T0 + 1,
    });
  const check = (...writes: AuditedWrite[]) => violations(history(writes), { lease, writes: 9 }).join();
  assert.is(check(late("create", "run--t0", "a")), "");
  assert.match(check(late("create", "run--t1", "a")), "I-8: create pods run--t1 of a ");
  assert.match(check(late("delete", "run--t0", "a")), "I-8: delete pods run--t0 of a ");
  assert.match(check(late("create", "run--t0", "b")), "I-8: create pods run--t0 of b ");
});

oracle("I-8: with shards a write needs the lease of the shard that its run is of", () => {
  const shards = 4;
  const lease = { name: "odin-operator", renewDeadlineMs: 10_000, shards };
  const holding = (shard: number, holderIdentity: string, at: number): AuditedWrite => {
    const name = shard === 0 ? lease.name : `${lease.name}-${shard}`;
    const object = { kind: "Lease", metadata: { name }, spec: { holderIdentity } } as unknown as KubeObject;
    return write({ verb: "update", resource: "leases", name, object, at, doneAt: at + 1 });
  };
  const shard = shardOf("n/wide", shards);
  const other = (shard + 1) % shards;
  const run = { namespace: "n", resource: "pipelines", name: "wide", verb: "patch" } as const;
  const pod = { namespace: "n", resource: "pods", name: "wide--a", verb: "delete" } as const;
  const by = (what: typeof run | typeof pod, name: string, at: number): AuditedWrite =>
    write({ ...what, userAgent: `odin-operator via ${name}`, at, doneAt: at + 1 });
  const check = (...writes: AuditedWrite[]) => violations(history(writes), { lease, writes: 9 }).join();
  const both = [holding(shard, "a", T0), holding(other, "b", T0)];
  assert.is(check(...both, by(run, "a", T0 + 500), by(pod, "a", T0 + 501)), "");
  assert.match(check(...both, by(run, "b", T0 + 500)), /I-8: .* of b .*while a held/);
  assert.match(check(...both, by(pod, "b", T0 + 500)), /I-8: .* of b .*while a held/);
  assert.match(check(holding(other, "b", T0), by(run, "b", T0 + 500)), /I-8: .*while nobody held/);
  assert.match(check(holding(shard, "a", T0), by(run, "a", T0 + 13_000)), /3000 ms after its renewal deadline/);
  // The bookkeeping of snapshots is whoever's has a shard at all.
  const sweep = write({
    namespace: "n",
    resource: "configmaps",
    name: "s",
    verb: "delete",
    userAgent: "odin-operator via b",
  });
  assert.is(check(holding(other, "b", sweep.at - 5), sweep), "");
});
oracle.run();
