// timeout: 1200
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { JobSpec, Pipeline, Task } from "../../../crds/generated/types.ts";
import { podName } from "../../../crds/names.ts";
import { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply, testVariable } from "../../support/kubectl.ts";
import { LimitedAccount } from "../../support/limited-account.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { untilPodsRefused } from "../../support/pod-admission.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { kubeConfig } from "../api/facade-stage.ts";
import { FaultProxy } from "../kube/fault-proxy.ts";

const WAIT_MS = 120_000;
const ALL = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };

const shown = suite("what kubectl shows in trouble");
let client: KubeClient;
const spaces: Space[] = [];
/** Of the troubles that do not trouble each other. */
let shared: Space | undefined;
shown.before(() => {
  client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
});
shown.after.each(async () => {
  for (const space of spaces.splice(0)) if (space !== shared) await space.close();
});
shown.after(async () => {
  await shared?.close();
  client.close();
});

/** A namespace with an operator of its own, so that one trouble does not make another. */
class Space {
  readonly #space: TemporaryNamespace;
  readonly #operator: OdinProcess;
  #follower: ChildProcess | undefined;
  /** What `kubectl get --watch` has printed. */
  #followed = "";
  readonly account: LimitedAccount;
  /** Objects of the whole cluster that go with it: kind and name. */
  readonly leaves: [string, string][] = [];

  private constructor(space: TemporaryNamespace, account: LimitedAccount, operator: OdinProcess) {
    this.#space = space;
    this.account = account;
    this.#operator = operator;
  }

  static async open({
    withLease = false,
    settings = {},
  }: {
    /** It is alone; on a busy machine it would lose a lease, and end, when it does not get to renew that in time. */
    withLease?: boolean;
    settings?: Record<string, string>;
  } = {}): Promise<Space> {
    const namespace = await temporaryNamespace("shown");
    const account = await LimitedAccount.create(client, namespace.name, [ALL]);
    const environment = {
      KUBECONFIG: account.kubeconfig,
      ODIN_NAMESPACE: namespace.name,
      ODIN_LEASE_NAMESPACE: namespace.name,
      ODIN_LEADER_ELECT: String(withLease),
      ODIN_INSTALL_CRDS: "false",
      ODIN_RETRY_PAUSE: "120",
      ...settings,
    };
    const space = new Space(namespace, account, new OdinProcess("operator", environment));
    spaces.push(space);
    await space.#operator.untilSaid(withLease ? "running as leader" : "operator running");
    return space;
  }

  get namespace(): string {
    return this.#space.name;
  }

  async kill(): Promise<void> {
    await this.#operator.end("SIGKILL");
  }

  async close(): Promise<void> {
    await this.kill();
    this.#follower?.kill();
    for (const [kind, name] of this.leaves) await kubectl("delete", kind, name, "--ignore-not-found");
    this.account.remove();
    await this.#space.remove();
  }

  async run(name: string, spec: Pipeline["spec"]): Promise<void> {
    await kubectlApply(this.namespace, { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec });
  }

  async job(name: string, spec: Partial<JobSpec>): Promise<void> {
    await kubectlApply(this.namespace, { apiVersion: "odin.io/v1", kind: "Job", metadata: { name }, spec });
  }

  /** Says of a pod what a kubelet or the scheduler would say. */
  async pod(run: string, status: object, attempt = 1): Promise<void> {
    const path = objectPath(POD, this.namespace, podName(run, "a", attempt));
    await until(() => client.get(path), WAIT_MS, { describe: `pod of attempt ${attempt} of ${run}` });
    await client.patch(`${path}/status`, "strategic", { status });
  }

  /** Says why the container of a pod does not start. */
  async waiting(run: string, reason: string, message: string): Promise<void> {
    const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0 };
    await this.pod(run, {
      phase: "Pending",
      containerStatuses: [{ ...container, state: { waiting: { reason, message } } }],
    });
  }

  /** Has kubectl print from now on every state that a run comes to, also one that is over before another kubectl has started. */
  async follow(): Promise<void> {
    const args = ["get", "pipeline", "-n", this.namespace, "-o", "wide", "--no-headers", "--watch"];
    this.#follower = spawn(testVariable("ODIN_TEST_KUBECTL"), args, {
      env: { ...process.env, KUBECONFIG: testVariable("KUBECONFIG") },
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#follower.stdout?.on("data", (chunk) => {
      this.#followed += chunk;
    });
    await this.run("followed", { suspend: true, tasks: [task()] });
    await until(() => this.#followed.includes("followed"), WAIT_MS, { describe: "kubectl watches" });
  }

  /** What `kubectl get` prints of a run, once it prints that: the cells after the name, and those of `-o wide` by their titles. `before`: done before each look. */
  async untilShown(run: string, line: RegExp, before?: () => Promise<void>): Promise<string> {
    const look = async (): Promise<string> => {
      await before?.();
      const followed = this.#followed.split("\n").find((row) => line.test(row));
      return followed ?? (await kubectl("get", "pipeline", run, "-n", this.namespace, "-o", "wide", "--no-headers"));
    };
    try {
      const accept = (text: string): boolean => line.test(text);
      return await until(look, WAIT_MS, { describe: `kubectl get shows ${line}`, accept, everyMs: 300 });
    } catch (error) {
      console.error(this.#operator.running, this.#operator.output.slice(-3_000));
      throw error;
    }
  }
}

const task = (more: Partial<Task> = {}): Task => ({ name: "a", image: "i", command: ["c"], ...more });

/** Makes a trouble in a fresh namespace; what it returns makes it again where it has passed. */
type Trouble = (space: Space) => Promise<(() => Promise<void>) | undefined | void>;

/** Troubles, and the line that a person has to see then. */
const TROUBLES: readonly [string, { run: string; alone: boolean }, Trouble, RegExp][] = [
  [
    "a quota that is used up (F-12)",
    { run: "quota", alone: true },
    async (space) => {
      const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q" }, spec: { hard: { pods: "0" } } };
      await kubectlApply(space.namespace, quota);
      await untilPodsRefused(space.namespace, "exceeded quota: q");
      await space.run("quota", { tasks: [task()] });
    },
    /^quota +RUNNING +0\/1 +a: QuotaExceeded +.*exceeded quota: q/,
  ],
  [
    "no node with room (F-22)",
    { run: "no-room", alone: false },
    async (space) => {
      await space.run("no-room", { tasks: [task()] });
      const message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.";
      const condition = { type: "PodScheduled", status: "False", reason: "Unschedulable", message };
      await space.pod("no-room", { phase: "Pending", conditions: [condition] });
    },
    /^no-room +RUNNING +0\/1 +a: Unschedulable +.*Insufficient nvidia\.com\/gpu/,
  ],
  [
    "an image that cannot be pulled (F-21)",
    { run: "no-image", alone: false },
    async (space) => {
      await space.run("no-image", { tasks: [task()] });
      await space.waiting("no-image", "ImagePullBackOff", 'Back-off pulling image "nope"');
    },
    /^no-image +RUNNING +0\/1 +a: ImagePullBackOff +.*nope/,
  ],
  [
    "a Secret that is missing (F-21)",
    { run: "no-secret", alone: false },
    async (space) => {
      await space.run("no-secret", { tasks: [task()] });
      await space.waiting("no-secret", "CreateContainerConfigError", 'secret "no-such-secret" not found');
    },
    /^no-secret +\w+ +0\/1 +\S*(?:a: CreateContainerConfigError|TaskFailed) +.*no-such-secret/,
  ],
  [
    "a volume that cannot be mounted",
    { run: "no-volume", alone: false },
    async (space) => {
      await space.run("no-volume", { tasks: [task()] });
      const pod = await until(
        async () =>
          JSON.parse(await kubectl("get", "pod", "no-volume--a", "-n", space.namespace, "-o", "json")) as {
            metadata: { uid: string };
          },
        WAIT_MS,
        { describe: "the pod" },
      );
      await kubectlApply(space.namespace, {
        apiVersion: "v1",
        kind: "Event",
        metadata: { name: "mount" },
        type: "Warning",
        reason: "FailedMount",
        message: 'MountVolume.SetUp failed for volume "data": no such share',
        involvedObject: {
          apiVersion: "v1",
          kind: "Pod",
          namespace: space.namespace,
          name: "no-volume--a",
          uid: pod.metadata.uid,
        },
        source: { component: "kubelet" },
        firstTimestamp: new Date().toISOString(),
        lastTimestamp: new Date().toISOString(),
        count: 1,
      });
    },
    /^no-volume +RUNNING +0\/1 +a: FailedMount +.*no such share/,
  ],
  [
    "rights that the operator lacks (F-13)",
    { run: "no-rights", alone: true },
    async (space) => {
      const seen = { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] };
      const rest = ["events", "configmaps", "secrets"];
      await space.account.allow([
        { apiGroups: ["odin.io", "batch", "coordination.k8s.io"], resources: ["*"], verbs: ["*"] },
        { apiGroups: [""], resources: rest, verbs: ["*"] },
        seen,
      ]);
      const mayCreate = (): Promise<string> =>
        kubectl(
          "auth",
          "can-i",
          "create",
          "pods",
          "-n",
          space.namespace,
          "--kubeconfig",
          space.account.kubeconfig,
        ).catch(String);
      await until(mayCreate, WAIT_MS, { describe: "the right is gone", accept: (answer) => !answer.startsWith("yes") });
      await space.run("no-rights", { tasks: [task()] });
    },
    /^no-rights +RUNNING +0\/1 +a: Forbidden +.*cannot create resource "pods"/,
  ],
  [
    "a policy that refuses the pod (F-14)",
    { run: "refused", alone: true },
    async (space) => {
      await kubectl("label", "namespace", space.namespace, "pod-security.kubernetes.io/enforce=restricted");
      await untilPodsRefused(space.namespace, "violates PodSecurity");
      await space.run("refused", { tasks: [task({ name: "a", securityContext: { runAsUser: 0 } })] });
    },
    /^refused +TERMINATED +0\/1 +TaskFailed +.*violates PodSecurity/,
  ],
  [
    "an admission webhook that does not answer (F-14)",
    { run: "no-webhook", alone: true },
    async (space) => {
      const name = `away.${space.namespace}.example.com`;
      await kubectlApply(space.namespace, {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingWebhookConfiguration",
        metadata: { name },
        webhooks: [
          {
            name,
            clientConfig: { url: "https://127.0.0.1:1/" },
            rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": space.namespace } },
            admissionReviewVersions: ["v1"],
            sideEffects: "None",
            failurePolicy: "Fail",
          },
        ],
      });
      space.leaves.push(["validatingwebhookconfiguration", name]);
      // It takes a moment until the API server asks it.
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "probe" } };
      const spec = { containers: [{ name: "c", image: "i" }] };
      const probe = () =>
        kubectlApply(space.namespace, { ...pod, spec }).then(
          () => kubectl("delete", "pod", "probe", "-n", space.namespace, "--now"),
          (error: unknown) => String(error),
        );
      await until(probe, WAIT_MS, {
        describe: "pods are refused",
        accept: (said) => said.includes("failed calling webhook"),
      });
      await space.run("no-webhook", { tasks: [task()] });
    },
    /^no-webhook +RUNNING +0\/1 +a: ApiUnavailable +.*failed calling webhook "away\./,
  ],
  [
    "a Job that is not there yet",
    { run: "no-job", alone: false },
    async (space) => {
      // A run waits for its Job for ten seconds.
      await space.follow();
      await space.run("no-job", { job: "no-such-job" });
    },
    /^no-job +BUILDING +JobNotFound +.*no-such-job/,
  ],
  [
    "a run that is suspended",
    { run: "suspended", alone: false },
    async (space) => {
      await space.run("suspended", { suspend: true, tasks: [task()] });
    },
    /^suspended +RUNNING +0\/1 +Suspended +.*spec\.suspend/,
  ],
  [
    "as many runs of the job as may be",
    { run: "parallel", alone: false },
    async (space) => {
      await space.job("one", { parallelRuns: 1, tasks: [task()] });
      await space.run("first", { job: "one" });
      await space.untilShown("first", /RUNNING/);
      await space.run("parallel", { job: "one" });
    },
    /^parallel +BUILDING +JobParallelism +.*first/,
  ],
  [
    "the pause before the next attempt",
    { run: "retrying", alone: false },
    async (space) => {
      await space.run("retrying", { tasks: [task({ retries: 2 })] });
      const terminated = { exitCode: 3, reason: "Error", finishedAt: new Date().toISOString() };
      const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } };
      await space.pod("retrying", { phase: "Failed", containerStatuses: [container] });
    },
    /^retrying +RUNNING +0\/1 +a: Retrying +.*exit code 3/,
  ],
  [
    "a node that was lost (F-20)",
    { run: "lost", alone: false },
    async (space) => {
      await space.run("lost", { tasks: [task({ infrastructureRetries: 20 })] });
      const lose = (attempt: number): Promise<void> =>
        space.pod("lost", { phase: "Failed", reason: "NodeLost", message: "node gone" }, attempt);
      for (const attempt of [1, 2, 3]) await lose(attempt);
      let next = 4;
      // Each loss doubles the pause, so that a person has the time to look, however slow the machine is.
      return async () => {
        const pods = await kubectl("get", "pods", "-n", space.namespace, "-o", "name");
        if (pods.split("\n").includes(`pod/${podName("lost", "a", next)}`)) await lose(next++);
      };
    },
    /^lost +RUNNING +0\/1 +a: NodeLost +.*lost/,
  ],
];

for (const [what, { run, alone }, make, line] of TROUBLES) {
  shown(`kubectl get says what is wrong: ${what}`, async () => {
    shared ??= alone ? undefined : await Space.open();
    const space = (alone ? undefined : shared) ?? (await Space.open());
    const again = (await make(space)) ?? undefined;
    const printed = await space.untilShown(run, line, again);
    // The reason in the narrow columns is a word or two; the story is in describe.
    const [, reason = ""] = /(?:a: )?([A-Z]\w+)/.exec(printed.replace(/^\S+ +\w+ +(\d+\/\d+ +)?/, "")) ?? [];
    const describe = async (): Promise<string> => {
      await again?.();
      return await kubectl("describe", "pipeline", run, "-n", space.namespace);
    };
    const told = new RegExp(`Reason: +(?:a: )?${reason}`);
    await until(describe, WAIT_MS, { describe: `kubectl describe tells ${told}`, accept: (text) => told.test(text) });
  });
}

shown("kubectl get says what is wrong: an API server that does not answer a creation in time (F-17)", async () => {
  const proxy = await FaultProxy.start({ tls: true });
  const directory = await temporaryDirectory();
  try {
    proxy.decide = ({ method, url }) =>
      method === "POST" && /\/pods(\?|$)/.test(url) ? { kind: "hang" } : { kind: "forward" };
    const file = join(directory.path, "kubeconfig");
    writeFileSync(file, proxy.kubeConfigText("default"), { mode: 0o600 });
    const space = await Space.open({ settings: { KUBECONFIG: file } });
    await space.run("slow", { tasks: [task()] });
    await space.untilShown(
      "slow",
      /^slow +RUNNING +0\/1 +a: ApiUnavailable +.*no complete answer from the API server within/,
    );
  } finally {
    await proxy.stop();
    await directory.remove();
  }
});

shown("F-36: kubectl describe says that a run stays because the store does not work", async () => {
  const directory = await temporaryDirectory();
  try {
    const store = join(directory.path, "store.db");
    writeFileSync(store, "this is no database ".repeat(500));
    const space = await Space.open({ settings: { ODIN_STORE: store, ODIN_RUN_TTL: "1", ODIN_RUN_RETENTION: "1" } });
    await space.run("stays", { tasks: [task()] });
    await space.pod("stays", { phase: "Succeeded" });
    await space.untilShown("stays", /^stays +DONE +1\/1/);
    await until(() => kubectl("describe", "pipeline", "stays", "-n", space.namespace), WAIT_MS, {
      describe: "an event says that it is not deleted yet",
      accept: (text) => /NotDeletedYet .*not in the store yet/.test(text),
    });
  } finally {
    await directory.remove();
  }
});

shown("without an operator kubectl shows a run without a phase, and the lease that nobody holds", async () => {
  const space = await Space.open({ withLease: true });
  await space.kill();
  await space.run("r", { tasks: [task()] });
  assert.match(
    await kubectl("get", "pipeline", "r", "-n", space.namespace),
    /^NAME +PHASE +PROGRESS +REASON.*\nr +\d+s/,
  );
  const renewed = async (): Promise<number> =>
    Date.now() -
    Date.parse(
      await kubectl("get", "lease", "odin-operator", "-n", space.namespace, "-o", "jsonpath={.spec.renewTime}"),
    );
  await until(renewed, WAIT_MS, { describe: "the lease is older than it lasts", accept: (ms) => ms > 12_000 });
});
shown.run();
