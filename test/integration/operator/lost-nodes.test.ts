import { randomBytes } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { podName } from "../../../crds/names.ts";
import { NODE, POD } from "../../../kube/core-resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { FaultProxy } from "../kube/fault-proxy.ts";
import { type Pod, Stage, task } from "./stage.ts";

const LOST_MS = 2_000;
/** As long as even a busy API server does not take for two requests. */
const PATIENT_MS = 20_000;
const lost = suite("lost nodes");
let stage: Stage;
const nodes: string[] = [];
lost.before(async () => {
  stage = await Stage.open({}, undefined, { nodeLostMs: LOST_MS });
});
lost.after(async () => {
  for (const node of nodes) await removeNode(node);
  await stage?.close();
});

/** A node that has nothing but a name and is ready. */
async function makeNode(): Promise<string> {
  const name = `lost-${randomBytes(4).toString("hex")}`;
  await stage.client.create(collectionPath(NODE, undefined), { apiVersion: "v1", kind: "Node", metadata: { name } });
  nodes.push(name);
  await setReady(name, "True");
  return name;
}

async function removeNode(name: string): Promise<void> {
  try {
    await stage.client.delete(objectPath(NODE, undefined, name));
  } catch (error) {
    if (!isKubeError(error, "notFound")) throw error;
  }
}

async function setReady(node: string, status: "True" | "False" | "Unknown"): Promise<void> {
  const now = new Date().toISOString();
  const times = { lastHeartbeatTime: now, lastTransitionTime: now };
  const condition = { type: "Ready", status, reason: "Test", message: "kubelet stopped posting node status", ...times };
  await stage.client.patch(objectPath(NODE, undefined, node, "status"), "strategic", {
    status: { conditions: [condition] },
  });
}

/** A run of one task whose pod runs on the node. */
async function runOn(node: string, name: string, on = stage): Promise<void> {
  await on.create(name, { tasks: [task("a", { infrastructureRetries: 2 })] });
  const { metadata } = await on.pod(name, "a");
  await on.client.create(`${objectPath(POD, on.namespace, metadata.name)}/binding`, {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name: metadata.name },
    target: { apiVersion: "v1", kind: "Node", name: node },
  });
  await on.startPod(name, "a");
  await on.untilRun(name, "executes", ({ status }) => status?.tasks?.a?.attempt === 1);
}

const podOf = (name: string, on = stage): Promise<Pod> =>
  on.client.get<Pod>(objectPath(POD, on.namespace, podName(name, "a", 1)));

lost(
  "F-20: a task on a node that stays lost is tried again under a new name, and the old pod is asked to go, not forced",
  async () => {
    const node = await makeNode();
    await runOn(node, "unready");
    await setReady(node, "Unknown");
    await stage.pod("unready", "a", 2);
    const run = await stage.untilRun("unready", "executes again", ({ status }) => status?.tasks?.a?.attempt === 2);
    assert.is(run.status?.tasks?.a?.lost, 1);
    const told = run.status?.events?.find(({ reason }) => reason === "TaskRetried")?.message ?? "";
    assert.match(told, `node ${node} is not ready: kubelet stopped posting node status; given up after 2s`);
    const old = await podOf("unready");
    assert.ok(old.metadata.deletionTimestamp, "the old pod is asked to go");
    assert.is.not((old.metadata as { deletionGracePeriodSeconds?: number }).deletionGracePeriodSeconds, 0);
    // The node comes back and the old attempt ends well: too late.
    await setReady(node, "True");
    await stage.succeed("unready", "a");
    await stage.annotatePod("unready", "a", 2, { touched: "yes" });
    await stage.fail("unready", "a", 9, "Error", 2);
    const { status } = await stage.untilPhase("unready", "TERMINATED");
    assert.equal([status?.tasks?.a?.exitCode, status?.tasks?.a?.attempt], [9, 2]);
  },
);

lost("F-20: a task whose node is deleted is tried again", async () => {
  const node = await makeNode();
  await runOn(node, "deleted");
  await removeNode(node);
  await stage.succeed("deleted", "a", undefined, 2);
  const { status } = await stage.untilPhase("deleted", "DONE");
  assert.is(status?.tasks?.a?.lost, 1);
  assert.ok(
    status?.events?.some(({ reason, message }) => reason === "TaskRetried" && message.includes(`node ${node} is gone`)),
    JSON.stringify(status?.events),
  );
});

lost("F-20: a node that is ready again in time loses nothing", async () => {
  const patient = await Stage.open({}, undefined, { nodeLostMs: PATIENT_MS });
  try {
    const [blinking, other] = [await makeNode(), await makeNode()];
    await runOn(blinking, "blinking", patient);
    await runOn(other, "other", patient);
    await setReady(blinking, "Unknown");
    await setReady(blinking, "True");
    // A node that is lost later is the clock: when its task is tried again the first one's time is over too.
    await setReady(other, "Unknown");
    await patient.pod("other", "a", 2);
    assert.is((await patient.get("blinking")).status?.tasks?.a?.attempt, 1);
    assert.is((await podOf("blinking", patient)).metadata.deletionTimestamp, undefined);
  } finally {
    await patient.close();
  }
});

lost("F-20: a deleted pod that does not go is given up after its time", async () => {
  const node = await makeNode();
  await runOn(node, "stuck");
  await stage.client.delete(objectPath(POD, stage.namespace, podName("stuck", "a", 1)), { gracePeriodSeconds: 1 });
  const run = await stage.untilRun("stuck", "is tried again", ({ status }) => status?.tasks?.a?.lost === 1);
  assert.match(JSON.stringify(run.status?.events), "still there 2s after its time");
  assert.ok((await podOf("stuck")).metadata.deletionTimestamp, "it is still there");
  await stage.control("stuck", { cancel: true });
  await stage.untilPhase("stuck", "TERMINATED");
});

lost("F-20, O-187: a node that was lost while no operator looked is found lost by the next one", async () => {
  const node = await makeNode();
  await runOn(node, "unseen");
  await stage.stopOperator();
  await removeNode(node);
  await stage.startOperator();
  await stage.succeed("unseen", "a", undefined, 2);
  const { status } = await stage.untilPhase("unseen", "DONE");
  assert.match(JSON.stringify(status?.events), `node ${node} is gone; given up after 2s`);
});

lost("F-20, O-187: so is one of whose absence the operator learns after it has looked at the runs", async () => {
  const proxy = await FaultProxy.start();
  const late = await Stage.open({}, undefined, { nodeLostMs: LOST_MS, operator: proxy.kubeConfig() });
  try {
    const node = await makeNode();
    await runOn(node, "late", late);
    await late.stopOperator();
    await removeNode(node);
    proxy.decide = ({ url }) => (/\/nodes\b/.test(url) ? { kind: "delay", ms: 3_000 } : { kind: "forward" });
    await late.startOperator();
    const run = await late.untilRun("late", "is tried again", ({ status }) => status?.tasks?.a?.lost === 1);
    assert.match(JSON.stringify(run.status?.events), `node ${node} is gone; given up after 2s`);
  } finally {
    await late.close();
    await proxy.stop();
  }
});

for (const reason of ["InvalidImageName", "ErrImageNeverPull"]) {
  lost(`F-21: ${reason} fails the task at once, and its pod goes`, async () => {
    const name = reason.toLowerCase();
    await stage.create(name, { tasks: [task("a", { retries: 3 })] });
    const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0 };
    const waiting = { reason, message: "the kubelet's words" };
    await stage.setPodStatus(name, "a", {
      phase: "Pending",
      containerStatuses: [{ ...container, state: { waiting } }],
    });
    const { status } = await stage.untilPhase(name, "TERMINATED");
    assert.is(status?.message, `task a: ${reason}: the kubelet's words`);
    assert.is(status?.tasks?.a?.attempt, 1);
    await until(() => stage.pods(name), 180_000, { describe: "the pod goes", accept: (pods) => pods.length === 0 });
  });
}
lost.run();
