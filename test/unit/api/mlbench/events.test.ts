// timeout: 240
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { eventId, positionOf } from "../../../../api/mlbench/events/event-position.ts";
import { eventRoutes } from "../../../../api/mlbench/events/routes.ts";
import type { RunObject, RunState } from "../../../../api/mlbench/runs/run-object.ts";
import { MlbenchMetrics } from "../../../../store/mlbench-metrics.ts";
import { MlbenchOutput, type OutputStream } from "../../../../store/mlbench-output.ts";
import { until } from "../../../support/deadline.ts";
import { metricEntry } from "../../store/mlbench-metrics-cases.ts";
import { embeddedStores } from "../../store/store-cases.ts";
import { type ServedMlbench, serveMlbench } from "./served-mlbench.ts";

const WAIT_MS = 90_000;
const test = suite("events of a run");
const stores = embeddedStores(test);
const runs = new Map<number, RunObject>();
let served: ServedMlbench;
let output: MlbenchOutput;
let metrics: MlbenchMetrics;
let next = 1;
/** Called in each look at the store, after the run was looked at and before what is new is read. */
let onLook: () => Promise<void> = async () => undefined;
const readers = new Set<Reader>();

test.before(async () => {
  const sql = stores.open("store.db");
  output = new MlbenchOutput(sql, 100_000);
  metrics = new MlbenchMetrics(sql);
  const timings = { lookMs: 50, silenceMs: 300, stalledMs: 6_000 };
  const watched = {
    newestId: async () => {
      await onLook();
      return await metrics.newestId();
    },
    arrived: metrics.arrived.bind(metrics),
  };
  const source = { run: (id: number) => runs.get(id), output, metrics: watched };
  served = await serveMlbench(eventRoutes({ source, timings }));
});
test.after(async () => {
  for (const reader of readers) reader.leave();
  await served.listener.close(0);
});

function startRun(state: RunState = "started"): number {
  const id = next++;
  runs.set(id, {
    ...{ id, name: "run", created_at: "2026-01-01T00:00:00Z", finished_at: null, state, job_id: `uid-${id}` },
    ...{ job_metadata: {}, num_workers: 1 },
  });
  return id;
}

function setState(id: number, state: RunState): void {
  const run = runs.get(id);
  if (run !== undefined) runs.set(id, { ...run, state });
}

async function write(id: number, stream: OutputStream, ...texts: string[]): Promise<void> {
  await output.append(id, { lines: texts.map((text) => ({ stream, text })) });
}

interface SeenEvent {
  event: string;
  id: string;
  data: string;
}

/** Reads a stream of events as browsers do. */
class Reader {
  readonly request: ClientRequest;
  answer: IncomingMessage | undefined;
  text = "";
  isOver = false;

  constructor(id: number, headers: Record<string, string> = {}) {
    this.request = request({ port: served.port, path: `/api/runs/${id}/events/`, headers });
    readers.add(this);
    this.request.on("error", () => {
      this.isOver = true;
    });
    this.request.once("response", (answer) => {
      this.answer = answer;
      answer.on("error", () => undefined);
      answer.once("close", () => {
        this.isOver = true;
      });
      this.listen(answer);
    });
    this.request.end();
  }

  listen(answer: IncomingMessage): void {
    answer.setEncoding("utf8");
    answer.on("data", (text: string) => {
      this.text += text;
    });
  }

  get events(): SeenEvent[] {
    return this.text
      .split("\n\n")
      .slice(0, -1)
      .filter((block) => !block.startsWith(":"))
      .map((block) => {
        const field = (name: string) =>
          block
            .split("\n")
            .filter((line) => line.startsWith(`${name}: `))
            .map((line) => line.slice(name.length + 2))
            .join("\n");
        return { event: field("event"), id: field("id"), data: field("data") };
      });
  }

  of(name: string): string[] {
    return this.events.filter(({ event }) => event === name).map(({ data }) => data);
  }

  states(): string[] {
    return this.of("state").map((text) => (JSON.parse(text) as RunObject).state);
  }

  async untilOver(): Promise<void> {
    await until(() => this.isOver, WAIT_MS, { describe: "the end of the stream" });
  }

  leave(): void {
    this.request.destroy();
  }
}

class StalledReader extends Reader {
  override listen(): void {
    // Takes nothing.
  }
}

test("M-67: a stream begins with what there is, goes on with what comes, and ends after the final state", async () => {
  const id = startRun("initialized");
  await write(id, "stdout", "one", "two");
  await write(id, "stderr", "err");
  await metrics.add([metricEntry(1, { owner: `run:${id}` }), metricEntry(2, { owner: "run:999" })]);
  const reader = new Reader(id, { accept: "application/xml" });
  await until(() => reader.of("metric").length === 1, WAIT_MS, { describe: "what there is" });
  assert.is(reader.answer?.statusCode, 200);
  assert.is(reader.answer?.headers["content-type"], "text/event-stream");
  setState(id, "started");
  await until(() => reader.states().length === 2, WAIT_MS, { describe: "the state" });
  await write(id, "stdout", "three", "with\ra CR", "");
  await metrics.add([metricEntry(3, { owner: `run:${id}`, metadata: "{}" })]);
  await until(() => reader.of("stdout").length === 5, WAIT_MS, { describe: "further lines" });
  // What comes with the end may be stored a little later than that is told: after a look that has seen the end.
  let looks = 0;
  onLook = async () => {
    if (runs.get(id)?.state === "finished" && ++looks === 2) await write(id, "stdout", "last");
  };
  setState(id, "finished");
  await reader.untilOver();
  onLook = async () => undefined;
  assert.ok(reader.answer?.complete);
  assert.equal(reader.states(), ["initialized", "started", "finished"]);
  assert.is(reader.events.at(-1)?.event, "state");
  assert.equal(reader.of("stdout"), ["one", "two", "three", "with\na CR", "", "last"]);
  assert.equal(reader.of("stderr"), ["err"]);
  assert.equal(
    reader.of("metric").map((text) => JSON.parse(text)),
    [1, 3].map((second) => ({
      ...{ name: "loss", value: String(second), date: `1970-01-01T00:00:0${second}.000000Z` },
      ...{ metadata: second === 3 ? "{}" : "", cumulative: false },
    })),
  );
  assert.match(reader.events.find(({ data }) => data === "two")?.id ?? "", /^stdout:2;/);
});

test("M-67: Last-Event-ID continues wherever a reader was cut off, without gap or repeat", async () => {
  const id = startRun();
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`);
  await write(id, "stdout", ...lines);
  await write(id, "stderr", ...lines.map((line) => `err ${line}`));
  await metrics.add(lines.map((_, i) => metricEntry(i, { owner: `run:${id}` })));
  setState(id, "failed");
  const whole = new Reader(id);
  await whole.untilOver();
  assert.is(whole.events.length, 121);
  const later = [0, 5, 39, 40, 60, 79, 80, 100, 119].map((at) => ({ at, seen: whole.events[at]?.id ?? "" }));
  const others = later.map(({ seen }) => new Reader(id, { "last-event-id": seen }));
  for (const [i, other] of others.entries()) {
    await other.untilOver();
    const shown = (events: SeenEvent[]) => events.map(({ event, data }) => `${event} ${data}`);
    assert.equal(
      shown(other.events),
      shown(whole.events.slice((later[i]?.at ?? 0) + 1)),
      `after event ${later[i]?.at}`,
    );
  }
  const ended = new Reader(id, { "last-event-id": whole.events.at(-1)?.id ?? "" });
  await ended.untilOver();
  assert.is(ended.answer?.statusCode, 204);
});

test("M-67: an id says where all streams are; what is no id of ours means the beginning", () => {
  const position = { stdout: 3, stderr: 0, metric: 120, isEnd: false };
  assert.is(eventId(position, "metric"), "metric:120;stdout:3;stderr:0");
  assert.equal(positionOf(eventId(position, "stderr")), position);
  assert.equal(positionOf(eventId({ ...position, isEnd: true }, undefined)), { ...position, isEnd: true });
  const beginning = { stdout: 0, stderr: 0, metric: 0, isEnd: false };
  for (const id of ["", "7", "stdout:-1", "stdout:1e3", `stdout:${"9".repeat(30)}`, "x:1;;", "__proto__:1"]) {
    assert.equal(positionOf(id), beginning, id);
  }
});

test("M-67: a comment keeps a silent stream open", async () => {
  const reader = new Reader(startRun());
  await until(() => reader.text.split(":\n\n").length > 3, WAIT_MS, { describe: "comments" });
  assert.not.ok(reader.isOver);
  reader.leave();
});

test("M-67: a reader that takes nothing is cut off, and delays no other", async () => {
  const id = startRun();
  const long = "x".repeat(16_000);
  const slow = new StalledReader(id);
  await until(() => slow.answer !== undefined, WAIT_MS, { describe: "the slow reader" });
  const quick = new Reader(id);
  slow.answer?.socket.write("\r\n");
  await until(() => quick.states().length === 1, WAIT_MS, { describe: "the quick reader" });
  assert.not.ok(slow.isOver);
  for (let i = 0; i < 20; i++) await write(id, "stdout", ...Array.from({ length: 40 }, () => long));
  await until(() => quick.of("stdout").length === 800, WAIT_MS, {
    describe: "all lines at the quick one",
    everyMs: 500,
  });
  await until(
    () => {
      // Node tells only whoever reads that the other side has closed; whoever writes is told by the system.
      if (!slow.isOver) slow.answer?.socket.write("\r\n");
      return slow.isOver;
    },
    WAIT_MS,
    { describe: "the slow reader cut off", everyMs: 200 },
  );
  assert.not.ok(slow.answer?.complete);
  assert.not.ok(quick.isOver);
  quick.leave();
});

test("M-24, M-67: a run that is unknown, and one that goes", async () => {
  for (const key of [777_777, Number.NaN]) {
    const reader = new Reader(key);
    await reader.untilOver();
    assert.is(reader.answer?.statusCode, 404);
    assert.match(reader.text, "Run not found");
  }
  const id = startRun();
  const reader = new Reader(id);
  await until(() => reader.states().length === 1, WAIT_MS, { describe: "its state" });
  runs.delete(id);
  await reader.untilOver();
});

test.run();
