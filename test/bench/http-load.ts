/**
 * A process that loads an HTTP server: `node http-load.js PORT PATH CLIENTS SECONDS` keeps that many connections busy, each
 * with one request at a time, and prints what it saw as JSON. It reads only lengths, so that the server is what is measured.
 */
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";

const HEADER_END = Buffer.from("\r\n\r\n");
const [port = "", path = "", clients = "", seconds = ""] = process.argv.slice(2);
const request = `GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`;

const latencies: number[] = [];
let bytes = 0;
let errors = 0;
let stopping = false;

/** Sends one request after the other over one connection until the end of the run. */
function client(): Promise<void> {
  return new Promise((done) => {
    const socket: Socket = connect(Number(port), "127.0.0.1");
    socket.setNoDelay(true);
    let header = Buffer.alloc(0);
    let left = -1;
    let sentAt = 0;
    const next = (): void => {
      if (stopping) {
        socket.destroy();
        return;
      }
      header = Buffer.alloc(0);
      left = -1;
      sentAt = performance.now();
      socket.write(request);
    };
    socket.on("connect", next);
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      if (left < 0) {
        header = header.length === 0 ? chunk : Buffer.concat([header, chunk]);
        const end = header.indexOf(HEADER_END);
        if (end < 0) return;
        const text = header.subarray(0, end).toString("latin1");
        const length = /^content-length: (\d+)/im.exec(text)?.[1];
        if (!text.startsWith("HTTP/1.1 200") || length === undefined) {
          errors += 1;
          socket.destroy();
          return;
        }
        left = Number(length) - (header.length - end - HEADER_END.length);
      } else left -= chunk.length;
      if (left > 0) return;
      if (!stopping) latencies.push(performance.now() - sentAt);
      next();
    });
    socket.on("error", () => {
      if (!stopping) errors += 1;
    });
    socket.on("close", () => done());
  });
}

const start = performance.now();
setTimeout(() => {
  stopping = true;
}, Number(seconds) * 1000);
await Promise.all(Array.from({ length: Number(clients) }, client));
const elapsed = (performance.now() - start) / 1000;
latencies.sort((a, b) => a - b);
const percentile = (share: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
process.stdout.write(
  `${JSON.stringify({
    requests: latencies.length,
    errors,
    perSecond: latencies.length / elapsed,
    megabytesPerSecond: bytes / elapsed / 1e6,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  })}\n`,
);
