import { suite } from "uvu";
import * as assert from "uvu/assert";
import { projectCoreEvent } from "../../../../api/cache/core-event.ts";
import { eventsView, MAX_EVENTS_PER_POD } from "../../../../api/odin/events-view.ts";
import type { RunEvent } from "../../../../crds/generated/types.ts";
import { RUN_ID, RUNNING, SST2_TASKS, sampleEvent, sampleRun } from "./sample.ts";

const test = suite("api events view");
const id = `${RUN_ID}--sst2`;
const task = SST2_TASKS[0];
if (task === undefined) throw new Error("the sample has a first task");

test("O-288: the document's two events, oldest first", () => {
  const failed = sampleEvent(id, {
    uid: "e2",
    type: "Warning",
    reason: "Failed",
    message: "Error: ImagePullBackOff",
    time: "2019-08-16T06:29:06Z",
  });
  assert.equal(eventsView(id, { run: sampleRun(RUNNING), task }, [[failed, sampleEvent(id)]]), [
    {
      id: `evt-${id}-0`,
      eventType: "Normal",
      reason: "BackOff",
      source: "kubelet,dpressel",
      message: 'Back-off pulling image "meadml/mead2-gpu:latest"',
      timestamp: "2019-08-16T06:24:10+00:00",
    },
    {
      id: `evt-${id}-1`,
      eventType: "Warning",
      reason: "Failed",
      source: "kubelet,dpressel",
      message: "Error: ImagePullBackOff",
      timestamp: "2019-08-16T06:29:06+00:00",
    },
  ]);
});

const ours: RunEvent[] = [
  {
    id: "odin-0",
    type: "Normal",
    reason: "Started",
    message: "running job sst2",
    source: "odin",
    time: "2019-08-08T23:32:50Z",
  },
  {
    id: "odin-1",
    type: "Normal",
    reason: "TaskStarted",
    task: "sst2",
    message: "created pod",
    source: "odin",
    time: "2019-08-08T23:32:51Z",
  },
  {
    id: "event-1",
    type: "Normal",
    reason: "BackOff",
    task: "sst2",
    message: "the same as the core event",
    source: "kubelet",
    time: "2019-08-16T06:24:10Z",
  },
];

test("O-222: a run has its own events and those of its pods, none twice", () => {
  const events = eventsView(RUN_ID, { run: sampleRun({ ...RUNNING, events: ours }) }, [[sampleEvent(id)]]);
  assert.equal(
    events.map(({ reason }) => reason),
    ["Started", "Submitted", "Waiting", "TaskStarted", "BackOff"],
  );
  assert.is(events[0]?.source, "odin");
  assert.equal([events[1]?.message, events[1]?.source], ["submitted by dpressel", "odin"]);
  assert.equal([events[2]?.message, events[2]?.source], ["1 task waits: after: waiting for sst2", "odin"]);
  assert.is(events[4]?.source, "kubelet,dpressel");
  assert.equal(
    events.map((event) => event.id),
    [0, 1, 2, 3, 4].map((n) => `evt-${RUN_ID}-${n}`),
  );
});

test("O-222: a task has its own; when Kubernetes has forgotten, the run still knows", () => {
  const events = eventsView(id, { run: sampleRun({ ...RUNNING, events: ours }), task }, []);
  assert.equal(
    events.map(({ reason }) => reason),
    ["TaskStarted", "BackOff"],
  );
});

test("O-222: submitted, waiting, retried, skipped and cancelled are told whatever Kubernetes has forgotten", () => {
  const told = (reason: string, task?: string): RunEvent => ({
    id: `odin-${reason}`,
    type: "Normal",
    reason,
    message: reason.toLowerCase(),
    source: "odin",
    time: "2019-08-08T23:40:00Z",
    ...(task === undefined ? {} : { task }),
  });
  const status = {
    ...RUNNING,
    tasks: {
      ...RUNNING.tasks,
      after: { state: "waiting", reason: "Retrying", message: "tried again in 10 s" } as const,
    },
    events: [told("TaskRetried", "after"), told("TaskSkipped", "sst2"), told("Cancelled")],
  };
  const reasons = eventsView(RUN_ID, { run: sampleRun(status) }, []).map(({ reason }) => reason);
  assert.equal(reasons, ["Submitted", "Waiting", "TaskRetried", "TaskSkipped", "Cancelled"]);
  const after = SST2_TASKS[1];
  const ofTask = eventsView(`${RUN_ID}--after`, { run: sampleRun(status), ...(after ? { task: after } : {}) }, []);
  assert.equal(
    ofTask.map(({ reason, message, source }) => [reason, message, source]),
    [
      ["Retrying", "tried again in 10 s", "odin"],
      ["TaskRetried", "task after: taskretried", "odin"],
    ],
  );
});

test("O-222: of many tasks that wait a few are named, and a run that has ended waits for nothing", () => {
  const tasks = Array.from({ length: 10 }, (_, n) => ({ name: `t${n}`, image: "i", command: ["c"] }));
  const run = { ...sampleRun({ phase: "RUNNING", tasks: {} }), tasks };
  assert.match(
    eventsView(RUN_ID, { run }, [])[1]?.message ?? "",
    /^10 tasks wait: t0: .*; t1: .*; t2: .*; and 7 more$/,
  );
  const ended = { ...sampleRun({ phase: "TERMINATED", tasks: {} }), tasks };
  assert.equal(
    eventsView(RUN_ID, { run: ended }, []).map(({ reason }) => reason),
    ["Submitted"],
  );
});

test("O-222: a known id never has no events", () => {
  const after = SST2_TASKS[1];
  assert.is(eventsView(RUN_ID, { run: sampleRun() }, [])[0]?.reason, "Submitted");
  const [waiting] = eventsView(`${RUN_ID}--after`, { run: sampleRun(RUNNING), ...(after ? { task: after } : {}) }, []);
  assert.equal([waiting?.reason, waiting?.message, waiting?.source], ["Dependencies", "waiting for sst2", "odin"]);
  const [running] = eventsView(id, { run: sampleRun(RUNNING), task }, []);
  assert.is(running?.message, "the task is executing");
});

test("the newest events of a pod are kept, and bad times break nothing", () => {
  const many = Array.from({ length: MAX_EVENTS_PER_POD + 10 }, (_, n) =>
    sampleEvent(id, { uid: `e${n}`, message: String(n), time: new Date(1_600_000_000_000 + n * 1000).toISOString() }),
  );
  const events = eventsView(id, { run: sampleRun(RUNNING), task }, [[...many, sampleEvent(id, { time: "never" })]]);
  assert.is(events.length, MAX_EVENTS_PER_POD);
  assert.is(events.at(-1)?.message, String(MAX_EVENTS_PER_POD + 9));
});

test("O-67: source joins what there is; the time is the last one seen", () => {
  const raw = {
    metadata: { name: "e", uid: "u", resourceVersion: "1", creationTimestamp: "2020-01-01T00:00:00Z" },
    involvedObject: { name: id },
  };
  const project = (more: object) => projectCoreEvent({ ...raw, ...more } as never);
  assert.is(project({ source: { component: "kubelet", host: "dpressel" } }).source, "kubelet,dpressel");
  assert.is(project({ source: { component: "kubelet" } }).source, "kubelet");
  assert.is(project({ reportingComponent: "scheduler", reportingInstance: "" }).source, "scheduler");
  assert.is(project({}).time, "2020-01-01T00:00:00Z");
  assert.is(project({ firstTimestamp: "2020-01-02T00:00:00Z" }).time, "2020-01-02T00:00:00Z");
  assert.is(
    project({ firstTimestamp: "2020-01-02T00:00:00Z", eventTime: "2020-01-03T00:00:00Z" }).time,
    "2020-01-03T00:00:00Z",
  );
  assert.is(
    project({ eventTime: "2020-01-03T00:00:00Z", lastTimestamp: "2020-01-04T00:00:00Z" }).time,
    "2020-01-04T00:00:00Z",
  );
  assert.is(project({ lastTimestamp: null, message: "x".repeat(5000) }).message.length, 1024);
});

test("events of pods that cannot be ours leave only their identity in memory", () => {
  const raw = {
    metadata: { name: "e", uid: "u", resourceVersion: "1" },
    involvedObject: { name: "coredns-1" },
    message: "x",
  };
  assert.is(projectCoreEvent(raw as never).message, "");
});

test.run();
