import { PassThrough, Readable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type LogTarget, logTargets, type OpenLog } from "../../../../api/odin/log-source.ts";
import { logReply } from "../../../../api/odin/logs.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { newestBytes } from "../../../../kube/newest-bytes.ts";
import { RUN_ID, RUNNING, SampleView, SST2_TASKS, samplePod, sampleRun } from "./sample.ts";

const test = suite("api logs");
const signal = new AbortController().signal;
const targets = (...names: string[]): LogTarget[] => names.map((name) => ({ name }));

async function reply(list: readonly LogTarget[], open: OpenLog, options = {}): Promise<string> {
  let text = "";
  for await (const piece of logReply(list, open, options, signal)) text += piece;
  return JSON.parse(text) as string;
}

test("O-223: a section for each pod, joined by a newline, as one JSON string", async () => {
  const texts: Record<string, string> = { a: 'one "quoted"\ntwo\n', b: "", c: "ä\u2028\u0007" };
  const log = await reply(targets("a", "b", "c"), async ({ name }) => Readable.from([Buffer.from(texts[name] ?? "")]));
  assert.is(
    log,
    '================\na\n----------------\none "quoted"\ntwo\n================\nb\n----------------\n\n================\nc\n----------------\nä\u2028\u0007',
  );
});

test("O-223: nothing started, nothing shown", async () => {
  assert.is(await reply([], () => Promise.reject(new Error("not asked"))), "");
});

test("O-223: what was asked for reaches the source", async () => {
  const seen: object[] = [];
  await reply(
    targets("a"),
    async (_, { lines, container, follow }) => {
      seen.push({ lines, container, follow });
      return Readable.from([]);
    },
    { lines: 5, container: "side" },
  );
  assert.equal(seen, [{ lines: 5, container: "side", follow: false }]);
});

test("a log that cannot be read says why, the others are shown", async () => {
  const waiting = 'container "main" in pod "b" is waiting to start: ContainerCreating';
  const log = await reply(targets("a", "b", "c"), async ({ name }) => {
    if (name === "a") throw new KubeError({ code: 404, reason: "NotFound", category: "notFound", message: "x" });
    if (name === "b") {
      const message = `GET /api/v1/namespaces/ns/pods/b/log: ${waiting} (HTTP 400 BadRequest)`;
      throw new KubeError({ code: 400, reason: "BadRequest", category: "invalid", message });
    }
    return Readable.from([Buffer.from("fine\n")]);
  });
  assert.match(log, "a\n----------------\n(the log is gone: the pod was deleted)\n");
  assert.match(log, `b\n----------------\n(no log: ${waiting})\n`);
  assert.match(log, /c\n-+\nfine$/);
});

test("of a pod that has not started there is no log to ask for, but the reason", async () => {
  const notAsked: OpenLog = () => Promise.reject(new Error("not asked"));
  const pod = samplePod("sst2", { scheduled: false, started: false });
  assert.match(
    await reply([{ name: "a", pod, message: "Unschedulable: no GPU" }], notAsked),
    "(no log yet: Unschedulable: no GPU)",
  );
  assert.match(
    await reply([{ name: "a", pod: { ...pod, scheduled: true } }], notAsked),
    "(no log yet: the container has not started)",
  );
  assert.match(await reply([{ name: "a", pod }], notAsked, { container: "init" }), "(no log yet");
  const init = await reply(
    [{ name: "a", pod: { ...pod, scheduled: true } }],
    async () => Readable.from([Buffer.from("init\n")]),
    { container: "init" },
  );
  assert.match(init, /init$/);
});

test("an API server that does not answer at all is an error, not a log", async () => {
  const down = new KubeError({ code: 0, reason: "ECONNREFUSED", category: "transient", message: "x" });
  let caught: unknown;
  await reply(targets("a"), () => Promise.reject(down)).catch((error: unknown) => {
    caught = error;
  });
  assert.is(caught, down);
});

test("a log that breaks off keeps what came", async () => {
  const log = await reply(targets("a"), async () => {
    const stream = new PassThrough();
    stream.write("half\n");
    setImmediate(() => stream.destroy(new Error("reset")));
    return stream;
  });
  assert.match(log, /half\n\n?\(no log: the connection broke\)$/);
});

test("O-223: the newest bytes are kept, from the start of a line, and characters stay whole", async () => {
  const chunks = [Buffer.from("0123456789\n"), Buffer.from("äöü\nlast"), Buffer.from(" line\n")];
  assert.is((await newestBytes(Readable.from(chunks), 1000)).bytes.toString(), "0123456789\näöü\nlast line\n");
  assert.is((await newestBytes(Readable.from(chunks), 15)).bytes.toString(), "last line\n");
  assert.is((await newestBytes(Readable.from(chunks), 19)).bytes.toString(), "äöü\nlast line\n");
  const split = Buffer.from("ä");
  assert.is((await newestBytes(Readable.from([split.subarray(0, 1), split.subarray(1)]), 10)).bytes.toString(), "ä");
});

test("O-223: memory stays bounded however long the log is", async () => {
  let produced = 0;
  const endless = Readable.from(
    (function* () {
      for (; produced < 2000; produced++) yield Buffer.alloc(64 * 1024, "x\n");
    })(),
  );
  const { bytes } = await newestBytes(endless, 1024 * 1024);
  assert.is(produced, 2000);
  assert.ok(bytes.length <= 1024 * 1024 && bytes.length > 900 * 1024, String(bytes.length));
});

test("O-223: pods in the order in which they started; those that are gone too; waiting tasks have none", () => {
  const view = new SampleView(sampleRun(RUNNING));
  view.pods = [
    samplePod("sst2", { name: "second", createdAt: "2019-08-08T23:40:00Z" }),
    samplePod("sst2", { createdAt: "2019-08-08T23:32:51Z" }),
  ];
  const run = sampleRun(RUNNING);
  assert.equal(
    logTargets(view, { run }).map(({ name }) => name),
    [`${RUN_ID}--sst2`, "second"],
  );
  view.pods = [];
  const [gone] = logTargets(view, { run });
  assert.equal([gone?.name, gone?.pod], [`${RUN_ID}--sst2`, undefined]);
  const after = SST2_TASKS[1];
  assert.equal(logTargets(view, { run, ...(after ? { task: after } : {}) }), []);
});

test.run();
