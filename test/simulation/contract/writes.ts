import * as assert from "uvu/assert";
import { JOB, PIPELINE } from "../../../crds/resources.ts";
import { CONFIG_MAP, POD } from "../../../kube/core-resources.ts";
import { LEASE } from "../../../kube/lease.ts";
import { collectionPath, type KubeObject, objectPath, type Resource } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { failing, type Ground, type Promised, WAIT_MS, words } from "./ground.ts";

type Loose = KubeObject & Record<string, unknown>;

const collection = (resource: Resource, { namespace }: Ground) => collectionPath(resource, namespace);
const place = (resource: Resource, { namespace }: Ground, name: string, sub?: string) =>
  objectPath(resource, namespace, name, sub);

/** A pod as small as the server takes one. */
export function pod(name: string, more: Record<string, unknown> = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...(more.metadata as object) },
    spec: { containers: [{ name: "main", image: "image:1" }], ...(more.spec as object) },
  };
}

/** A run of one task. */
export function pipeline(name: string, spec: Record<string, unknown> = {}): object {
  const tasks = [{ name: "a", image: "image:1", command: ["run"] }];
  return { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec: { tasks, ...spec } };
}

export function configMap(name: string, metadata: Record<string, unknown> = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data: { a: "1" } };
}

/** Creates a pod, once the namespace has what pods need. */
export async function createPod(ground: Ground, body: object): Promise<Loose> {
  const path = collection(POD, ground);
  return await until(() => ground.client.create<Loose>(path, body), WAIT_MS, { describe: "a pod can be created" });
}

const UID = "11111111-2222-4333-8444-555555555555";

/** Conflicts, preconditions, patches and what is stored of what was sent. */
export const WRITES: readonly Promised[] = [
  {
    title: "a second create is refused with AlreadyExists, which names the object",
    async check(ground) {
      const { client } = ground;
      await client.create(collection(PIPELINE, ground), pipeline("twice"));
      const error = await failing(client.create(collection(PIPELINE, ground), pipeline("twice")), "alreadyExists");
      assert.is(error.code, 409);
      assert.is(error.reason, "AlreadyExists");
      assert.is(words(error), 'pipelines.odin.io "twice" already exists');
      assert.equal(error.statusDetails, { name: "twice", group: "odin.io", kind: "pipelines" });
      await createPod(ground, pod("twice"));
      const second = await failing(client.create(collection(POD, ground), pod("twice")), "alreadyExists");
      assert.is(words(second), 'pods "twice" already exists');
      assert.equal(second.statusDetails, { name: "twice", kind: "pods" });
    },
  },
  {
    title: "what is not there is NotFound, for every verb, and so is a resource that is not served",
    async check(ground) {
      const { client } = ground;
      const error = await failing(client.get(place(PIPELINE, ground, "nobody")), "notFound");
      assert.is(words(error), 'pipelines.odin.io "nobody" not found');
      await failing(client.delete(place(POD, ground, "nobody")), "notFound");
      await failing(client.patch(place(PIPELINE, ground, "nobody", "status"), "merge", { status: {} }), "notFound");
      const unserved = { ...PIPELINE, group: "nowhere.example" };
      assert.is((await failing(client.listAll(collection(unserved, ground)), "notFound")).code, 404);
    },
  },
  {
    title: "a replacement of an older version is a conflict",
    async check(ground) {
      const { client } = ground;
      const old = await client.create<Loose>(collection(LEASE, ground), leaseBody("old-version"));
      await client.replace(place(LEASE, ground, "old-version"), { ...old, spec: { holderIdentity: "b" } });
      const error = await failing(
        client.replace(place(LEASE, ground, "old-version"), { ...old, spec: {} }),
        "conflict",
      );
      assert.is(error.code, 409);
      assert.match(words(error), /the object has been modified; please apply your changes to the latest version/);
    },
  },
  {
    title: "a replacement without a version is invalid for our kinds, and taken for config maps",
    async check(ground) {
      const { client } = ground;
      await client.create(collection(PIPELINE, ground), pipeline("versionless"));
      const error = await failing(
        client.replace(place(PIPELINE, ground, "versionless"), pipeline("versionless")),
        "invalid",
      );
      assert.match(words(error), /metadata.resourceVersion: Invalid value: .*: must be specified for an update/);
      await client.create(collection(CONFIG_MAP, ground), configMap("versionless"));
      await client.replace(place(CONFIG_MAP, ground, "versionless"), configMap("versionless", { labels: { a: "b" } }));
    },
  },
  {
    title: "a JSON Patch that replaces the version is taken on that version and a conflict on an older one",
    async check(ground) {
      const { client } = ground;
      const run = await client.create<Loose>(collection(PIPELINE, ground), pipeline("patched"));
      const steps = (resourceVersion: string, op: string, value: unknown) => [
        { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
        { op, path: "/status", value },
      ];
      const path = place(PIPELINE, ground, "patched", "status");
      const first = await client.patch<Loose>(
        path,
        "json",
        steps(run.metadata.resourceVersion, "add", { phase: "RUNNING" }),
      );
      assert.equal(first.status, { phase: "RUNNING" });
      assert.is.not(first.metadata.resourceVersion, run.metadata.resourceVersion);
      const error = await failing(
        client.patch(path, "json", steps(run.metadata.resourceVersion, "replace", { phase: "DONE" })),
        "conflict",
      );
      assert.is(error.code, 409);
    },
  },
  {
    title: "a JSON Patch that does not fit is refused with 422 and no reason to find out more by",
    async check(ground) {
      const { client } = ground;
      await client.create(collection(PIPELINE, ground), pipeline("unfit"));
      const path = place(PIPELINE, ground, "unfit", "status");
      for (const step of [
        { op: "replace", path: "/status/phase", value: "DONE" },
        { op: "remove", path: "/status/tasks" },
        { op: "add", path: "/status/tasks/a/state", value: "waiting" },
      ]) {
        const error = await failing(client.patch(path, "json", [step]), "conflict");
        assert.is(error.code, 422);
        assert.is(error.reason, "PatchDoesNotApply");
      }
      const test = [{ op: "test", path: "/metadata/name", value: "other" }];
      assert.is((await failing(client.patch(path, "json", test), "conflict")).code, 422);
    },
  },
  {
    title: "lists are patched by index and at their end",
    async check(ground) {
      const { client } = ground;
      await client.create(collection(PIPELINE, ground), pipeline("ring"));
      const path = place(PIPELINE, ground, "ring", "status");
      const event = (id: string) => ({ id, type: "Normal", reason: "R", message: "m", time: "2026-01-01T00:00:00Z" });
      await client.patch(path, "merge", { status: { events: [event("a"), event("b")] } });
      const { status } = await client.patch<Loose>(path, "json", [
        { op: "remove", path: "/status/events/0" },
        { op: "add", path: "/status/events/-", value: event("c") },
        { op: "replace", path: "/status/events/0/reason", value: "S" },
      ]);
      const events = (status as { events: { id: string; reason: string }[] }).events;
      assert.equal(
        events.map(({ id, reason }) => id + reason),
        ["bS", "cR"],
      );
    },
  },
  {
    title: "a replacement with another UID is a conflict, a patch with one is invalid",
    async check(ground) {
      const { client } = ground;
      const made = await client.create<Loose>(collection(PIPELINE, ground), pipeline("other-uid"));
      const path = place(PIPELINE, ground, "other-uid");
      const patch = client.patch(path, "merge", { metadata: { uid: UID }, spec: { suspend: true } });
      assert.match(words(await failing(patch, "invalid")), /metadata.uid: Invalid value: .*: field is immutable/);
      const replacement = client.replace(path, { ...made, metadata: { ...made.metadata, uid: UID } });
      const error = await failing(replacement, "conflict");
      assert.match(words(error), /Precondition failed: UID in precondition: 11111111/);
    },
  },
  {
    title: "an answer is metadata alone where that is asked for",
    async check(ground) {
      const { client } = ground;
      await client.create(collection(PIPELINE, ground), pipeline("brief"));
      const path = place(PIPELINE, ground, "brief", "status");
      const body = { status: { phase: "RUNNING" } };
      const answer = await client.patch<Loose>(path, "merge", body, { answer: "metadata" });
      assert.equal([answer.kind, answer.metadata.name, answer.status], ["PartialObjectMetadata", "brief", undefined]);
      const { metadata, status } = await client.get<Loose>(place(PIPELINE, ground, "brief"));
      assert.equal([metadata.resourceVersion, status], [answer.metadata.resourceVersion, { phase: "RUNNING" }]);
    },
  },
  {
    title: "answers say the server's time in their head",
    async check({ client }) {
      await client.get("/apis");
      const aheadMs = client.clock.nowMs() - Date.now();
      assert.ok(Math.abs(aheadMs) < 5_000, `the clocks of one machine differ by ${aheadMs} ms`);
    },
  },
  {
    title: "a write that changes nothing keeps the version",
    async check(ground) {
      const { client } = ground;
      const run = await client.create<Loose>(collection(PIPELINE, ground), pipeline("same"));
      const again = await client.patch<Loose>(place(PIPELINE, ground, "same"), "merge", {
        spec: { tasks: run.spec && (run.spec as Loose).tasks },
      });
      assert.is(again.metadata.resourceVersion, run.metadata.resourceVersion);
    },
  },
  {
    title: "status and the rest are written apart, and the generation counts the spec's changes",
    async check(ground) {
      const { client } = ground;
      const made = await client.create<Loose>(collection(PIPELINE, ground), {
        ...pipeline("apart"),
        status: { phase: "DONE" },
      });
      assert.is(made.status, undefined);
      assert.is(made.metadata.generation, 1);
      const both = { metadata: { labels: { a: "b" } }, spec: { suspend: true }, status: { phase: "RUNNING" } };
      const status = await client.patch<Loose>(place(PIPELINE, ground, "apart", "status"), "merge", both);
      assert.equal(
        [status.status, status.metadata.labels, (status.spec as Loose).suspend],
        [{ phase: "RUNNING" }, undefined, undefined],
      );
      assert.is(status.metadata.generation, 1);
      const main = await client.patch<Loose>(place(PIPELINE, ground, "apart"), "merge", {
        ...both,
        status: { phase: "DONE" },
      });
      assert.equal(
        [main.status, main.metadata.labels, main.metadata.generation],
        [{ phase: "RUNNING" }, { a: "b" }, 2],
      );
      const label = { metadata: { labels: { a: "c" } } };
      assert.is((await client.patch<Loose>(place(PIPELINE, ground, "apart"), "merge", label)).metadata.generation, 2);
    },
  },
  {
    title: "what a definition does not know is dropped, and what it forbids is invalid",
    async check(ground) {
      const { client } = ground;
      await client.create(collection(PIPELINE, ground), pipeline("shape"));
      const path = place(PIPELINE, ground, "shape", "status");
      const tasks = { a: { state: "waiting", unheardOf: 1 } };
      const { status } = await client.patch<Loose>(path, "merge", { status: { phase: "RUNNING", tasks, more: true } });
      assert.equal(status, { phase: "RUNNING", tasks: { a: { state: "waiting" } } });
      for (const wrong of [
        { phase: "SLEEPING" },
        { tasks: { a: { state: "waiting", reason: "x".repeat(65) } } },
        { tasks: { b: { reason: "no state" } } },
        { eventCount: -1 },
        { eventCount: "one" },
      ])
        assert.is((await failing(client.patch(path, "merge", { status: wrong }), "invalid")).code, 422);
    },
  },
  {
    title: "a pod begins as Pending, whatever its maker says",
    async check(ground) {
      const made = await createPod(ground, { ...pod("begins"), status: { phase: "Running" } });
      assert.is((made.status as Loose).phase, "Pending");
      assert.is(made.metadata.deletionTimestamp, undefined);
    },
  },
  {
    title: "objects up to 1.4 MiB are stored; larger ones are refused in three ways, none to be tried again",
    async check(ground) {
      const { client } = ground;
      const sized = (name: string, mib: number) =>
        pipeline(name, { context: { text: "x".repeat(Math.round(mib * 1024 * 1024)) } });
      await client.create(collection(PIPELINE, ground), sized("size-large", 1.4));
      for (const [name, mib, code, said] of [
        ["size-etcd", 1.55, 500, /etcdserver: request is too large/],
        ["size-grpc", 2.5, 500, /ResourceExhausted .*larger than max .* vs\. 2097152/],
        ["size-server", 3.2, 413, /limit is 3145728/],
      ] as const) {
        const error = await failing(client.create(collection(PIPELINE, ground), sized(name, mib)), "tooLarge");
        assert.is(error.code, code);
        assert.match(error.message, said);
      }
      await client.delete(place(PIPELINE, ground, "size-large"));
    },
  },
  {
    title: "a Job of ours and one of Kubernetes live side by side under one name",
    async check(ground) {
      const { client } = ground;
      const tasks = [{ name: "a", image: "image:1", command: ["run"] }];
      await client.create(collection(JOB, ground), {
        apiVersion: "odin.io/v1",
        kind: "Job",
        metadata: { name: "both" },
        spec: { tasks },
      });
      const batch = { group: "batch", version: "v1", plural: "jobs", kind: "Job", namespaced: true };
      assert.equal(
        (await client.listAll<Loose>(collection(batch, ground))).items.map(({ metadata }) => metadata.name),
        [],
      );
      assert.equal(
        (await client.listAll<Loose>(collection(JOB, ground))).items.map(({ metadata }) => metadata.name),
        ["both"],
      );
    },
  },
];

function leaseBody(name: string): object {
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name }, spec: { holderIdentity: "a" } };
}
