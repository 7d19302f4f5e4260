import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Caches } from "../../../../api/cache/caches.ts";
import { clusterView } from "../../../../api/cache/cluster-view.ts";
import { GroupIndex } from "../../../../api/cache/group-index.ts";
import { projectJob } from "../../../../api/cache/job.ts";
import { projectPod } from "../../../../api/cache/pod.ts";
import { projectRun } from "../../../../api/cache/run.ts";
import { projectSnapshot } from "../../../../api/cache/snapshot.ts";
import type { Job } from "../../../../crds/generated/types.ts";
import { snapshotOfJob } from "../../../../crds/snapshot.ts";
import type { KubeObject, ObjectMeta } from "../../../../kube/resource.ts";
import { RUN_ID, RUNNING, SST2_TASKS, sampleRun } from "../odin/sample.ts";

const test = suite("api cluster view");

interface Change<P> {
  type: "added" | "modified" | "deleted";
  key: string;
  object: P;
  previous?: P;
}

/** As much of an informer as the view uses. */
class FakeInformer<P extends { metadata: ObjectMeta }> {
  readonly #objects = new Map<string, P>();
  readonly #handlers = new Set<(change: Change<P>) => void>();

  get(key: string): P | undefined {
    return this.#objects.get(key);
  }
  list(): IterableIterator<P> {
    return this.#objects.values();
  }
  onChange(fn: (change: Change<P>) => void): () => void {
    this.#handlers.add(fn);
    return () => this.#handlers.delete(fn);
  }
  put(object: P): void {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#tell({ type: previous ? "modified" : "added", key, object, ...(previous ? { previous } : {}) });
  }
  remove(object: P): void {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    this.#objects.delete(key);
    this.#tell({ type: "deleted", key, object });
  }
  #tell(change: Change<P>): void {
    for (const fn of this.#handlers) fn(change);
  }
}

const meta = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  namespace: "ns",
  uid: `uid-${name}`,
  resourceVersion: "1",
  ...more,
});
const fakes = () => ({
  pipelines: new FakeInformer(),
  jobs: new FakeInformer(),
  snapshots: new FakeInformer(),
  pods: new FakeInformer(),
  events: new FakeInformer(),
  users: new FakeInformer(),
});
const job: Job = { apiVersion: "odin.io/v1", kind: "Job", metadata: meta("sst2"), spec: { tasks: SST2_TASKS } };
const raw = (object: object): KubeObject => object as KubeObject;

test("a run's tasks: its snapshot's, whatever the Job has become", () => {
  const caches = fakes();
  const view = clusterView(caches as unknown as Caches, "ns");
  const snapshot = snapshotOfJob(job);
  const status = { ...RUNNING, snapshot: snapshot.metadata.name };
  caches.pipelines.put(projectRun(raw(sampleRun(status).pipeline)) as never);
  caches.jobs.put(projectJob(raw({ ...job, spec: { tasks: [] } })));
  assert.equal(
    view.run(RUN_ID)?.tasks.map(({ name, image }) => [name, image]),
    [
      ["sst2", ""],
      ["after", ""],
    ],
  );
  caches.snapshots.put(projectSnapshot(raw({ ...snapshot, metadata: { ...meta(snapshot.metadata.name) } })));
  assert.equal(view.run(RUN_ID)?.tasks, SST2_TASKS);
});

test("a run's tasks: its own, or those of the Job while there is no status", () => {
  const caches = fakes();
  const view = clusterView(caches as unknown as Caches, "ns");
  caches.jobs.put(projectJob(raw(job)));
  caches.pipelines.put(projectRun(raw(sampleRun().pipeline)) as never);
  assert.equal(view.run(RUN_ID)?.tasks, SST2_TASKS);
  const own = [{ name: "only", image: "i", command: ["c"] }];
  caches.pipelines.put(projectRun(raw({ ...sampleRun().pipeline, spec: { tasks: own, files: { a: "x" } } })) as never);
  assert.equal(view.run(RUN_ID)?.tasks, own);
  assert.not.ok("files" in (view.run(RUN_ID)?.pipeline.spec ?? {}), "the texts of files are not kept");
});

test("O-211: a run that is being deleted is not there any more", () => {
  const caches = fakes();
  const view = clusterView(caches as unknown as Caches, "ns");
  caches.pipelines.put(
    projectRun(raw(sampleRun(RUNNING, { deletionTimestamp: "2020-01-01T00:00:00Z" }).pipeline)) as never,
  );
  assert.is(view.run(RUN_ID), undefined);
  assert.equal(view.pipelines(), []);
});

test("pods are found by their owner's UID; labels alone make no pod ours", () => {
  const caches = fakes();
  const view = clusterView(caches as unknown as Caches, "ns");
  const owner = { apiVersion: "odin.io/v1", kind: "Pipeline", name: RUN_ID, uid: "uid-1", controller: true };
  const labels = { "app.kubernetes.io/managed-by": "odin", "odin.io/task": "sst2" };
  caches.pods.put(projectPod(raw({ metadata: meta("ours", { labels, ownerReferences: [owner] }) })));
  caches.pods.put(projectPod(raw({ metadata: meta("impostor", { labels }) })));
  assert.equal(
    view.podsOf("uid-1").map(({ metadata }) => metadata.name),
    ["ours"],
  );
  assert.is(view.pod("ours")?.task, "sst2");
  assert.is(view.pod("impostor"), undefined);
});

test("a pod has started when a container has; its log is that of main, else of the first container", () => {
  const pod = (status: object, spec: object = {}) => projectPod(raw({ metadata: meta("p"), spec, status }));
  assert.is(pod({ phase: "Pending", containerStatuses: [{ state: { waiting: {} } }] }).started, false);
  assert.is(pod({ phase: "Running", containerStatuses: [{ state: { running: {} } }] }).started, true);
  assert.is(pod({ phase: "Failed", containerStatuses: [{ state: { terminated: {} } }] }).ended, true);
  assert.equal([pod({}).scheduled, pod({}, { nodeName: "n" }).scheduled], [false, true]);
  assert.is(pod({}, { containers: [{ name: "istio" }, { name: "main" }] }).container, "main");
  assert.is(pod({}, { containers: [{ name: "pytorch" }] }).container, "pytorch");
});

test("changes name the run, and stop when nobody wants them", () => {
  const caches = fakes();
  const view = clusterView(caches as unknown as Caches, "ns");
  const seen: string[] = [];
  const stop = view.onChange((uid) => seen.push(uid));
  const pipeline = projectRun(raw(sampleRun(RUNNING).pipeline)) as never;
  caches.pipelines.put(pipeline);
  stop();
  caches.pipelines.put(pipeline);
  assert.equal(seen, ["uid-1"]);
});

test("an index follows objects from group to group and forgets empty groups", () => {
  const informer = new FakeInformer<{ metadata: ObjectMeta; group?: string }>();
  const index = new GroupIndex(informer, ({ group }) => group);
  informer.put({ metadata: meta("a"), group: "x" });
  informer.put({ metadata: meta("b"), group: "x" });
  informer.put({ metadata: meta("c") });
  informer.put({ metadata: meta("a"), group: "y" });
  assert.equal(
    index.of("x").map(({ metadata }) => metadata.name),
    ["b"],
  );
  assert.equal(
    index.of("y").map(({ metadata }) => metadata.name),
    ["a"],
  );
  informer.remove({ metadata: meta("a"), group: "y" });
  assert.equal(index.of("y"), []);
});

test.run();
