/**
 * A process that posts metrics: `node post-load.js PORT PATH CLIENTS SECONDS POINTS RUN` keeps that many connections busy with posts of so many points each
 * (1: a single object, no list), every one with a value of its own, and prints what it saw as JSON. A post that is under way at the end is waited for, so
 * that what was acknowledged is exactly what must be there.
 */
import { Agent, request } from "node:http";
import { performance } from "node:perf_hooks";
import type { PostResult } from "./posts.ts";

const [port = "", path = "", clients = "", seconds = "", points = "", run = ""] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(clients) });
const name = Number(points) === 1 ? "single" : "bulk";
const latencies: number[] = [];
let errors = 0;
let next = 0;

function point(): object {
  const number = next++;
  return {
    run_id: Number(run),
    name,
    date: new Date(Date.now()).toISOString(),
    value: number,
    metadata: "",
    cumulative: false,
  };
}

function body(): Buffer {
  const value = Number(points) === 1 ? point() : Array.from({ length: Number(points) }, point);
  return Buffer.from(JSON.stringify(value));
}

function post(): Promise<number> {
  const bytes = body();
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": bytes.length };
    const sent = request({ host: "127.0.0.1", port, path, method: "POST", agent, headers }, (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer.statusCode ?? 0));
      answer.once("error", reject);
    });
    sent.once("error", reject);
    sent.end(bytes);
  });
}

const start = performance.now();
const end = start + Number(seconds) * 1000;
await Promise.all(
  Array.from({ length: Number(clients) }, async () => {
    while (performance.now() < end) {
      const sentAt = performance.now();
      const status = await post().catch(() => 0);
      if (status === 201) latencies.push(performance.now() - sentAt);
      else errors += 1;
    }
  }),
);
const elapsed = (performance.now() - start) / 1000;
agent.destroy();
latencies.sort((a, b) => a - b);
const percentile = (share: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
const result: PostResult = {
  posts: latencies.length,
  points: latencies.length * Number(points),
  errors,
  postsPerSecond: latencies.length / elapsed,
  pointsPerSecond: (latencies.length * Number(points)) / elapsed,
  p50Ms: percentile(0.5),
  p99Ms: percentile(0.99),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
