import { once } from "node:events";
import type { RequestListener } from "node:http";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { listen } from "../../../api/listener.ts";
import { until, within } from "../../support/deadline.ts";

const test = suite("api listener");
const WAIT_MS = 60_000;
const LARGE_BYTES = 64 * 1024 * 1024;
const STALLED_MS = 4_000;
const PAUSE_MS = 10;
const SLOW_BYTES = 8 * 1024 * 1024;

/** Called when a connection of the server is closed. */
let onCut: () => void = () => {};

const handler: RequestListener = (request, response) => {
  request.socket.once("close", () => onCut());
  if (request.url === "/large") response.end(Buffer.alloc(LARGE_BYTES));
  else if (request.url === "/silent") {
    response.write("begun\n");
    setTimeout(() => response.end("ended\n"), 1.5 * STALLED_MS);
  } else setTimeout(() => response.end("late\n"), 1.5 * STALLED_MS);
};

/** Serves while `use` runs. */
async function served(use: (port: number) => Promise<void>): Promise<void> {
  const listener = await listen(handler, { host: "127.0.0.1", port: 0, stalledMs: STALLED_MS });
  try {
    await within(WAIT_MS, () => use(Number(new URL(listener.url).port)));
  } finally {
    await listener.close(0);
  }
}

test("a caller that takes nothing of its answer is cut off", async () => {
  await served(async (port) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    const cut = new Promise<void>((done) => {
      onCut = done;
    });
    let bytes = 0;
    socket.write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    await cut;
    // What the system had taken already can still be read; the end of it shows that the rest never comes.
    const closed = new Promise((done) => socket.once("close", done));
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    await closed;
    assert.ok(bytes < LARGE_BYTES, `${bytes} bytes came`);
  });
});

test("a slow caller that does take it is not, nor is a late answer or a silent stream on a used connection", async () => {
  await served(async (port) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      text = (text + chunk.toString("latin1")).slice(-200);
      if (bytes > SLOW_BYTES) return;
      socket.pause();
      setTimeout(() => socket.resume(), PAUSE_MS);
    });
    await once(socket, "connect");
    const answers: [string, () => boolean][] = [
      ["/large", () => bytes >= LARGE_BYTES],
      ["/late", () => text.endsWith("late\n")],
      ["/silent", () => text.endsWith("ended\n\r\n0\r\n\r\n")],
    ];
    for (const [path, ended] of answers) {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await until(ended, WAIT_MS, { describe: `the answer to ${path}` });
    }
    assert.is(socket.destroyed, false);
    socket.destroy();
  });
});

/** Writes a request in pieces until the server has enough; what it answered, and whether the connection ended well. */
async function told(port: number, start: string, pieces: number, size: number): Promise<[text: string, end: string]> {
  const socket = connect(port, "127.0.0.1");
  let [text, end] = ["", ""];
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("end", () => {
    end ||= "ended";
  });
  socket.on("error", () => {
    end ||= "reset";
  });
  const closed = new Promise<void>((done) => socket.once("close", () => done()));
  socket.write(start);
  for (let n = 0; n < pieces && socket.writable; n++) {
    // Not all in one packet, unless the machine is busy.
    await pause(PAUSE_MS);
    socket.write("a".repeat(size));
  }
  await closed;
  return [text, end];
}

test("C-6, O-3: a head without end is answered in the way of its target, however it is cut into packets", async () => {
  const listener = await listen(handler, {
    host: "127.0.0.1",
    port: 0,
    describeError: (code, target) => ({ type: "text/plain", body: `${code} ${target}` }),
  });
  const port = Number(new URL(listener.url).port);
  try {
    await within(WAIT_MS, async () => {
      for (const [pieces, size] of [
        [8, 20_000],
        [400, 2_000],
        [4, 300_000],
      ] as const) {
        const [text, end] = await told(port, `GET /x/y?z HTTP/1.1\r\nHost: x\r\nX: `, pieces, size);
        assert.match(text, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
        assert.match(text, /\r\n\r\nHeadersTooLarge \/x\/y\?z$/);
        assert.is(end, "ended");
      }
      const [text] = await told(port, "GET /x/", 20, 10_000);
      // The beginning of the target, as much of it as came with the first packet.
      assert.match(text, /^HTTP\/1\.1 431 [\s\S]*\r\n\r\nHeadersTooLarge \/x\/a{0,252}$/);
    });
  } finally {
    await listener.close(0);
  }
});

test.run();
