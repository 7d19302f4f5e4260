import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunEvent } from "../../../crds/generated/types.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { silentLogger } from "../../../kube/logger.ts";
import { CoreEvents } from "../../../operator/act/core-events.ts";
import { until } from "../../support/deadline.ts";

const told = suite("core events of runs");

function eventsOf(): { events: CoreEvents; sent: string[] } {
  const sent: string[] = [];
  const client = {
    create: async (_path: string, { reason, involvedObject }: { reason: string; involvedObject: { name: string } }) => {
      sent.push(`${involvedObject.name} ${reason}`);
    },
  };
  return { events: new CoreEvents(client as unknown as KubeClient, silentLogger), sent };
}

const run = (name: string) => ({ metadata: { name, namespace: "n", uid: `uid-${name}`, resourceVersion: "1" } });

function event(reason: string, more: Partial<RunEvent> = {}): RunEvent {
  return { id: "odin-0", source: "odin", type: "Normal", reason, message: "m", time: "2026-01-01T00:00:00Z", ...more };
}

told("P-3: a run that ends soon after its start is told of once", async () => {
  const { events, sent } = eventsOf();
  events.tell(run("short"), [event("Started")]);
  events.tell(run("long"), [event("Started")]);
  events.tell(run("short"), [event("Completed")]);
  assert.equal(sent, ["short Completed"]);
  await until(async () => sent, 60_000, { describe: "the start is told", accept: ({ length }) => length > 1 });
  assert.equal(sent, ["short Completed", "long Started"]);
});

told("a failure of a task is told at once, and leaves the start to be told", async () => {
  const { events, sent } = eventsOf();
  events.tell(run("a"), [event("Started"), event("TaskFailed", { task: "t", type: "Warning" })]);
  assert.equal(sent, ["a TaskFailed"]);
  await until(async () => sent, 60_000, { describe: "the start is told", accept: ({ length }) => length > 1 });
});

told("what a pod's own components said, and the normal course of a task, are not told again", () => {
  const { events, sent } = eventsOf();
  events.tell(run("a"), [event("FailedScheduling", { source: "scheduler", type: "Warning" })]);
  events.tell(run("a"), [event("TaskStarted", { task: "t" })]);
  assert.equal(sent, []);
});
told.run();
