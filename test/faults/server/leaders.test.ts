// timeout: 600, on demand
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LEASE } from "../../../kube/lease.ts";
import { objectPath } from "../../../kube/resource.ts";
import { until, within } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { stopProcess } from "../../support/stop-process.ts";
import { chain, type Ground, type ProxiedOperator, task } from "../ground.ts";
import { faultCase } from "../row.ts";

const leaders = suite("leaders");
const LEADS = "operator running as leader";
const ELECTED = { leaderElect: true };

/** The leader `a`, at the first task of the run `run`, and a second operator that stands by. */
async function leading(ground: Ground): Promise<{ a: ProxiedOperator; b: ProxiedOperator }> {
  const a = await ground.start("a");
  await a.process.untilSaid(LEADS);
  const b = await ground.start("b");
  ground.node.direct = () => "run";
  await ground.create("run", chain(3));
  await ground.untilRun("run", "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
  ground.node.direct = () => "succeed";
  return { a, b };
}

/** Writes the lease as somebody would who believes that it is free. */
async function takeLeaseAway(ground: Ground): Promise<void> {
  const spec = {
    holderIdentity: "somebody",
    leaseDurationSeconds: 5,
    renewTime: `${new Date().toISOString().slice(0, -1)}000Z`,
  };
  await ground.client.patch(objectPath(LEASE, ground.namespace, "odin-operator"), "merge", { spec });
}

function ended({ process }: ProxiedOperator): Promise<boolean> {
  return until(() => !process.running, 60_000, { describe: "it ends" });
}

faultCase(
  leaders,
  "F-33",
  "paused in the middle of a run until another one leads, then let go",
  async (ground) => {
    const { a } = await leading(ground);
    await stopProcess(a.process.pid);
    await ground.node.set("run--t0", "succeed");
    await ground.untilPod("run--t1");
    ground.node.direct = () => "run";
    await ground.create("second", chain(2));
    process.kill(a.process.pid, "SIGCONT");
    await ended(a);
    assert.is(await a.process.end("SIGKILL"), 1, "it ends as one that lost its lease");
    ground.node.direct = () => "succeed";
    for (const { metadata } of await ground.pods()) await ground.node.set(metadata.name, "succeed");
    for (const run of ["run", "second"]) await ground.untilEnded(run);
  },
  ELECTED,
);

faultCase(
  leaders,
  "F-33",
  "one of two that share the runs is paused until the other has its shards",
  async (ground) => {
    const runs = Array.from({ length: 6 }, (_, i) => `run-${i}`);
    const a = await ground.start("a");
    await a.process.untilSaid(LEADS);
    const b = await ground.start("b");
    await b.process.untilSaid(LEADS);
    ground.node.direct = () => "run";
    for (const run of runs) await ground.create(run, chain(3));
    for (const run of runs)
      await ground.untilRun(run, "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
    await stopProcess(a.process.pid);
    for (const run of runs) await ground.node.set(`${run}--t0`, "succeed");
    for (const run of runs) await ground.untilPod(`${run}--t1`);
    ground.node.direct = () => "succeed";
    process.kill(a.process.pid, "SIGCONT");
    await ended(a);
    assert.is(await a.process.end("SIGKILL"), 1, "it ends as one that lost its leases");
    for (const { metadata } of await ground.pods()) await ground.node.set(metadata.name, "succeed");
    for (const run of runs) await ground.untilEnded(run);
  },
  { ...ELECTED, shards: 4 },
);

faultCase(
  leaders,
  "F-33",
  "somebody takes the lease away",
  async (ground) => {
    const { a, b } = await leading(ground);
    await takeLeaseAway(ground);
    await ended(a);
    await b.process.untilSaid(LEADS);
    await ground.node.set("run--t0", "succeed");
    await ground.untilEnded("run");
  },
  ELECTED,
);

faultCase(
  leaders,
  "F-34",
  "the leader is cut off, and comes back when another one leads",
  async (ground) => {
    ground.allowance.writes = 4;
    const { a } = await leading(ground);
    a.proxy.decide = () => ({ kind: "hang" });
    a.proxy.stallWatches();
    await ground.node.set("run--t0", "succeed");
    await ground.untilPod("run--t1");
    a.proxy.decide = () => ({ kind: "forward" });
    await ground.untilEnded("run");
    await ground.create("second", chain(2));
    await ground.untilEnded("second");
  },
  ELECTED,
);

faultCase(leaders, "F-34", "two operators that both think they lead", async (ground) => {
  await ground.start("a");
  await ground.start("b");
  const tasks = Array.from({ length: 12 }, (_, i) => task(`t${i}`, ...(i < 3 ? [] : [`t${i - 3}`, `t${i - 2}`])));
  // Two write what one would; whoever comes second is refused.
  ground.allowance.writes = 150;
  for (const run of ["one", "two"]) await ground.create(run, tasks);
  for (const run of ["one", "two"]) await ground.untilEnded(run);
});

faultCase(
  leaders,
  "F-35",
  "the lease is deleted",
  async (ground) => {
    await leading(ground);
    await ground.delete("odin-operator", LEASE);
    await ground.node.set("run--t0", "succeed");
    await ground.untilEnded("run");
  },
  ELECTED,
);

const RIGHTS = { apiGroup: "rbac.authorization.k8s.io", kind: "Role" };

/** Rights on the leases of the namespace, apart from all others. */
function leaseRights(ground: Ground): object[] {
  const metadata = { name: "leases", namespace: ground.namespace };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const subjects = [{ kind: "ServiceAccount", name: "operator", namespace: ground.namespace }];
  const rules = [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["*"] }];
  return [
    { apiVersion, kind: "Role", metadata, rules },
    { apiVersion, kind: "RoleBinding", metadata, subjects, roleRef: { ...RIGHTS, name: "leases" } },
  ];
}

faultCase(
  leaders,
  "F-35",
  "the right to leases is removed",
  async (ground) => {
    const a = await ground.start("a");
    await a.process.untilSaid(LEADS);
    ground.node.direct = () => "run";
    await ground.create("run", chain(2));
    await ground.untilRun("run", "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
    await kubectl("delete", "rolebinding", "leases", "-n", ground.namespace);
    await ended(a);
    const again = await ground.start("a");
    await again.process.untilSaid("forbidden");
    ground.node.direct = () => "succeed";
    await ground.node.set("run--t0", "succeed");
    assert.not.match(again.process.output, LEADS, "nobody leads without a lease");
    await kubectlApply(ground.namespace, ...leaseRights(ground));
    await ground.untilEnded("run");
  },
  {
    ...ELECTED,
    user: async (ground) => {
      const metadata = { name: "operator", namespace: ground.namespace };
      const apiVersion = "rbac.authorization.k8s.io/v1";
      const subjects = [{ kind: "ServiceAccount", ...metadata }];
      const apiGroups = ["", "batch", "odin.io", "kubeflow.org", "events.k8s.io"];
      await kubectlApply(
        ground.namespace,
        { apiVersion: "v1", kind: "ServiceAccount", metadata },
        { apiVersion, kind: "Role", metadata, rules: [{ apiGroups, resources: ["*"], verbs: ["*"] }] },
        { apiVersion, kind: "RoleBinding", metadata, subjects, roleRef: { ...RIGHTS, name: "operator" } },
        ...leaseRights(ground),
      );
      return { token: (await kubectl("create", "token", "operator", "-n", ground.namespace)).trim() };
    },
  },
);

faultCase(
  leaders,
  "F-41",
  "SIGTERM while a hundred tasks are being started",
  async (ground) => {
    ground.allowance.writes = 20;
    const a = await ground.start("a");
    await a.process.untilSaid(LEADS);
    await ground.create(
      "run",
      Array.from({ length: 100 }, (_, i) => task(`t${i}`)),
    );
    await until(async () => (await ground.pods()).length > 10, 60_000, { describe: "pods are being made" });
    assert.is(await within(30_000, () => a.process.end("SIGTERM")), 0, a.process.output.slice(-2_000));
    const lease = await ground.client.get<{ spec?: { holderIdentity?: string } }>(
      objectPath(LEASE, ground.namespace, "odin-operator"),
    );
    assert.is(lease.spec?.holderIdentity ?? "", "", "the lease is given back");
    await ground.start("b");
    const { status } = await ground.untilEnded("run");
    assert.is(status?.progress, "100/100");
  },
  ELECTED,
);
leaders.run();
