import { suite } from "uvu";
import * as assert from "uvu/assert";
import { projectPod } from "../../../../api/cache/pod.ts";
import { eventObjects } from "../../../../api/odin/event-objects.ts";
import { kindProblems } from "../../../../api/odin/kind-problems.ts";
import { logTargets } from "../../../../api/odin/log-source.ts";
import { findResource } from "../../../../api/odin/resource.ts";
import { deleteTaskObjects } from "../../../../api/odin/task-objects.ts";
import type { Task } from "../../../../crds/generated/types.ts";
import { objectName } from "../../../../crds/names.ts";
import type { KubeClient } from "../../../../kube/client.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { silentLogger } from "../../../../kube/logger.ts";
import type { KubeObject } from "../../../../kube/resource.ts";
import { RUN_ID, RUNNING, SampleView, samplePod, sampleRun } from "./sample.ts";

const test = suite("api kinds of tasks");
const TRAIN: Task = { name: "train", image: "i", command: ["c"], resourceType: "PyTorchJob", numWorkers: 2 };
const OBJECT = `${RUN_ID}--train`;

/** A run whose only task is a PyTorchJob that executes. */
function trainingView(object = OBJECT): SampleView {
  const record = { state: "executing", attempt: 1, pod: object, startTime: "2019-08-08T23:32:51Z" } as const;
  const run = sampleRun({ ...RUNNING, tasks: { train: record } });
  return new SampleView({ ...run, tasks: [TRAIN] });
}

const member = (role: string): ReturnType<typeof samplePod> =>
  samplePod("train", { name: `${OBJECT}-${role}`, createdAt: "2019-08-08T23:32:52Z" });

test("O-223: the logs of a task with several pods are those of its pods, not of its object", () => {
  const view = trainingView();
  const targets = (): string[] => {
    const found = findResource(view, OBJECT);
    return found === undefined ? [] : logTargets(view, found).map(({ name }) => name);
  };
  assert.equal(targets(), []);
  view.pods = [member("worker-0"), member("master-0")];
  assert.equal(targets(), [`${OBJECT}-master-0`, `${OBJECT}-worker-0`]);
  const one = findResource(view, `${OBJECT}-worker-0`);
  assert.ok(one);
  assert.equal(
    logTargets(view, one).map(({ name }) => name),
    [`${OBJECT}-worker-0`],
  );
});

test("O-222: the events of a task are those of its object and of its pods", () => {
  const view = trainingView();
  view.pods = [member("master-0")];
  const objects = (id: string): string[] => {
    const found = findResource(view, id);
    return found === undefined ? [] : eventObjects(view, found);
  };
  assert.equal(objects(OBJECT), [OBJECT, `${OBJECT}-master-0`]);
  assert.equal(objects(RUN_ID), [OBJECT, `${OBJECT}-master-0`]);
  assert.equal(objects(`${OBJECT}-master-0`), [`${OBJECT}-master-0`]);
});

test("O-220: an object whose name had to differ from its task's id is found by it", () => {
  const name = objectName("3.dots", TRAIN, 1);
  const view = trainingView(name);
  assert.is(findResource(view, name)?.task?.name, "train");
  assert.is(findResource(view, "t3-dots--train-00000000"), undefined);
});

test("O-220, O-223: a pod belongs to a run if a controller made it for an object of the run", () => {
  const raw = (owner: string): KubeObject => ({
    metadata: {
      name: `${owner}-x`,
      namespace: "ns",
      uid: "u",
      resourceVersion: "1",
      annotations: {
        "odin.io/task": "train",
        "odin.io/pipeline": RUN_ID,
        "odin.io/pipeline-uid": "uid-1",
        "odin.io/object": OBJECT,
      },
      ownerReferences: [{ apiVersion: "x/v1", kind: "X", name: owner, uid: "o", controller: true }],
    },
    ...{ spec: { containers: [{ name: "sidecar" }, { name: "pytorch" }] } },
  });
  const pod = projectPod(raw(OBJECT));
  assert.equal([pod.runUid, pod.runName, pod.task, pod.container], ["uid-1", RUN_ID, "train", "pytorch"]);
  assert.is(projectPod(raw(`${OBJECT}-launcher`)).runUid, "uid-1");
  assert.is(projectPod(raw("somebody-else")).runUid, undefined);
});

/** An API server that serves these groups and versions with these resources. */
function server(served: Record<string, string[]>, objects: Record<string, object> = {}) {
  const deleted: string[] = [];
  const client = {
    async get(path: string): Promise<unknown> {
      if (path === "/apis") {
        const groups = Object.keys(served).map((name) => name.split("/"));
        return { groups: groups.map(([name, version]) => ({ name, versions: [{ version }] })) };
      }
      const plurals = served[path.slice("/apis/".length)];
      if (plurals !== undefined) return { resources: plurals.map((name) => ({ name })) };
      const object = objects[path];
      if (object !== undefined) return object;
      throw new KubeError({ code: 404, reason: "NotFound", category: "notFound", message: path });
    },
    async delete(path: string): Promise<unknown> {
      deleted.push(path);
      return {};
    },
  };
  return { client: client as unknown as KubeClient, deleted };
}

test("O-173, O-174: a task of a kind that the cluster does not serve is a problem that names what to install", async () => {
  const task = (name: string, resourceType: NonNullable<Task["resourceType"]>): Task => ({
    ...TRAIN,
    name,
    resourceType,
  });
  const tasks = [
    task("a", "Pod"),
    task("b", "Job"),
    task("c", "PyTorchJob"),
    task("d", "MPIJob"),
    task("e", "ElasticJob"),
  ];
  const none = await kindProblems(server({}), tasks);
  assert.equal(
    none.map(({ path }) => path),
    ["tasks[2].resourceType", "tasks[3].resourceType", "tasks[4].resourceType"],
  );
  assert.match(none[0]?.detail ?? "", /does not serve PyTorchJob; install the Kubeflow training operator/);
  // With one of the forms of a kind the kind is there.
  assert.equal(await kindProblems(server({ "kubeflow.org/v1": ["pytorchjobs", "mpijobs"] }), tasks), []);
  const some = await kindProblems(server({ "kubeflow.org/v2beta1": ["mpijobs"] }), tasks);
  assert.equal(
    some.map((problem) => problem.task),
    ["c", "e"],
  );
});

test("O-210: a clean-up deletes the objects that the run owns, whatever they were made as, and nobody else's", async () => {
  const path = (version: string, name: string): string => `/apis/kubeflow.org/${version}/namespaces/ns/mpijobs/${name}`;
  const object = (name: string, owner: string): object => ({
    metadata: { name, uid: `uid-${name}`, ownerReferences: [{ uid: owner, controller: true }] },
  });
  const { pipeline } = sampleRun({ ...RUNNING, tasks: { train: { state: "executed", attempt: 2 } } });
  const ours = path("v1", `${OBJECT}-r1`);
  const { client, deleted } = server(
    {},
    { [path("v1", OBJECT)]: object(OBJECT, "another run"), [ours]: object(`${OBJECT}-r1`, pipeline.metadata.uid) },
  );
  const deleter = { client, namespace: "ns", logger: silentLogger };
  assert.is(await deleteTaskObjects(deleter, pipeline, { ...TRAIN, resourceType: "MPIJob" }), true);
  assert.equal(deleted, [ours]);
  assert.is(await deleteTaskObjects(deleter, pipeline, TRAIN), false);
});
test.run();
