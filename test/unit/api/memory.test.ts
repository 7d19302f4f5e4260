// timeout: 600
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { JsonWork } from "../../../api/clockwork/json-work/json-work.ts";
import { PoolError, WorkerPool } from "../../../api/main-file/worker-pool.ts";
import { makeBodyWork } from "../../../api/mlbench/body-work/body-work.ts";
import { THREAD_MB } from "../../../api/thread-memory.ts";
import type { Trial } from "./main-file/trying-worker.ts";

const test = suite("memory of the API's threads");

const MIB = 1024 * 1024;
const LONG_MS = 300_000;
/** What one thread may need altogether, in MiB; the chart's limit counts with it. */
const MOST_OF_A_THREAD = 300;

/** Memory of this process, in MiB: as it is, and the most that it ever was. */
function memory(): { now: number; most: number } {
  const status = readFileSync("/proc/self/status", "utf8");
  const of = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? "0") / 1024;
  return { now: of("VmRSS"), most: of("VmHWM") };
}

/** A body of that many bytes, which takes no more than them to make. */
function filled(head: string, piece: string, end: string, bytes: number): Uint8Array {
  const body = new Uint8Array(bytes).fill(0x20);
  body.set(Buffer.from(head));
  const one = Buffer.from(piece);
  for (let at = head.length; at + one.length + end.length <= bytes; at += one.length) body.set(one, at);
  body.set(Buffer.from(end), bytes - end.length);
  return body;
}

test("M-9, C-9, O-6: with all threads at the worst bodies at once the process stays within what the chart counts with", async () => {
  const script = new URL("./main-file/trying-worker.js", import.meta.url);
  const limits = { maxOldGenerationSizeMb: THREAD_MB };
  // Stands for the threads that read and render jobs: whatever a user writes, they take no more than this one.
  const hogs = new WorkerPool<Trial, number>({ script, threads: 2, queue: 0, deadlineMs: LONG_MS, limits });
  const json = new JsonWork({ deadlineMs: LONG_MS });
  const bodies = makeBodyWork({ deadlineMs: LONG_MS });
  const type = "application/json";
  try {
    const { now } = memory();
    const tooMuch = async (): Promise<string> => {
      try {
        return String(await hogs.run({ do: "hog" }));
      } catch (error) {
        return error instanceof PoolError ? error.failure : String(error);
      }
    };
    const clockwork = filled('{"updates":[', "{},", "1]}", 4 * MIB);
    const mlbench = filled('{"a":[', "{},", "1]}", 8 * MIB);
    const [one, other, read, refused] = await Promise.all([
      tooMuch(),
      tooMuch(),
      json.body({ kind: "fields", type, bytes: clockwork, names: ["updates"] }),
      bodies.do({ wish: { kind: "metrics" }, body: { type, encoding: "", bytes: mlbench } }, mlbench.length),
    ]);
    assert.equal([one, other], ["too much memory", "too much memory"]);
    assert.is(read.kind, "json");
    assert.is(refused.kind, "metrics");
    const added = memory().most - now;
    console.log(`${Math.round(added)} MiB for four threads`);
    assert.ok(added < 4 * MOST_OF_A_THREAD, `${added} MiB`);
  } finally {
    await Promise.all([hogs.stop(), json.stop(), bodies.stop()]);
  }
});

test("the chart allows the API what its threads, the bodies that it holds and the program itself need", () => {
  const values = readFileSync(new URL("../../../../helm/odin/values.yaml", import.meta.url), "utf8");
  const api = values.slice(values.search(/^api:/m));
  const [, limit = "0"] = /limits:\n\s+memory: (\d+)Gi/.exec(api) ?? [];
  // Held bodies, of which those of MLBench and Clockwork are put together from pieces; and what is read of JSON.
  const held = 2 * (48 + 32) + 80 + 64 + 32 + 12 * 20;
  const program = 200;
  assert.ok(Number(limit) * 1024 >= 4 * MOST_OF_A_THREAD + held + program, `${limit} GiB`);
});

test.run();
