import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { MAX_TASKS } from "../../../crds/limits.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { untilPodsRefused } from "../../support/pod-admission.ts";
import { Stage, task } from "./stage.ts";

const refusals = suite("refusals and waiting");
let stage: Stage;
refusals.before(async () => {
  stage = await Stage.open();
});
refusals.after(async () => {
  await kubectl(
    "delete",
    "validatingadmissionpolicy,validatingadmissionpolicybinding",
    `deny-${stage?.namespace}`,
    "--ignore-not-found",
  );
  await stage?.close();
});

refusals("O-126: a cycle ends the run with the names of its tasks", async () => {
  await stage.create("cycle", { tasks: [task("a", { depends: ["b"] }), task("b", { depends: ["a"] })] });
  const ended = await stage.untilPhase("cycle", "TERMINATED");
  assert.is(ended.status?.reason, "Invalid");
  assert.match(ended.status?.message ?? "", "a -> b -> a");
  assert.match(await kubectl("get", "pipeline", "cycle", "-n", stage.namespace), "TERMINATED");
});

refusals("O-150: a bad variable ends the run with task and argument", async () => {
  await stage.create("variable", { tasks: [task("a", { args: ["ok", "$NOPE"] })] });
  const ended = await stage.untilPhase("variable", "TERMINATED");
  assert.match(ended.status?.message ?? "", /task a \(tasks\[0\]\.args\[1\]\): unknown variable \$NOPE/);
});

const refused: [string, string, RegExp][] = [
  [
    "an unknown dependency",
    "tasks: [{name: a, image: i, command: [c]}, {name: b, image: i, command: [c], depends: [a, zz]}]",
    /spec\.tasks: Invalid value: .*spec\.tasks\[1\]\.depends: there is no task "zz" for task "b" to depend on/,
  ],
  [
    "a task that depends on itself",
    "tasks: [{name: a, image: i, command: [c]}, {name: b, image: i, command: [c], depends: [b]}]",
    /spec\.tasks: Invalid value: .*spec\.tasks\[1\]\.depends: task "b" must not depend on itself/,
  ],
  [
    "a duplicate name",
    "tasks: [{name: a, image: i, command: [c]}, {name: a, image: i, command: [c]}]",
    /key a already exists.*spec\.tasks: two tasks must not have the same name/,
  ],
  ["a bad name", "tasks: [{name: A_b, image: i, command: [c]}]", /tasks\[0\]\.name.*should match/],
  [
    "an unknown field",
    "tasks: [{name: a, image: i, command: [c], retry: 3}]",
    /unknown field "spec\.tasks\[0\]\.retry"/,
  ],
  ["a file outside the directory", 'tasks: []\n  files: {"../x": "text"}', /one path segment/],
  ["both a job and tasks", "job: x\n  tasks: []", /exactly one of spec.job and spec.tasks/],
  ["neither", "suspend: true", /exactly one of spec.job and spec.tasks/],
];
const refusedOfJobs: typeof refused = [
  ["an unknown dependency", "tasks: [{name: b, image: i, command: [c], depends: [zz]}]", /spec\.tasks\[0\].*"zz"/],
  [
    "a duplicate name",
    "tasks: [{name: a, image: i, command: [c]}, {name: a, image: i, command: [c]}]",
    /Duplicate value/,
  ],
];
for (const [kind, what, spec, message] of [
  ...refused.map((one) => ["Pipeline", ...one] as const),
  ...refusedOfJobs.map((one) => ["Job", ...one] as const),
]) {
  refusals(`admission refuses ${what} of a ${kind} in words`, async () => {
    try {
      await kubectlApply(
        stage.namespace,
        `apiVersion: odin.io/v1\nkind: ${kind}\nmetadata: {name: bad}\nspec:\n  ${spec}\n`,
      );
      assert.unreachable("it was accepted");
    } catch (error) {
      assert.match(String(error), message);
      assert.not.match(String(error), /no such key/);
    }
  });
}

refusals("a wrong name is told with its place in the largest graph that is let in", async () => {
  const names = Array.from({ length: MAX_TASKS }, (_, i) => `t${i}`);
  const tasks = names.map((name, i) => task(name, { depends: names.slice(Math.max(0, i - 40), i) }));
  tasks[MAX_TASKS - 1] = task("last", { depends: [...names.slice(0, 40), "zz"] });
  const body = { apiVersion: API_VERSION, kind: "Pipeline", metadata: { name: "wide" }, spec: { tasks } };
  const ask = (): Promise<string> =>
    stage.client
      .create(collectionPath(PIPELINE, stage.namespace), body, { timeoutMs: 60_000 })
      .then(() => "it was accepted", String);
  // 80,000 edges are checked by rules in CEL. A loaded machine may not get through in the time that the API server has for it, and that is no answer.
  const said = await until(ask, 300_000, {
    describe: "the API server answers",
    accept: (answer) => !answer.includes("request did not complete within requested timeout"),
  });
  assert.match(said, /spec\.tasks\[1999\]\.depends: there is no task "zz" for task "last"/);
});

refusals("a spec of 3 MiB is refused, whatever way it comes", async () => {
  const tasks = Array.from({ length: 50 }, (_, i) => task(`t${i}`, { args: ["x".repeat(65_000)] }));
  try {
    await stage.create("huge", { tasks });
    assert.unreachable("it was accepted");
  } catch (error) {
    assert.match(String(error), /too large|larger than max/i);
  }
});

refusals("F-32: what is run cannot be changed afterwards", async () => {
  await stage.create("fixed", { tasks: [task("a")] });
  try {
    await stage.control("fixed", { tasks: [task("a", { image: "other:1" })] });
    assert.unreachable("it was changed");
  } catch (error) {
    assert.match(String(error), "a Pipeline is one run and cannot be changed");
  }
});

refusals("F-32: a change of the status does not carry one of the tasks past the rules", async () => {
  await stage.create("smuggled", { tasks: [task("a")] });
  const run = await stage.untilRun("smuggled", "has a status", ({ status }) => status?.writes !== undefined);
  const changed: Pipeline = {
    ...run,
    spec: { ...run.spec, tasks: [task("a", { image: "other:1" })] },
    status: { ...run.status, writes: (run.status?.writes ?? 0) + 7 },
  };
  const path = objectPath(PIPELINE, stage.namespace, "smuggled");
  const { resourceVersion: _, ...metadata } = run.metadata;
  try {
    await stage.client.patch(path, "merge", { metadata, spec: changed.spec, status: changed.status });
    assert.unreachable("it was changed");
  } catch (error) {
    assert.match(String(error), "a Pipeline is one run and cannot be changed");
  }
  const body = { spec: changed.spec, status: changed.status };
  const after = await stage.client.patch<Pipeline>(`${path}/status`, "merge", body);
  assert.is(after.spec.tasks?.[0]?.image, "image:1");
});

refusals("F-12: quota holds a task back, says so, and lets it go when something ends", async () => {
  await kubectlApply(stage.namespace, {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "pods" },
    spec: { hard: { "count/pods": "0" } },
  });
  await untilPodsRefused(stage.namespace, "exceeded quota: pods");
  await stage.create("quota", { tasks: [task("a")] });
  const waiting = await stage.untilRun("quota", "waits for quota", (run) => run.status?.reason === "a: QuotaExceeded");
  assert.is(waiting.status?.phase, "RUNNING");
  assert.match(waiting.status?.tasks?.a?.message ?? "", /quota: .*exceeded quota: pods/);
  await kubectl("delete", "resourcequota", "pods", "-n", stage.namespace);
  await stage.succeed("quota", "a");
  await stage.untilPhase("quota", "DONE");
});

refusals("an account for pods that is not there yet, as in a new namespace, is waited for", async () => {
  const other = await Stage.open({ serviceAccount: "later" });
  try {
    await other.create("early", { tasks: [task("a")] });
    const waiting = await other.untilRun("early", "waits", (run) => run.status?.reason === "a: ApiUnavailable");
    assert.match(waiting.status?.tasks?.a?.message ?? "", /"later" not found/);
    await kubectl("create", "serviceaccount", "later", "-n", other.namespace);
    await other.succeed("early", "a");
    await other.untilPhase("early", "DONE");
  } finally {
    await other.close();
  }
});

refusals("F-11: a foreign pod of the name is a failure that names it", async () => {
  await kubectlApply(stage.namespace, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "collision--a" },
    spec: { containers: [{ name: "c", image: "i" }] },
  });
  await stage.create("collision", { tasks: [task("a")] });
  const ended = await stage.untilPhase("collision", "TERMINATED");
  assert.is(ended.status?.tasks?.a?.reason, "NameCollision");
  assert.match(ended.status?.message ?? "", "collision--a");
});

refusals("F-15: a pod that the server calls invalid fails the task with the server's words", async () => {
  await stage.create("invalid", { tasks: [task("a", { nodeSelector: { "not a label!": "x" } })] });
  const ended = await stage.untilPhase("invalid", "TERMINATED");
  assert.is(ended.status?.tasks?.a?.reason, "PodInvalid");
});

refusals("F-14: an admission policy's refusal fails the task with the policy's words", async () => {
  const name = `deny-${stage.namespace}`;
  await kubectlApply(
    undefined,
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name },
      spec: {
        matchConstraints: {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": stage.namespace } },
          resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
        },
        validations: [
          {
            expression: "!object.spec.containers.exists(c, c.image == 'forbidden:1')",
            message: "this image is not for you",
          },
        ],
      },
    },
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name },
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  );
  let attempt = 0;
  // A new policy takes a moment to reach the admission chain; until then the pod is let in.
  const ended = await until(
    async () => {
      attempt += 1;
      await stage.create(`denied-${attempt}`, { tasks: [task("a", { image: "forbidden:1" })] });
      return await stage.untilRun(
        `denied-${attempt}`,
        "has been taken up",
        (run) => run.status?.tasks?.a?.reason !== undefined || run.status?.tasks?.a?.pod !== undefined,
      );
    },
    120_000,
    { describe: "the policy refuses the pod", accept: (run) => run.status?.tasks?.a?.reason === "AdmissionDenied" },
  );
  assert.match(ended.status?.tasks?.a?.message ?? "", "this image is not for you");
});

refusals("O-147: only Secrets meant for tasks may be mounted", async () => {
  await kubectl("create", "secret", "generic", "private", "-n", stage.namespace, "--from-literal=a=b");
  await kubectl("create", "secret", "generic", "open", "-n", stage.namespace, "--from-literal=a=b");
  await kubectl("label", "secret", "open", "-n", stage.namespace, "odin.io/mountable=true");
  await kubectlApply(stage.namespace, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "user", labels: { "odin.io/mountable": "true" } },
    type: "odin.io/user",
    stringData: { a: "b" },
  });
  for (const name of ["private", "user", "missing"]) {
    await stage.create(`secret-${name}`, { tasks: [task("a", { secrets: [{ name, path: "/s" }] })] });
    const ended = await stage.untilPhase(`secret-${name}`, "TERMINATED");
    assert.match(ended.status?.message ?? "", new RegExp(`task a: Secret ${name} is not there or may not be mounted`));
  }
  await stage.create("secret-open", {
    tasks: [
      task("a", {
        secrets: [
          { name: "open", path: "/s" },
          { name: "odin-cred", path: "/t" },
        ],
      }),
    ],
  });
  await stage.succeed("secret-open", "a");
  await stage.untilPhase("secret-open", "DONE");
});

refusals("O-185: a pod that waits says why", async () => {
  await stage.create("waiting", { tasks: [task("a")] });
  const waiting = {
    name: "main",
    image: "i",
    imageID: "",
    ready: false,
    restartCount: 0,
    state: { waiting: { reason: "ErrImagePull", message: "no such image" } },
  };
  await stage.setPodStatus("waiting", "a", { phase: "Pending", containerStatuses: [waiting] });
  const run = await stage.untilRun(
    "waiting",
    "tells the image's trouble",
    (current) => current.status?.reason === "a: ImagePullBackOff",
  );
  assert.is(run.status?.tasks?.a?.message, "ImagePullBackOff: no such image");
  await stage.startPod("waiting", "a");
  await stage.succeed("waiting", "a");
  const done = await stage.untilPhase("waiting", "DONE");
  assert.is(done.status?.tasks?.a?.reason, undefined);
});
refusals.run();
