/**
 * A process that asks a server at a steady rate: `node paced-load.js PORT PATH CLIENTS RATE SECONDS` keeps that many connections open, which take turns, and
 * prints what it saw as JSON. A request that is due while its connection still waits for an answer is counted as late and sent when it can be: its time is
 * counted from when it was due.
 */
import { Agent, get } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { PacedResult } from "./paced.ts";

const [port = "", path = "", clients = "", rate = "", seconds = ""] = process.argv.slice(2);
const latencies: number[] = [];
let errors = 0;
let bytes = 0;

function ask(agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, agent }, (answer) => {
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      answer.once("error", reject);
      answer.once("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(String(answer.statusCode)))));
    }).once("error", reject);
  });
}

const periodMs = (1000 * Number(clients)) / Number(rate);
const start = performance.now();
const end = start + 1000 * Number(seconds);
await Promise.all(
  Array.from({ length: Number(clients) }, async (_, client) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let due = start + (client * periodMs) / Number(clients); due < end; due += periodMs) {
      await sleep(Math.max(0, due - performance.now()));
      await ask(agent).then(
        () => latencies.push(performance.now() - due),
        () => {
          errors += 1;
        },
      );
    }
    agent.destroy();
  }),
);
latencies.sort((a, b) => a - b);
const percentile = (share: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
const result: PacedResult = {
  requests: latencies.length,
  errors,
  bytes: latencies.length === 0 ? 0 : bytes / latencies.length,
  p50Ms: percentile(0.5),
  p99Ms: percentile(0.99),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
