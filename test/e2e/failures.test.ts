import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { until } from "../support/deadline.ts";
import { kubectl, kubectlApply, kubectlWithInput } from "../support/kubectl.ts";
import { type OdinProcess, operatorProcess } from "../support/odin-process.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const WAIT_MS = 120_000;
const IMAGE = "python:3.11-slim";

const failures = suite("failures and losses on a real node");
let namespace: TemporaryNamespace;
let operator: OdinProcess | undefined;
failures.before(async () => {
  namespace = await temporaryNamespace("failures");
  operator = operatorProcess(namespace.name);
  await operator.untilSaid("operator running");
});
failures.after(async () => {
  await operator?.end("SIGTERM");
  await namespace?.remove();
});

/** A task whose first attempt does one thing and every later one another. */
const task = (first: string, later: string, more: Partial<Task> = {}): Task => ({
  name: "a",
  image: IMAGE,
  command: ["sh", "-c", `case $(hostname) in *-r[0-9]) ${later};; *) ${first};; esac`],
  ...more,
});

async function create(name: string, tasks: Task[]): Promise<void> {
  await kubectlApply(namespace.name, {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name },
    spec: { tasks },
  });
}

async function untilRun(name: string, describe: string, accept: (run: Pipeline) => boolean): Promise<Pipeline> {
  const look = async (): Promise<Pipeline> =>
    JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json"));
  return await until(look, WAIT_MS, { describe: `run ${name}: ${describe}`, accept, everyMs: 300 });
}

const untilEnded = (name: string): Promise<Pipeline> =>
  untilRun(name, "ends", (run) => run.status?.completionTime !== undefined);

async function untilRunning(pod: string): Promise<void> {
  const phase = (): Promise<string> =>
    kubectl("get", "pod", pod, "-n", namespace.name, "--ignore-not-found", "-o", "jsonpath={.status.phase}");
  await until(phase, WAIT_MS, { describe: `pod ${pod} runs`, accept: (found) => found === "Running", everyMs: 200 });
}

/** How the first attempt is told to have ended. */
function told(run: Pipeline): string {
  return run.status?.events?.find(({ reason }) => reason === "TaskRetried")?.message ?? JSON.stringify(run.status);
}

for (const [what, name, wait] of [
  ["dies of the signal", "by-signal", "sleep 3600 & wait"],
  ["handles the signal and fails", "by-code", "trap 'exit 7' TERM; while true; do sleep 0.2; done"],
] as const) {
  failures(`F-18: a pod that is deleted while its container ${what} is made anew and costs no retry`, async () => {
    await create(name, [task(wait, "exit 0")]);
    await untilRunning(`${name}--a`);
    await kubectl("delete", "pod", `${name}--a`, "-n", namespace.name, "--grace-period=3", "--wait=false");
    const run = await untilEnded(name);
    assert.equal([run.status?.phase, run.status?.tasks?.a?.lost], ["DONE", 1], JSON.stringify(run.status));
    assert.match(told(run), "attempt 1 lost");
  });
}

failures("F-19: a pod that is evicted, as for draining its node, is made anew", async () => {
  await create("drained", [task("trap 'exit 1' TERM; while true; do sleep 0.2; done", "exit 0")]);
  await untilRunning("drained--a");
  const eviction = {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name: "drained--a", namespace: namespace.name },
  };
  const path = `/api/v1/namespaces/${namespace.name}/pods/drained--a/eviction`;
  await kubectlWithInput(JSON.stringify(eviction), ["create", "--raw", path, "-f", "-"]);
  const shown = await untilRun("drained", "is lost", ({ status }) => status?.tasks?.a?.lost === 1);
  const run = await untilEnded("drained");
  assert.is(run.status?.phase, "DONE", JSON.stringify(shown.status));
  assert.match(told(run), /Eviction API|evict/i);
});

failures("F-23: a signal is a reason of its own, by which a rule can tell it from an exit code", async () => {
  const retryPolicy = { rules: [{ onReasons: ["Signal"], action: "Ignore" as const }] };
  await create("killed", [task("sh -c 'kill -9 $$'; exit $?", "exit 3", { retryPolicy })]);
  const { status } = await untilEnded("killed");
  assert.equal([status?.tasks?.a?.attempt, status?.tasks?.a?.exitCode, status?.tasks?.a?.reason], [2, 3, "Error"]);
  assert.match(told({ status } as Pipeline), "Error, exit code 137: ended by SIGKILL");
});

for (const [reason, more] of [
  ["InvalidImageName", { image: "Not/A/Name:!" }],
  ["ErrImageNeverPull", { image: "does.not.exist/nope:1", pullPolicy: "Never" as const }],
] as const) {
  failures(`F-21: ${reason} fails the task at once, and kubectl get says so`, async () => {
    const name = reason.toLowerCase();
    await create(name, [{ name: "a", command: ["true"], retries: 5, ...more }]);
    const { status } = await untilEnded(name);
    assert.equal([status?.tasks?.a?.reason, status?.tasks?.a?.attempt], [reason, 1], JSON.stringify(status));
    assert.match(
      await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "wide"),
      new RegExp(`${name}\\s+TERMINATED\\s+0/1\\s+TaskFailed.*${reason}`),
    );
    const pods = (): Promise<string> =>
      kubectl("get", "pods", "-n", namespace.name, "-l", `odin.io/pipeline=${name}`, "-o", "name");
    await until(pods, WAIT_MS, { describe: "its pod goes", accept: (names) => names.trim() === "", everyMs: 300 });
  });
}

failures(
  "F-24: a container that is put beside the task's and never ends keeps neither the task nor the pod",
  async () => {
    const policy = `mesh-${namespace.name}`;
    const api = { apiVersion: "admissionregistration.k8s.io/v1" };
    const beside = `Object.spec.containers{name: "beside", image: "${IMAGE}", command: ["sleep", "3600"]}`;
    const spec = {
      matchConstraints: {
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace.name } },
        resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] }],
      },
      failurePolicy: "Fail",
      reinvocationPolicy: "Never",
      mutations: [
        {
          patchType: "JSONPatch",
          jsonPatch: { expression: `[JSONPatch{op: "add", path: "/spec/containers/-", value: ${beside}}]` },
        },
      ],
    };
    await kubectlApply(undefined, { ...api, kind: "MutatingAdmissionPolicy", metadata: { name: policy }, spec });
    try {
      const binding = { ...api, kind: "MutatingAdmissionPolicyBinding", metadata: { name: policy } };
      await kubectlApply(undefined, { ...binding, spec: { policyName: policy } });
      const dry = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "probe" },
        spec: { containers: [{ name: "c", image: IMAGE }] },
      };
      const creation = ["create", "-n", namespace.name, "--dry-run=server", "-o", "json", "-f", "-"];
      const probe = (): Promise<string> => kubectlWithInput(JSON.stringify(dry), creation);
      await until(probe, WAIT_MS, {
        describe: "the policy works",
        accept: (pod) => pod.includes("beside"),
        everyMs: 500,
      });
      await create("meshed", [task("echo done", "exit 1")]);
      const { status } = await untilEnded("meshed");
      assert.equal([status?.phase, status?.tasks?.a?.attempt], ["DONE", 1], JSON.stringify(status));
      const pod = (): Promise<string> =>
        kubectl("get", "pod", "meshed--a", "-n", namespace.name, "--ignore-not-found", "-o", "name");
      await until(pod, WAIT_MS, { describe: "its pod goes", accept: (name) => name.trim() === "", everyMs: 500 });
    } finally {
      await kubectl("delete", "mutatingadmissionpolicybinding", policy, "--ignore-not-found");
      await kubectl("delete", "mutatingadmissionpolicy", policy);
    }
  },
);
failures.run();
