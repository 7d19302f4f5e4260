import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import type { SeenRequest } from "../kube/fault.ts";
import { FaultProxy } from "../kube/fault-proxy.ts";
import { Stage, task } from "./stage.ts";

const WAIT_MS = 180_000;
/** Longer than anything else takes here, so that what is told by an answer is told by that first. */
const LATE_MS = 3_000;

const starting = suite("objects that are being created");
let proxy: FaultProxy;
let stage: Stage;
starting.before(async () => {
  proxy = await FaultProxy.start();
  stage = await Stage.open({}, undefined, { operator: proxy.kubeConfig() });
});
starting.after(async () => {
  await stage?.close();
  await proxy?.stop();
});

const isCreation = ({ method, url }: SeenRequest): boolean => method === "POST" && /\/pods$/.test(url);

/** Has the answer to the next creation of a pod wait; returns what lets it go and what tells whether it is waiting. */
function holdNextAnswer(): { answer: () => void; isHeld: () => boolean } {
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  let state: "none" | "sent" | "held" = "none";
  proxy.decide = (seen) => {
    if (state !== "none" || !isCreation(seen)) return { kind: "forward" };
    state = "sent";
    return {
      kind: "beforeAnswer",
      act: async () => {
        state = "held";
        await held;
      },
    };
  };
  return { answer, isHeld: () => state === "held" };
}

starting("O-181: what ends while other tasks are being created has its followers started", async () => {
  const { answer, isHeld } = holdNextAnswer();
  await stage.create("wide", { tasks: [task("slow"), task("a"), task("b", { depends: ["a"] })] });
  await until(isHeld, WAIT_MS, { describe: "the first creation waits for its answer" });
  await stage.succeed("wide", "a");
  await stage.pod("wide", "b");
  answer();
  await stage.succeed("wide", "slow");
  await stage.succeed("wide", "b");
  await stage.untilPhase("wide", "DONE");
  const creations = proxy.requests.filter(isCreation).length;
  assert.is(creations, 3, "nothing was created a second time");
});

starting("O-210: a pod that is made after the cancellation goes before its run ends", async () => {
  await stage.stopOperator();
  const { answer, isHeld } = holdNextAnswer();
  const { decide } = proxy;
  // The answer is the only one to tell of the pod.
  const isWatch = ({ url, query }: SeenRequest): boolean => /\/pods\?/.test(url) && query.get("watch") === "true";
  proxy.decide = (seen) => (isWatch(seen) ? { kind: "delay", ms: LATE_MS } : decide(seen));
  await stage.startOperator();
  await stage.create("stopped", { tasks: [task("slow"), task("other")] });
  await until(isHeld, WAIT_MS, { describe: "the first creation waits for its answer" });
  await stage.pod("stopped", "other");
  await stage.control("stopped", { cancel: true });
  // The other pod goes at once; the run has to wait for what is not known yet.
  const names = async (): Promise<string[]> => (await stage.pods("stopped")).map(({ metadata }) => metadata.name);
  await until(async () => !(await names()).some((name) => name.includes("other")), WAIT_MS, {
    describe: "the other pod is deleted",
  });
  assert.is.not((await stage.get("stopped")).status?.phase, "TERMINATED");
  answer();
  const { status } = await stage.untilPhase("stopped", "TERMINATED");
  assert.equal(await names(), [], "no pod is left");
  assert.is(status?.reason, "Cancelled");
  assert.equal(
    Object.values(status?.tasks ?? {}).map(({ reason }) => reason),
    ["Cancelled", "Cancelled"],
  );
  const deletions = proxy.requests.filter(({ method, url }) => method === "DELETE" && url.includes("/pods/stopped--"));
  assert.is(deletions.length, 2, `${deletions.map(({ url }) => url)}: what was taken needs no second request`);
});

starting("O-210: that a run is cancelled is told while the API server still owes an answer", async () => {
  const { answer, isHeld } = holdNextAnswer();
  await stage.create("owed", { tasks: [task("slow")] });
  await until(isHeld, WAIT_MS, { describe: "the creation waits for its answer" });
  await stage.control("owed", { cancel: true });
  const told = await stage.untilRun("owed", "reason Cancelled", ({ status }) => status?.reason === "Cancelled");
  assert.is(told.status?.phase, "RUNNING", "it has not ended before what was made is known");
  assert.is(told.status?.tasks?.slow?.reason, "Starting");
  answer();
  const { status } = await stage.untilPhase("owed", "TERMINATED");
  assert.is(status?.tasks?.slow?.reason, "Cancelled");
});
starting.run();
