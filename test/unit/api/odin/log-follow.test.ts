import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { followLogs } from "../../../../api/odin/log-follow.ts";
import { type LogTarget, logTargets, type OpenLog } from "../../../../api/odin/log-source.ts";
import { type FoundResource, findResource } from "../../../../api/odin/resource.ts";
import type { PipelineStatus } from "../../../../crds/generated/types.ts";
import { RUN_ID, RUNNING, SampleView, samplePod, sampleRun } from "./sample.ts";

const test = suite("api log follow");
const DONE: PipelineStatus = {
  ...RUNNING,
  phase: "DONE",
  tasks: { sst2: { state: "executed", attempt: 1, pod: `${RUN_ID}--sst2` } },
};

const targetsOf =
  (view: SampleView) =>
  async (found: FoundResource): Promise<LogTarget[]> =>
    logTargets(view, found);

function follow(view: SampleView, id: string, open: OpenLog, abort = new AbortController()) {
  const stream = Readable.from(followLogs(view, () => findResource(view, id), targetsOf(view), open, {}, abort.signal));
  let text = "";
  stream.on("data", (piece: string) => {
    text += piece;
  });
  return { stream, text: () => text, abort, ended: once(stream, "end") };
}

/** Runs what is queued: the generator is driven by promises only, no timers. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

test("O-224: waits for the pod, streams what comes, ends with the task", async () => {
  const view = new SampleView(sampleRun(RUNNING));
  const log = new PassThrough();
  const followed = follow(view, `${RUN_ID}--sst2`, async () => log);
  await settle();
  assert.is(followed.text(), "");
  view.pods = [samplePod("sst2", { started: false })];
  view.changed();
  await settle();
  assert.is(followed.text(), "");
  view.pods = [samplePod("sst2")];
  view.changed();
  log.write("epoch 1\n");
  await settle();
  assert.is(followed.text(), `================\n${RUN_ID}--sst2\n----------------\nepoch 1\n`);
  log.end("epoch 2\n");
  await settle();
  assert.not.ok(followed.stream.readableEnded);
  view.runs.set(RUN_ID, sampleRun(DONE));
  view.changed();
  await followed.ended;
  assert.match(followed.text(), /epoch 2\n$/);
  assert.is(view.listeners, 0);
});

test("O-224: a run is followed pod after pod, until it ends", async () => {
  const view = new SampleView(sampleRun(RUNNING));
  view.pods = [samplePod("sst2")];
  const followed = follow(view, RUN_ID, async ({ name }) => Readable.from([Buffer.from(`log of ${name}\n`)]));
  await settle();
  view.pods = [...view.pods, samplePod("after", { createdAt: "2019-08-08T23:50:00Z" })];
  view.changed();
  await settle();
  view.runs.set(RUN_ID, sampleRun({ ...DONE, tasks: {} }));
  view.changed();
  await followed.ended;
  assert.is(followed.text().match(/log of/g)?.length, 2);
  assert.match(followed.text(), `\n\n================\n${RUN_ID}--after\n`);
});

test("O-224: when the caller leaves, the log at the API server is closed and nothing listens any more", async () => {
  const view = new SampleView(sampleRun(RUNNING));
  view.pods = [samplePod("sst2")];
  const log = new PassThrough();
  const followed = follow(view, RUN_ID, async (_, { signal }) => {
    signal.addEventListener("abort", () => log.destroy(new Error("aborted")));
    return log;
  });
  log.write("line\n");
  await settle();
  followed.abort.abort();
  await followed.ended;
  assert.is(log.destroyed, true);
  assert.is(view.listeners, 0);
});

test("O-224: a caller that leaves while it waits ends the wait", async () => {
  const view = new SampleView(sampleRun(RUNNING));
  const followed = follow(view, `${RUN_ID}--after`, () => Promise.reject(new Error("not asked")));
  await settle();
  followed.abort.abort();
  await followed.ended;
  assert.is(followed.text(), "");
  assert.is(view.listeners, 0);
});

test("a run that is removed ends its streams; a broken log says so and does not throw", async () => {
  const view = new SampleView(sampleRun(RUNNING));
  view.pods = [samplePod("sst2")];
  const followed = follow(view, RUN_ID, () => Promise.reject(new Error("boom")));
  await settle();
  view.runs.clear();
  view.changed();
  await followed.ended;
  assert.match(followed.text(), "(no log: the connection broke)");
});

test("back-pressure: nothing more is read while the caller does not take it", async () => {
  const view = new SampleView(sampleRun(RUNNING));
  view.pods = [samplePod("sst2")];
  let produced = 0;
  const source = new Readable({
    highWaterMark: 1,
    read() {
      produced += 1;
      this.push(Buffer.alloc(1000, "x"));
    },
  });
  const abort = new AbortController();
  const pieces = followLogs(
    view,
    () => findResource(view, RUN_ID),
    targetsOf(view),
    async () => source,
    {},
    abort.signal,
  );
  await pieces.next();
  await pieces.next();
  await settle();
  assert.ok(produced < 5, `${produced} chunks for one that was taken`);
  abort.abort();
  await pieces.return(undefined);
});

test.run();
