import { suite } from "uvu";
import * as assert from "uvu/assert";
import { REASONS } from "../../../crds/reasons.ts";
import { TASK_KIND_FACTS } from "../../../crds/task-kinds.ts";
import { POD } from "../../../kube/core-resources.ts";
import { failureClass } from "../../../operator/decide/failure-class.ts";
import { judged, lossOf } from "../../../operator/decide/given-up.ts";
import type { ObservedObject } from "../../../operator/decide/run.ts";
import { projectNode } from "../../../operator/node-watch.ts";
import { withTroubles } from "../../../operator/troubles.ts";

const loss = suite("pods that are given up");
const LOST_MS = 60_000;
const T0 = "2026-01-01T00:00:00.000Z";
const at = (seconds: number): number => Date.parse(T0) + seconds * 1000;
const pod = (more: Partial<ObservedObject> = {}): ObservedObject => ({
  resource: POD,
  name: "r--a",
  uid: "u",
  task: "a",
  attempt: 1,
  createdAt: T0,
  phase: "Running",
  deleting: false,
  gone: false,
  node: "n1",
  ...more,
});
const nodeTrouble = { since: T0, message: "node n1 is gone" };

loss("F-20: a pod is given up when its node has been lost for so long, not before", () => {
  const lost = pod({ nodeTrouble });
  assert.is(lossOf(lost, LOST_MS)?.at, at(60));
  assert.is(judged(lost, LOST_MS, at(59)), lost);
  const { phase, givenUp, ended } = judged(lost, LOST_MS, at(60));
  assert.equal([phase, givenUp, ended?.reason], ["Failed", true, "NodeLost"]);
  assert.is(lossOf(pod(), LOST_MS), undefined);
});

loss("F-20: a pod that was asked to go has its own time first, and tells who took it away", () => {
  const stuck = pod({ deleting: true, goneBy: "2026-01-01T00:00:30Z" });
  assert.equal([lossOf(stuck, LOST_MS)?.at, lossOf(stuck, LOST_MS)?.reason], [at(90), "PodDeleted"]);
  const disrupted = { reason: "NodeTainted", message: "the taint manager" };
  assert.is(lossOf({ ...stuck, disrupted }, LOST_MS)?.reason, "NodeTainted");
  // Whichever time is over first counts.
  assert.equal(lossOf({ ...stuck, nodeTrouble }, LOST_MS)?.reason, "NodeLost");
});

loss("F-20: what has ended, is gone or belongs to a controller is not given up, nor is anything with 0", () => {
  for (const more of [{ phase: "Succeeded" }, { phase: "Failed" }, { gone: true }] as const)
    assert.is(lossOf(pod({ nodeTrouble, ...more }), LOST_MS), undefined, JSON.stringify(more));
  assert.is(lossOf(pod({ nodeTrouble, resource: TASK_KIND_FACTS.Job.resources[0] }), LOST_MS), undefined);
  assert.is(lossOf(pod({ nodeTrouble, deleting: true, goneBy: T0 }), 0), undefined);
});

loss("F-21: what can never start is given up at once or after a minute, what may still start never", () => {
  const waits = (reason: string, since?: string): ObservedObject =>
    pod({ phase: "Pending", waiting: { reason, message: "m", ...(since === undefined ? {} : { since }) } });
  for (const reason of ["InvalidImageName", "ErrImageNeverPull"])
    assert.is(lossOf(waits(reason), LOST_MS)?.at, 0, reason);
  assert.is(lossOf(waits("CreateContainerConfigError", T0), LOST_MS)?.at, at(60));
  for (const reason of ["ImagePullBackOff", "CreateContainerError", "Unschedulable", "FailedMount", "constructor"])
    assert.is(lossOf(waits(reason, T0), 0), undefined, reason);
});

loss("F-21: how long a reason has held is counted from when it was first seen, anew for another pod", () => {
  const since = new Map<string, string>();
  const bad = pod({ phase: "Pending", waiting: { reason: "CreateContainerConfigError", message: "m" } });
  const look = (object: ObservedObject, now: string): string | undefined =>
    withTroubles([object], undefined, since, now)[0]?.waiting?.since;
  assert.is(look(bad, T0), T0);
  assert.is(look(bad, "2026-01-01T00:00:40.000Z"), T0);
  assert.is(look({ ...bad, uid: "v" }, "2026-01-01T00:00:50.000Z"), "2026-01-01T00:00:50.000Z");
  const other = pod({ phase: "Pending", waiting: { reason: "ImagePullBackOff", message: "m" } });
  assert.is(withTroubles([other], undefined, since, T0)[0], other);
});

loss("F-20: only pods that run are told of their nodes' troubles", () => {
  const nodes = { troubleOf: (node: string) => (node === "n1" ? nodeTrouble : undefined) };
  const given = [pod(), pod({ node: "n2" }), pod({ phase: "Succeeded" }), pod({ gone: true })];
  assert.equal(
    withTroubles(given, nodes, new Map(), T0).map((object) => object.nodeTrouble?.message),
    ["node n1 is gone", undefined, undefined, undefined],
  );
});

loss("F-20: a node is ready, new, or says why it is not", () => {
  const node = (status?: object): ReturnType<typeof projectNode> =>
    projectNode({
      metadata: { name: "n", uid: "u", resourceVersion: "1" },
      ...(status === undefined ? {} : { status }),
    });
  const ready = (status: string, message = "words"): object => ({ conditions: [{ type: "Ready", status, message }] });
  assert.is(node().notReady, undefined);
  assert.is(node(ready("True")).notReady, undefined);
  assert.is(node(ready("Unknown")).notReady, "words");
  assert.is(node(ready("False", "")).notReady, "it does not say why");
});

loss(
  "F-23: every reason that the reference says is a loss is paid by the infrastructure's budget, and no other",
  () => {
    for (const [reason, { class: kind }] of Object.entries(REASONS)) {
      if (kind === "lost") assert.is(failureClass(reason), "infrastructure", reason);
      if (kind === "failed") assert.is.not(failureClass(reason), "infrastructure", reason);
    }
  },
);
loss.run();
