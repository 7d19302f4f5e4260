import { Readable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { KeptLogs } from "../../../../api/odin/kept-logs.ts";
import { type LogTarget, logTargets, MissingLog } from "../../../../api/odin/log-source.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { silentLogger } from "../../../../kube/logger.ts";
import type { LogArchive, LogEntry } from "../../../../store/log-archive.ts";
import { StoreProblem } from "../../../../store/store-problem.ts";
import { RUN_ID, RUNNING, SampleView, samplePod, sampleRun } from "./sample.ts";

const test = suite("api kept logs");
const signal = new AbortController().signal;
const ended = samplePod("sst2", { ended: true });

const entry = (more: Partial<LogEntry> = {}): LogEntry => ({
  podUid: ended.metadata.uid,
  namespace: "ns",
  pod: ended.metadata.name,
  runUid: "uid-1",
  run: RUN_ID,
  task: "sst2",
  attempt: 1,
  container: "main",
  createdAt: "2019-08-08T23:32:51.000Z",
  storedAt: "2019-08-08T23:40:00.000Z",
  state: "whole",
  size: 4,
  dropped: 0,
  ...more,
});

function archive(entries: LogEntry[], text = "kept\n"): LogArchive {
  return {
    ofRun: async () => entries,
    ofPod: async () => entries,
    text: async () => Buffer.from(text),
  } as unknown as LogArchive;
}

async function opened(kept: LogArchive | undefined, target: LogTarget, live: () => Promise<Readable>): Promise<string> {
  const open = new KeptLogs(kept, "ns", silentLogger).opener(live);
  let text = "";
  for await (const chunk of await open(target, { follow: false, signal })) text += String(chunk);
  return text;
}

const fromNode = async (): Promise<Readable> => Readable.from([Buffer.from("live\n")]);
const gone = (): Promise<Readable> =>
  Promise.reject(new KubeError({ code: 404, reason: "NotFound", category: "notFound", message: "x" }));

async function missing(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof MissingLog) return error.message;
    throw error;
  }
  throw new Error("it is not missing");
}

test("O-225: the archive answers for what is gone or has ended whole, the node for everything else", async () => {
  const name = ended.metadata.name;
  assert.is(await opened(archive([]), { name, archived: entry() }, gone), "kept\n");
  assert.is(await opened(archive([]), { name, pod: ended, archived: entry() }, fromNode), "kept\n");
  assert.is(await opened(archive([]), { name, pod: ended, archived: entry({ state: "partial" }) }, fromNode), "live\n");
  assert.is(await opened(archive([]), { name, pod: ended, archived: entry({ state: "lost" }) }, fromNode), "live\n");
  assert.is(await opened(archive([]), { name, pod: samplePod("sst2"), archived: entry() }, fromNode), "live\n");
  assert.is(await opened(undefined, { name, pod: ended }, fromNode), "live\n");
});

test("O-225: a pod that went a moment ago is found in the archive", async () => {
  assert.is(await opened(archive([entry()]), { name: ended.metadata.name, pod: ended }, gone), "kept\n");
  const partial = entry({ state: "partial", reason: "cut" });
  assert.is(
    await opened(archive([partial]), { name: ended.metadata.name, pod: ended }, gone),
    "kept\n(the log ends here: cut)\n",
  );
});

test("O-225: a log without a line break at its end keeps what is said about it on a line of its own", async () => {
  const target = { name: "p", archived: entry({ state: "partial", reason: "cut", dropped: 9 }) };
  assert.is(
    await opened(archive([], "kept"), target, gone),
    "(9 earlier bytes were not kept)\nkept\n(the log ends here: cut)\n",
  );
});

test("O-225: why there is none", async () => {
  for (const state of ["lost", "none"] as const)
    assert.is(
      await missing(opened(archive([]), { name: "p", archived: entry({ state, reason: "because" }) }, gone)),
      "because",
    );
});

test("F-36: a store that hangs delays a reply for a moment, and then nothing for a while", async () => {
  let asked = 0;
  const hangs = {
    ofRun: () => {
      asked += 1;
      return new Promise(() => undefined);
    },
  } as unknown as LogArchive;
  const kept = new KeptLogs(hangs, "ns", silentLogger);
  assert.equal(await kept.ofRun("uid-1"), []);
  assert.equal(await kept.ofRun("uid-1"), []);
  assert.is(asked, 1);
  const said = await missing(kept.opener(gone)({ name: ended.metadata.name, pod: ended }, { follow: false, signal }));
  assert.is(said, "the pod was deleted, and the store of logs does not work now; try again later");
});

test("F-36: a text that the store cannot give is missing, and an error of ours is no missing log", async () => {
  const broken = { text: () => Promise.reject(new StoreProblem("damaged", "the store /secret/path is damaged")) };
  const said = await missing(opened(broken as unknown as LogArchive, { name: "p", archived: entry() }, gone));
  assert.not.match(said, "/secret/path");
  const faulty = { text: () => Promise.reject(new TypeError("fault")) } as unknown as LogArchive;
  let caught: unknown;
  await opened(faulty, { name: "p", archived: entry() }, gone).catch((error: unknown) => {
    caught = error;
  });
  assert.ok(caught instanceof TypeError);
});

test("O-223: a pod that was made again under its name has a section of its own; a skipped task has none", () => {
  const run = sampleRun(RUNNING);
  const view = new SampleView(run);
  view.pods = [samplePod("sst2", { createdAt: "2019-08-08T23:50:00Z" })];
  const earlier = entry({ podUid: "uid-of-the-first", createdAt: "2019-08-08T23:30:00.000Z" });
  const targets = logTargets(view, { run }, [earlier, entry({ state: "partial" })]);
  assert.equal(
    targets.map(({ name, pod, archived }) => [name, pod !== undefined, archived?.podUid]),
    [
      [`${RUN_ID}--sst2`, false, "uid-of-the-first"],
      [`${RUN_ID}--sst2`, true, ended.metadata.uid],
    ],
  );
  const skipped = sampleRun({
    ...RUNNING,
    tasks: { sst2: { state: "executed", attempt: 1, pod: "Cached", reason: "Cached" } },
  });
  assert.equal(logTargets(new SampleView(skipped), { run: skipped }), []);
});

test.run();
