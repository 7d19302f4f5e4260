import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { KubeClient } from "../../../kube/client.ts";
import { until } from "../../support/deadline.ts";
import { Health } from "../../support/health.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { LimitedAccount, type Rule } from "../../support/limited-account.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { PodPlayer } from "../../support/pod-player.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { kubeConfig } from "../api/facade-stage.ts";

const WAIT_MS = 180_000;
/** As long as by default: on a busy machine a process may not get to renew a shorter one. */
const LEASE_SECONDS = "15";
const all = (apiGroups: string[], resources: string[], verbs = ["*"]): Rule => ({ apiGroups, resources, verbs });

const OTHERS = [
  all(["odin.io", "batch"], ["*"]),
  all([""], ["events", "configmaps", "secrets", "pods/log", "pods/status"]),
];
const PODS = all([""], ["pods"]);
const PODS_SEEN = all([""], ["pods"], ["get", "list", "watch"]);
const LEASES = all(["coordination.k8s.io"], ["leases"]);

/** Nodes are not of a namespace, so these accounts may not list them, which is told and stops nothing. */
const OK = /^ok$|^ok, but the operator lacks the right to (?:get|list|watch) nodes$/;

const rights = suite("an operator that lacks rights");
let namespace: TemporaryNamespace;
let client: KubeClient;
let account: LimitedAccount;
let player: PodPlayer | undefined;
const processes: OdinProcess[] = [];
rights.before(async () => {
  try {
    namespace = await temporaryNamespace("rights");
    client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
    account = await LimitedAccount.create(client, namespace.name, [...OTHERS, PODS, LEASES]);
    player = new PodPlayer(client, namespace.name, () => 50);
    await player.start();
  } catch (error) {
    console.error(error);
    throw error;
  }
});
rights.after(async () => {
  for (const process of processes) await process.end("SIGKILL");
  await player?.stop();
  account?.remove();
  client?.close();
  await namespace?.remove();
});

function start(): OdinProcess {
  const started = new OdinProcess("operator", {
    KUBECONFIG: account.kubeconfig,
    ODIN_NAMESPACE: namespace.name,
    ODIN_LEASE_NAMESPACE: namespace.name,
    ODIN_INSTALL_CRDS: "false",
    ODIN_LEASE_DURATION: LEASE_SECONDS,
  });
  processes.push(started);
  return started;
}

async function create(name: string): Promise<void> {
  const spec = { tasks: [{ name: "a", image: "i", command: ["c"] }] };
  await kubectlApply(namespace.name, { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec });
}

function untilRun(name: string, describe: string, accept: (run: Pipeline) => boolean): Promise<Pipeline> {
  const look = async (): Promise<Pipeline> =>
    JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json"));
  return until(look, WAIT_MS, { describe: `run ${name}: ${describe}`, accept, everyMs: 300 });
}

/** Waits until the right is gone: the API server's authorizer learns of that by a watch of its own. */
async function untilMayNot(verb: string, resource: string): Promise<void> {
  const may = (): Promise<string> =>
    kubectl("auth", "can-i", verb, resource, "-n", namespace.name, "--kubeconfig", account.kubeconfig).catch(String);
  await until(may, WAIT_MS, {
    describe: `the right to ${verb} ${resource} is gone`,
    accept: (answer) => !answer.startsWith("yes"),
  });
}

/** Waits until /readyz answers like that. */
function untilReady(health: Health, status: number, text: RegExp): Promise<unknown> {
  return until(() => health.readiness(), WAIT_MS, {
    describe: `${status} and ${text}`,
    accept: (answer) => answer.status === status && text.test(answer.text),
    everyMs: 200,
  });
}

rights(
  "F-13: without the right to create pods a run waits and says so; nothing fails, and it goes on with the right",
  async () => {
    const operator = start();
    await operator.untilSaid("running as leader");
    const health = await Health.of(operator);
    await untilReady(health, 200, OK);
    await account.allow([...OTHERS, PODS_SEEN, LEASES]);
    await untilMayNot("create", "pods");
    await create("wants-pods");
    const run = await untilRun("wants-pods", "waits for the right", ({ status }) => status?.reason === "a: Forbidden");
    assert.is(run.status?.phase, "RUNNING");
    assert.match(run.status?.message ?? "", /cannot create resource "pods"/);
    const degraded = run.status?.conditions?.find(({ type }) => type === "Degraded");
    assert.equal([degraded?.status, degraded?.reason], ["True", "Forbidden"]);
    assert.match(
      await kubectl("get", "pipeline", "wants-pods", "-n", namespace.name),
      /wants-pods\s+RUNNING\s+0\/1\s+a: Forbidden/,
    );
    await untilReady(health, 200, /^ok, but the operator lacks the right to create pods/);
    assert.is(await health.value('odin_missing_rights{verb="create",resource="pods"}'), 1);
    assert.is(await health.value('odin_ready{part="operator"}'), 1);
    assert.ok(operator.running);
    await account.allow([...OTHERS, PODS, LEASES]);
    const done = await untilRun("wants-pods", "is done", ({ status }) => status?.phase === "DONE");
    assert.is(done.status?.conditions?.find(({ type }) => type === "Degraded")?.status, "False");
    assert.is(done.status?.tasks?.a?.attempt, 1, "no attempt was used up");
    await untilReady(health, 200, OK);
    assert.not.match(await health.metrics(), 'odin_missing_rights{verb="create",resource="pods"}');
    assert.is(await operator.end("SIGTERM"), 0);
  },
);

rights(
  "F-35: without rights on its lease the leader ends, and its successor stays a follower and is not ready",
  async () => {
    const leader = start();
    await leader.untilSaid("running as leader");
    await account.allow([...OTHERS, PODS]);
    await until(() => !leader.running, WAIT_MS, { describe: "the leader ends at its deadline" });
    assert.is(await leader.end("SIGKILL"), 1, leader.output.slice(-2_000));
    await create("waits-for-leader");
    const follower = start();
    const health = await Health.of(follower);
    await untilReady(health, 503, /standing for election failed.*leases.*is forbidden/);
    assert.not.match(follower.output, /running as leader/);
    const { status } = await untilRun("waits-for-leader", "is there", () => true);
    assert.is(status?.phase, undefined, "a follower writes nothing");
    await account.allow([...OTHERS, PODS, LEASES]);
    await follower.untilSaid("running as leader");
    await untilReady(health, 200, OK);
    await untilRun("waits-for-leader", "is done", (run) => run.status?.phase === "DONE");
    assert.is(await follower.end("SIGTERM"), 0);
  },
);

rights(
  "F-13: an operator that may not list pods waits with its start, says why, and crashes no more than that",
  async () => {
    await account.allow([...OTHERS, LEASES]);
    await untilMayNot("list", "pods");
    const operator = start();
    const health = await Health.of(operator);
    await untilReady(health, 503, /the operator lacks the right to .*list pods/);
    assert.ok(operator.running);
    await account.allow([...OTHERS, PODS, LEASES]);
    await operator.untilSaid("running as leader");
    await untilReady(health, 200, OK);
    assert.is(await operator.end("SIGTERM"), 0);
  },
);

rights("F-13: credentials that are not accepted any more are waited for, not died of", async () => {
  const operator = start();
  await operator.untilSaid("running as leader");
  const { name } = JSON.parse(await kubectl("get", "serviceaccounts", "-n", namespace.name, "-o", "json")).items.find(
    (one: { metadata: { name: string } }) => one.metadata.name.startsWith("limited-"),
  ).metadata as { name: string };
  await kubectl("delete", "serviceaccount", name, "-n", namespace.name);
  // Its lease cannot be renewed: it must end then, and the next one must say why it does not work.
  await until(() => !operator.running, WAIT_MS, { describe: "it ends at its deadline" });
  const next = start();
  const health = await Health.of(next);
  await untilReady(health, 503, /lacks the right to .*list pods/);
  assert.ok(next.running);
  assert.not.match(next.output, /eyJ/, "no token is logged");
  assert.is(await next.end("SIGTERM"), 0, next.output.slice(-1_000));
});
rights.run();
