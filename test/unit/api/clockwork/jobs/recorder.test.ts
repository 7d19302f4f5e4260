import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Collection, JobCaches } from "../../../../../api/clockwork/jobs/job-caches.ts";
import { type NamespaceState, projectNamespace } from "../../../../../api/clockwork/jobs/namespace-state.ts";
import { type PodFacts, projectPodFacts } from "../../../../../api/clockwork/jobs/pod-facts.ts";
import { Recorder, type RecorderOptions } from "../../../../../api/clockwork/jobs/recorder.ts";
import { projectRunState, type RunState } from "../../../../../api/clockwork/jobs/run-state.ts";
import { Surroundings } from "../../../../../api/clockwork/jobs/surroundings.ts";
import type { TaskStatus } from "../../../../../crds/generated/types.ts";
import { silentLogger } from "../../../../../kube/logger.ts";
import type { Change } from "../../../../../kube/object-cache.ts";
import { keyOf, type ObjectMeta } from "../../../../../kube/resource.ts";
import type { JobRecord, KnownJob } from "../../../../../store/job-records.ts";
import { until } from "../../../../support/deadline.ts";

const WAIT_MS = 60_000;
const recorder = suite("recorder of jobs");

/** The objects of one kind, as a test says them. */
class Said<P extends { metadata: ObjectMeta }> implements Collection<P> {
  readonly #objects = new Map<string, P>();
  readonly #handlers: ((change: Change<P>) => void)[] = [];

  get = (key: string): P | undefined => this.#objects.get(key);
  list = (): Iterable<P> => this.#objects.values();
  versionOf = (): string => "1000";

  onChange(handler: (change: Change<P>) => void): void {
    this.#handlers.push(handler);
  }

  put(object: P): void {
    const key = keyOf(object.metadata);
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const handler of this.#handlers)
      handler(previous === undefined ? { type: "added", key, object } : { type: "modified", key, object, previous });
  }

  remove(object: P): void {
    const key = keyOf(object.metadata);
    this.#objects.delete(key);
    for (const handler of this.#handlers) handler({ type: "deleted", key, object, previous: object });
  }
}

function pod(name: string, version: number, phase: string, more: object = {}): PodFacts {
  return projectPodFacts({
    metadata: {
      name,
      namespace: "ns",
      uid: `uid-${name}`,
      resourceVersion: String(version),
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...more,
    },
    spec: { nodeName: "n", containers: [{ name: "c" }] },
    status: { phase },
  } as never);
}

const INLINE = { tasks: [{ name: "a", image: "i", command: ["c"] }] };
const OF_JOB = { job: "j" };

/** A Pipeline with one task, its own or its Job's, and what its status says of that. */
function run(name: string, version: number, record?: TaskStatus, plan: object = INLINE): RunState {
  return projectRunState({
    metadata: { name, namespace: "ns", uid: `uid-${name}`, resourceVersion: String(version) },
    spec: { user: "ada", ...plan },
    ...(record === undefined ? {} : { status: { tasks: { a: { attempt: 1, pod: `${name}--a`, ...record } } } }),
  } as never);
}

/** Its task's pod. */
function runPod(name: string, version: number, phase: string, more: object = {}): PodFacts {
  const owner = { kind: "Pipeline", name, uid: `uid-${name}`, controller: true };
  const annotations = { "odin.io/task": "a", "odin.io/clockwork-job-id": "4711" };
  return pod(`${name}--a`, version, phase, { ownerReferences: [owner], annotations, ...more });
}

const ASKED_TO_GO = { deletionTimestamp: "2026-01-01T00:01:00Z", deletionGracePeriodSeconds: 30 };

function stage(known: [string, KnownJob][] = [], awaitMs?: NonNullable<RecorderOptions["awaitMs"]>) {
  const pods = new Said<PodFacts>();
  const namespaces = new Said<NamespaceState>();
  const runs = new Said<RunState>();
  const none = new Said<never>();
  namespaces.put(projectNamespace({ metadata: { name: "ns", uid: "ns", resourceVersion: "1" } }));
  const caches = { pods, namespaces, runs, batchJobs: none } as unknown as JobCaches;
  const surroundings = new Surroundings({ caches, cluster: "c", userOf: () => undefined, areNamespacesWatched: true });
  const store = { isAway: false, tries: 0, written: [] as JobRecord[] };
  const records = {
    async known(): Promise<Map<string, KnownJob>> {
      return new Map(known);
    },
    async upsert(some: readonly JobRecord[]): Promise<void> {
      store.tries += 1;
      if (store.isAway) throw new Error("the store is away");
      store.written.push(...some);
    },
  };
  const one = new Recorder({
    caches,
    surroundings,
    records,
    namespaces: undefined,
    logger: silentLogger,
    ...(awaitMs === undefined ? {} : { awaitMs }),
  });
  const idle = () => until(() => one.isIdle, WAIT_MS, { describe: "all is written", accept: Boolean });
  return { pods, runs, namespaces, store, one, idle };
}

recorder("C-80: what a pod's job shows is written once, and again when it has changed", async () => {
  const { pods, store, one, idle } = stage();
  one.start();
  pods.put(pod("a", 1, "Pending"));
  await idle();
  pods.put(pod("a", 2, "Pending"));
  await idle();
  pods.put(pod("a", 3, "Running"));
  await idle();
  assert.equal(
    store.written.map(({ state, observed }) => [state, observed]),
    [
      ["CONFIGURING", 1],
      ["RUNNING", 3],
    ],
  );
  await one.stop();
});

recorder(
  "C-81: while the store is away nothing is lost that is still true, and what went meanwhile is written as gone",
  async () => {
    const { pods, store, one, idle } = stage();
    one.start();
    store.isAway = true;
    for (const name of ["a", "b"]) pods.put(pod(name, 1, "Running"));
    await until(() => store.tries, WAIT_MS, { describe: "it was tried twice", accept: (tries) => tries >= 2 });
    pods.put(pod("a", 2, "Succeeded"));
    pods.remove(pod("b", 3, "Running"));
    store.isAway = false;
    await idle();
    assert.equal(store.written.map(({ pod, state }) => [pod, state]).sort(), [
      ["a", "COMPLETED"],
      ["b", "CANCELLED"],
    ]);
    await one.stop();
  },
);

recorder("C-70: pods of the cluster's own namespaces, of DaemonSets and mirror pods are no jobs", async () => {
  const { pods, store, one, idle } = stage();
  one.start();
  pods.put(pod("system", 1, "Running", { namespace: "kube-system" }));
  pods.put(
    pod("daemon", 1, "Running", { ownerReferences: [{ kind: "DaemonSet", name: "d", uid: "d", controller: true }] }),
  );
  pods.put(pod("mirror", 1, "Running", { annotations: { "kubernetes.io/config.mirror": "x" } }));
  pods.put(pod("job", 1, "Running"));
  await idle();
  assert.equal(
    store.written.map(({ pod }) => pod),
    ["job"],
  );
  await one.stop();
});

recorder("C-74: a job that was recorded before keeps its id and its run, also when its Pipeline is gone", async () => {
  const { pods, store, one, idle } = stage([["uid-a", { jobId: "7", runUid: "run", owner: "ada", arrayTaskId: "4" }]]);
  one.start();
  pods.put(
    pod("a", 9, "Running", { ownerReferences: [{ kind: "Pipeline", name: "run", uid: "run", controller: true }] }),
  );
  await idle();
  const [record] = store.written;
  const slurm = JSON.parse(record?.slurm ?? "{}") as Record<string, unknown>;
  assert.equal([record?.jobId, record?.owner, record?.runUid, slurm.array_task_id], ["7", "ada", "run", "4"]);
  await one.stop();
});

recorder("C-71: a change of the Namespace reaches the jobs of its pods", async () => {
  const { pods, namespaces, store, one, idle } = stage();
  one.start();
  pods.put(pod("a", 1, "Running"));
  await idle();
  const metadata = { name: "ns", uid: "ns", resourceVersion: "2", labels: { "odin.io/cluster": "other" } };
  namespaces.put(projectNamespace({ metadata }));
  await idle();
  assert.equal(
    store.written.map(({ clusterName }) => clusterName),
    ["c", "other"],
  );
  await one.stop();
});

const HASTY = { belonging: 50, listing: 60_000, reason: 50, batchJob: 50 };

for (const [what, isGone] of [
  ["is gone", true],
  ["is still there", false],
] as const) {
  recorder(
    `C-73, C-82: why a pod that ${what} was stopped is taken in however late the operator says it, and then for good`,
    async () => {
      const { pods, runs, store, one, idle } = stage([], HASTY);
      const states = (): [string, boolean][] => store.written.map(({ state, ended }) => [state, ended]);
      const untilStates = (count: number): Promise<unknown> =>
        until(states, WAIT_MS, { describe: `${count} records`, accept: (all) => all.length >= count });
      one.start();
      runs.put(run("r", 1, { state: "executing" }));
      pods.put(runPod("r", 2, "Running"));
      await idle();
      pods.put(runPod("r", 3, "Failed", ASKED_TO_GO));
      if (isGone) pods.remove(runPod("r", 4, "Failed", ASKED_TO_GO));
      await untilStates(2);
      await idle();
      // Something else of the run changes meanwhile.
      runs.put(run("r", 5, { state: "executing", message: "x" }));
      await idle();
      assert.equal(states(), [
        ["RUNNING", false],
        ["CANCELLED", false],
      ]);
      runs.put(run("r", 6, { state: "terminated", reason: "Timeout" }));
      await untilStates(3);
      runs.put(run("r", 7, { state: "terminated", reason: "Timeout", message: "x" }));
      await idle();
      assert.equal(states().slice(2), [["TIMEOUT", true]]);
      await one.stop();
    },
  );
}

for (const [whose, plan] of [
  ["tasks of its own", INLINE],
  ["a Job", OF_JOB],
] as const) {
  recorder(
    `C-71, C-74: a pod whose Pipeline, of ${whose}, is slow to say that it is its own keeps the id that it was told`,
    async () => {
      const { pods, runs, store, one, idle } = stage([], HASTY);
      one.start();
      runs.put(run("r", 1, undefined, plan));
      pods.put(runPod("r", 2, "Running"));
      pods.put(pod("plain", 2, "Running"));
      await until(() => store.written.length, WAIT_MS, { describe: "the other pod is written" });
      await until(() => one.isIdle, WAIT_MS, { describe: "it waits" });
      runs.put(run("r", 3, { state: "executing" }, plan));
      await until(() => store.written.length, WAIT_MS, {
        describe: "both are written",
        accept: (count) => count === 2,
      });
      await idle();
      assert.equal(store.written.map(({ jobId, owner }) => [jobId, owner]).slice(1), [["4711", "ada"]]);
      await one.stop();
    },
  );
}

recorder("C-80: what was seen just before the end is written", async () => {
  const { pods, store, one } = stage();
  one.start();
  pods.put(pod("a", 1, "Running"));
  await one.stop();
  assert.is(store.written.length, 1);
  pods.put(pod("b", 1, "Running"));
  assert.is(store.written.length, 1);
});

recorder.run();
