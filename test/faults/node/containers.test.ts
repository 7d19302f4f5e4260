// timeout: 900, on demand
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Task } from "../../../crds/generated/types.ts";
import { POD } from "../../../kube/core-resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import type { Ground } from "../ground.ts";
import { faultCase } from "../row.ts";

const containers = suite("containers on a real node");
const REAL = { realNode: true };
const WAIT_MS = 120_000;

function script(name: string, text: string, more: Partial<Task> = {}): Task {
  return { name, image: "python:3.11-slim", command: ["sh", "-c", text], ...more };
}

async function untilRunning(ground: Ground, pod: string): Promise<void> {
  const look = async () => (await ground.untilPod(pod)).status?.phase;
  await until(look, WAIT_MS, { describe: `${pod} runs`, accept: (phase) => phase === "Running", everyMs: 200 });
}

faultCase(
  containers,
  "F-18",
  "a running container's pod is deleted",
  async (ground) => {
    await ground.start();
    await ground.create("run", [script("a", 'test "$(hostname)" = run--a-r1 || exec sleep 3600')]);
    await untilRunning(ground, "run--a");
    await kubectl("delete", "pod", "run--a", "-n", ground.namespace, "--grace-period=1");
    const { status } = await ground.untilEnded("run", "DONE", WAIT_MS);
    assert.is(status?.tasks?.a?.pod, "run--a-r1");
  },
  REAL,
);

faultCase(
  containers,
  "F-19",
  "a pod is evicted through the Eviction API",
  async (ground) => {
    await ground.start();
    const terminationGrace = script(
      "a",
      'test "$(hostname)" = run--a-r1 || { trap "exit 1" TERM; sleep 3600 & wait; }',
    );
    await ground.create("run", [terminationGrace]);
    await untilRunning(ground, "run--a");
    await ground.client.create(`${objectPath(POD, ground.namespace, "run--a")}/eviction`, {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: "run--a", namespace: ground.namespace },
    });
    const { status } = await ground.untilEnded("run", "DONE", WAIT_MS);
    assert.is(status?.tasks?.a?.pod, "run--a-r1");
    assert.is(status?.tasks?.a?.attempt, 2);
  },
  REAL,
);

faultCase(
  containers,
  "F-21",
  "an image that nobody has waits, with its reason in kubectl get, and for no longer than it may",
  async (ground) => {
    ground.allowance.writes = 8;
    await ground.start();
    await ground.create("run", [script("a", "true", { image: "does.not.exist/nope:1", pendingTimeout: 20 })]);
    await ground.untilRun("run", "tells why", ({ status }) => status?.reason === "a: ImagePullBackOff");
    assert.match(await kubectl("get", "pipeline", "run", "-n", ground.namespace), /a: ImagePullBackOff/);
    const { status } = await ground.untilEnded("run", "TERMINATED", WAIT_MS);
    assert.match(status?.message ?? "", /ImagePullBackOff|image/i);
  },
  REAL,
);

faultCase(
  containers,
  "F-21",
  "an image name that is none, an image that may not be pulled and a missing Secret fail by themselves",
  async (ground) => {
    ground.allowance.writes = 12;
    await ground.start();
    await ground.create("name", [script("a", "true", { image: "Not A Name!" })]);
    await ground.create("never", [script("a", "true", { image: "odin.test/never:1", pullPolicy: "Never" })]);
    for (const run of ["name", "never"]) {
      const { status } = await ground.untilEnded(run, "TERMINATED", WAIT_MS);
      assert.match(status?.tasks?.a?.reason ?? "", /InvalidImageName|ErrImageNeverPull|PodInvalid/, run);
    }
  },
  REAL,
);

faultCase(
  containers,
  "F-22",
  "a task that wants more GPUs than there are",
  async (ground) => {
    ground.allowance.writes = 8;
    await ground.start();
    await ground.create("run", [script("a", "true", { numGpus: 64 })]);
    const run = await ground.untilRun("run", "is told", ({ status }) => status?.reason === "a: Unschedulable");
    assert.match(run.status?.message ?? "", /Insufficient nvidia\.com\/gpu/);
    const told = (run.status?.events ?? []).filter(({ reason }) => reason === "FailedScheduling");
    assert.is(told.length, 1, JSON.stringify(run.status?.events));
    await ground.patch("run", { cancel: true });
    await ground.untilEnded("run", "TERMINATED");
  },
  REAL,
);

faultCase(
  containers,
  "F-23",
  "out of memory, an exit code and a signal",
  async (ground) => {
    await ground.start();
    const memory = { limits: "32Mi" };
    await ground.create("run", [
      script("memory", 'exec python3 -c "x = bytearray(300 * 1024 * 1024); print(len(x))"', { memory }),
      script("code", "exit 3"),
      // A process that is the first of its container can only be killed so, or from outside.
      script("signal", 'exec python3 -c "import ctypes; ctypes.string_at(0)"'),
    ]);
    const { status } = await ground.untilRun(
      "run",
      "all have ended",
      (run) => run.status?.completionTime !== undefined,
      WAIT_MS,
    );
    const reasons = ["memory", "code", "signal"].map((name) => status?.tasks?.[name]?.reason);
    assert.is(reasons[0], "OOMKilled");
    assert.is(status?.tasks?.code?.exitCode, 3);
    assert.is(status?.tasks?.signal?.exitCode, 139);
    assert.is(new Set(reasons).size, 3, `three reasons: ${reasons.join(", ")}`);
  },
  REAL,
);

faultCase(
  containers,
  "F-24",
  "something that never ends is put beside the task by an admission policy",
  async (ground) => {
    const name = `inject-${ground.namespace}`;
    const api = "admissionregistration.k8s.io/v1";
    const sidecar = 'Object.spec.containers{name: "mesh", image: "python:3.11-slim", command: ["sleep", "3600"]}';
    const expression = `[JSONPatch{op: "add", path: "/spec/containers/-", value: ${sidecar}}]`;
    await kubectlApply(
      undefined,
      {
        apiVersion: api,
        kind: "MutatingAdmissionPolicy",
        metadata: { name },
        spec: {
          matchConstraints: {
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": ground.namespace } },
            resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
          },
          reinvocationPolicy: "Never",
          mutations: [{ patchType: "JSONPatch", jsonPatch: { expression } }],
        },
      },
      {
        apiVersion: api,
        kind: "MutatingAdmissionPolicyBinding",
        metadata: { name },
        spec: { policyName: name },
      },
    );
    try {
      const look = () =>
        kubectl("run", "probe", "--image=i", "-n", ground.namespace, "--dry-run=server", "-o", "jsonpath={..name}");
      await until(look, 60_000, { describe: "the policy is in force", accept: (names) => names.includes("mesh") });
      await ground.start();
      await ground.create("run", [script("a", "sleep 1"), script("b", "true", { depends: ["a"] })]);
      await ground.untilEnded("run", "DONE", WAIT_MS);
    } finally {
      await kubectl("delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", name);
    }
  },
  REAL,
);
containers.run();
