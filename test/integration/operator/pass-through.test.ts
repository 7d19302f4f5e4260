import { suite } from "uvu";
import * as assert from "uvu/assert";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { untilPodsTaken } from "../../support/pod-admission.ts";
import { Stage, task } from "./stage.ts";

const passed = suite("what is passed through to pods");
let stage: Stage;
passed.before(async () => {
  stage = await Stage.open();
});
passed.after(async () => {
  await kubectl("delete", "priorityclass", `batch-${stage?.namespace}`, "--ignore-not-found");
  await stage?.close();
});

passed("a PriorityClass, an affinity, labels and defaults reach the pod", async () => {
  const priorityClassName = `batch-${stage.namespace}`;
  await kubectlApply("default", {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name: priorityClassName },
    value: 1234,
  });
  await untilPodsTaken(stage.namespace, { priorityClassName });
  const affinity = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: "pool", operator: "In", values: ["gpu"] }] }],
      },
    },
  };
  await stage.create("placed", {
    taskDefaults: {
      priorityClassName,
      labels: { "kueue.x-k8s.io/queue-name": "research" },
      annotations: { note: "all" },
    },
    tasks: [task("a", { affinity, schedulerName: "other", annotations: { note: "own" } })],
  });
  const pod = await stage.pod("placed", "a");
  const spec = pod.spec as unknown as Record<string, unknown>;
  assert.is(spec.priority, 1234);
  assert.is(spec.schedulerName, "other");
  assert.equal(spec.affinity, affinity);
  assert.is(pod.metadata.labels?.["kueue.x-k8s.io/queue-name"], "research");
  assert.is(pod.metadata.annotations?.note, "own");
  assert.is(pod.metadata.labels?.["odin.io/task"], "a");
});

passed("O-184: a PriorityClass that is not there fails the task, and its name is told", async () => {
  await stage.create("nobody", { tasks: [task("a", { priorityClassName: "nobody-has-it" })] });
  const { status } = await stage.untilPhase("nobody", "TERMINATED");
  assert.is(status?.tasks?.a?.reason, "AdmissionDenied");
  assert.match(status?.message ?? "", /no PriorityClass with name nobody-has-it was found/);
  assert.match(await kubectl("get", "pipeline", "nobody", "-n", stage.namespace, "-o", "wide"), "nobody-has-it");
});

passed("O-184: an affinity that is no affinity fails the task with the field's name", async () => {
  await stage.create("crooked", {
    tasks: [
      task("a", {
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
      }),
    ],
  });
  const { status } = await stage.untilPhase("crooked", "TERMINATED");
  assert.is(status?.tasks?.a?.reason, "PodInvalid");
  assert.match(status?.message ?? "", "nodeSelectorTerms");
});

passed("labels of odin's own end the run before anything starts", async () => {
  await stage.create("own", { taskDefaults: { labels: { "odin.io/task": "other" } }, tasks: [task("a")] });
  const { status } = await stage.untilPhase("own", "TERMINATED");
  assert.is(status?.reason, "Invalid");
  assert.match(status?.message ?? "", "odin.io/task is set by odin");
});

passed("F-32: what is passed through cannot be changed in a run, not even inside of an affinity", async () => {
  const affinity = (values: string): object => ({
    podAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { topologyKey: values } }],
    },
  });
  await stage.create("fixed", {
    suspend: true,
    taskDefaults: { affinity: affinity("a") },
    tasks: [task("a", { affinity: affinity("a") })],
  });
  for (const change of [
    { taskDefaults: { affinity: affinity("b") } },
    { tasks: [task("a", { affinity: affinity("b") })] },
  ]) {
    try {
      await stage.control("fixed", change);
      assert.unreachable("it was accepted");
    } catch (error) {
      assert.match(String(error), "a Pipeline is one run and cannot be changed");
    }
  }
});

const refused: [string, string, RegExp][] = [
  ["a bad name of a PriorityClass", "priorityClassName: Not_A_Name", /priorityClassName.*should match/],
  ["a bad value of a label", "labels: {a: 'not one'}", /labels\.a.*should match/],
  [
    "an unknown part of an affinity",
    "affinity: {catAffinity: {}}",
    /unknown field "spec\.tasks\[0\]\.affinity\.catAffinity"/,
  ],
];
for (const [what, field, message] of refused) {
  passed(`admission refuses ${what} in words`, async () => {
    try {
      await kubectlApply(
        stage.namespace,
        `apiVersion: odin.io/v1\nkind: Pipeline\nmetadata: {name: bad}\nspec:\n  tasks: [{name: a, image: i, command: [c], ${field}}]\n`,
      );
      assert.unreachable("it was accepted");
    } catch (error) {
      assert.match(String(error), message);
    }
  });
}
passed.run();
