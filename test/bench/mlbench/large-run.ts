import { get } from "node:http";
import { performance } from "node:perf_hooks";
import { send, sendJson } from "../../unit/api/served.ts";
import { type MemorySeen, watchMemory } from "../resident-memory.ts";

const METRICS = 10;
const IN_EACH_POST = 10_000;
const POSTING = 4;
const OTHERS_EVERY_MS = 20;

/** What one way to read a large run took. */
export interface LargeRead extends MemorySeen {
  what: string;
  megabytes: number;
  seconds: number;
  /** Requests of others that were answered meanwhile, and how long the slowest of 20 and the slowest of all had to wait. */
  others: { count: number; p95Ms: number; mostMs: number };
}

const READS: readonly [what: string, query: string][] = [
  ["JSON", ""],
  ["`summarize=100`", "&summarize=100"],
  ["`last_n=10`", "&last_n=10"],
  ["CSV", "&format=csv"],
  ["zip", "&format=zip"],
];

/** Posts entries of some metrics of a run, one second of the run after the other; rejects if one is refused. */
export async function fillRun(port: number, run: number, entries: number): Promise<void> {
  let next = 0;
  const begin = Date.now();
  await Promise.all(
    Array.from({ length: POSTING }, async () => {
      while (next < entries) {
        const from = next;
        next = Math.min(entries, from + IN_EACH_POST);
        const list = Array.from({ length: next - from }, (_, index) => {
          const number = from + index;
          const date = new Date(begin + number).toISOString();
          return { run_id: run, name: `metric ${number % METRICS}`, date, value: Math.sin(number), metadata: "" };
        });
        const { status, text } = await sendJson(port, "POST", "/api/metrics/", list);
        if (status !== 201) throw new Error(`metrics were refused: ${text.slice(0, 300)}`);
      }
    }),
  );
}

/** Reads a run in every form, one after the other, while others ask for the list of runs; `pid` is the API's process. */
export async function readLargeRun(port: number, pid: number, run: number): Promise<LargeRead[]> {
  const reads: LargeRead[] = [];
  for (const [what, query] of READS) {
    const waits: number[] = [];
    let isDone = false;
    const ask = async (): Promise<void> => {
      while (!isDone) {
        const begin = performance.now();
        await send(port, "GET", "/api/runs/");
        waits.push(performance.now() - begin);
        await new Promise((done) => setTimeout(done, OTHERS_EVERY_MS));
      }
    };
    const asking = ask();
    const read = await watchMemory(pid, async () => {
      const begin = performance.now();
      const bytes = await readAll(port, `/api/metrics/${run}/?metric_type=run${query}`);
      return { what, megabytes: bytes / 1e6, seconds: (performance.now() - begin) / 1000 };
    });
    isDone = true;
    await asking;
    waits.sort((a, b) => a - b);
    const p95Ms = waits[Math.floor(waits.length * 0.95)] ?? 0;
    reads.push({ ...read, others: { count: waits.length, p95Ms, mostMs: waits.at(-1) ?? 0 } });
  }
  return reads;
}

function readAll(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, agent: false }, (answer) => {
      let bytes = 0;
      answer.on("data", (piece: Buffer) => {
        bytes += piece.length;
      });
      answer.on("error", reject);
      answer.on("end", () =>
        answer.statusCode === 200 ? resolve(bytes) : reject(new Error(`${path}: ${answer.statusCode}`)),
      );
    }).on("error", reject);
  });
}
