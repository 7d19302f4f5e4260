import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { KubeConfig } from "@kubernetes/client-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type WebSocket, WebSocketServer } from "ws";
import { KubeClient } from "../../../kube/client.ts";
import { isKubeError, type KubeError } from "../../../kube/errors.ts";
import { type ExecOptions, execInPod } from "../../../kube/exec.ts";
import { until, within } from "../../support/deadline.ts";

const WAIT_MS = 60_000;
const [STDOUT, STDERR, STATUS] = [1, 2, 3];

const test = suite("programs in pods");
const sockets = new WebSocketServer({ noServer: true, autoPong: false, handleProtocols: () => "v5.channel.k8s.io" });
let server: Server;
let client: KubeClient;
let requests: IncomingMessage[] = [];
let serve: (socket: WebSocket) => void = () => undefined;
let refuse: ((socket: Duplex) => void) | undefined;
let pongs = true;

test.before(async () => {
  server = createServer();
  server.on("upgrade", (request, socket, head) => {
    requests.push(request);
    if (refuse !== undefined) return refuse(socket);
    sockets.handleUpgrade(request, socket, head, (opened) => {
      opened.on("ping", () => pongs && opened.pong());
      opened.on("error", () => undefined);
      serve(opened);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromOptions({
    clusters: [{ name: "c", server: `http://127.0.0.1:${port}/base` }],
    users: [{ name: "u", token: "secret" }],
    contexts: [{ name: "x", cluster: "c", user: "u" }],
    currentContext: "x",
  });
  client = new KubeClient({ kubeConfig, userAgent: "test" });
});
test.before.each(() => {
  requests = [];
  refuse = undefined;
  pongs = true;
});
test.after(() => {
  client.close();
  for (const socket of sockets.clients) socket.terminate();
  server.closeAllConnections();
  server.close();
});

function send(socket: WebSocket, channel: number | undefined, data: string | Buffer): void {
  socket.send(Buffer.concat([Buffer.from([channel ?? 0]), Buffer.from(data)]));
}

function end(socket: WebSocket, status: object = { status: "Success" }): void {
  send(socket, STATUS, JSON.stringify(status));
  socket.close();
}

interface Ran {
  result: Promise<number>;
  stdout(): string;
  stderr(): string;
}

function run(options: Partial<ExecOptions> = {}): Ran {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const result = execInPod(client, {
    namespace: "ns",
    pod: "p-0",
    container: "worker",
    command: ["echo", "a b&c", ""],
    signal: new AbortController().signal,
    onData: (stream, chunk) => {
      chunks[stream].push(chunk);
    },
    ...options,
  });
  result.catch(() => undefined);
  return {
    result: within(WAIT_MS, () => result),
    stdout: () => Buffer.concat(chunks.stdout).toString(),
    stderr: () => Buffer.concat(chunks.stderr).toString(),
  };
}

async function errorOf(work: Promise<unknown>): Promise<KubeError> {
  try {
    await work;
  } catch (error) {
    if (isKubeError(error)) return error;
    throw error;
  }
  throw new Error("it worked");
}

test("M-50: both streams come apart from each other, with the exit status of the program", async () => {
  serve = (socket) => {
    send(socket, STDOUT, "");
    send(socket, STDOUT, "out 1\n");
    send(socket, STDERR, "err\n");
    send(socket, STDOUT, "out 2\n");
    end(socket, {
      status: "Failure",
      reason: "NonZeroExitCode",
      details: { causes: [{ reason: "ExitCode", message: "3" }] },
    });
  };
  const ran = run();
  assert.is(await ran.result, 3);
  assert.is(ran.stdout(), "out 1\nout 2\n");
  assert.is(ran.stderr(), "err\n");
  const [request] = requests;
  const url = new URL(request?.url ?? "", "http://x");
  assert.is(url.pathname, "/base/api/v1/namespaces/ns/pods/p-0/exec");
  assert.equal(url.searchParams.getAll("command"), ["echo", "a b&c", ""]);
  assert.is(url.searchParams.get("container"), "worker");
  assert.is(url.searchParams.get("stdin"), null);
  assert.is(request?.headers.authorization, "Bearer secret");
  assert.is(request?.headers.accept, undefined, "API servers have nothing acceptable to say");
});

test("M-50: a program that ends well has the status 0, also where the server does not close", async () => {
  serve = (socket) => send(socket, STATUS, '{"status":"Success"}');
  assert.is(await run({ timings: { closeMs: 50 } }).result, 0);
});

test("M-51: a connection that ends before the program does is told apart from its end", async () => {
  serve = (socket) => {
    send(socket, STDOUT, "half a li");
    socket.terminate();
  };
  const ran = run();
  const error = await errorOf(ran.result);
  assert.is(error.category, "transient");
  assert.match(error.message, "the connection ended before the program did");
});

test("M-51: a connection over which nothing comes any more, not even a pong, counts as broken", async () => {
  pongs = false;
  serve = () => undefined;
  const error = await errorOf(run({ timings: { pingMs: 20, silenceMs: 100 } }).result);
  assert.is(error.category, "transient");
  assert.match(error.message, "no sign of life");
});

test("M-51: a silent program is waited for as long as the server answers pings", async () => {
  let pings = 0;
  serve = (socket) => {
    socket.on("ping", () => {
      pings += 1;
      // Further ones may be on their way by then.
      if (pings === 20) end(socket);
    });
  };
  assert.is(await run({ timings: { pingMs: 20, silenceMs: WAIT_MS } }).result, 0);
  assert.ok(pings >= 20, `${pings}`);
});

test("a program that the node cannot start is told with the node's words", async () => {
  serve = (socket) =>
    end(socket, { status: "Failure", reason: "InternalError", message: 'exec: "/bin/sh": no such file or directory' });
  const error = await errorOf(run().result);
  assert.is(error.reason, "ExecFailed");
  assert.match(error.message, 'exec in pod ns/p-0: exec: "/bin/sh": no such file');
});

test("an end told in words that are no JSON is an error and not the end of the process", async () => {
  serve = (socket) => send(socket, STATUS, "{rubbish");
  assert.is((await errorOf(run().result)).reason, "ExecFailed");
});

test("what belongs to no channel is passed over", async () => {
  serve = (socket) => {
    socket.send("text");
    socket.send(Buffer.alloc(0));
    send(socket, 9, "unknown");
    send(socket, 255, "x");
    send(socket, STDOUT, "kept");
    end(socket);
  };
  const ran = run();
  assert.is(await ran.result, 0);
  assert.is(ran.stdout(), "kept");
});

test("a refusal is the server's error", async () => {
  const body = JSON.stringify({ kind: "Status", reason: "NotFound", message: 'pods "p-0" not found', code: 404 });
  refuse = (socket) =>
    socket.end(`HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  const error = await errorOf(run().result);
  assert.is(error.category, "notFound");
  assert.match(error.message, 'pods "p-0" not found');
});

test("a refusal without end is read to a bound", async () => {
  refuse = (socket) => {
    socket.on("error", () => undefined);
    socket.write("HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n");
    const more = (): void => {
      if (socket.writable) socket.write(Buffer.alloc(32 * 1024, "x"), () => setImmediate(more));
    };
    more();
  };
  const error = await errorOf(run().result);
  assert.is(error.code, 500);
  assert.ok(error.message.length < 1_000);
});

test("credentials are read again after a 401, and only once", async () => {
  refuse = (socket) => socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
  assert.is((await errorOf(run().result)).category, "unauthorized");
  assert.is(requests.length, 2);
});

test("a client that may not write starts no program", async () => {
  const error = await errorOf(
    execInPod(
      client.guarded(() => false),
      {
        namespace: "ns",
        pod: "p-0",
        container: "worker",
        command: ["x"],
        signal: new AbortController().signal,
        onData: () => undefined,
      },
    ),
  );
  assert.is(error.reason, "NotLeader");
  assert.is(requests.length, 0);
});

test("the caller's signal ends the connection", async () => {
  let closed = false;
  const abort = new AbortController();
  serve = (socket) => {
    socket.once("close", () => {
      closed = true;
    });
    send(socket, STDOUT, "x");
  };
  const ran = run({ signal: abort.signal, onData: () => abort.abort() });
  assert.is((await errorOf(ran.result)).category, "aborted");
  await until(() => closed, WAIT_MS, { describe: "the server's end closed" });
  assert.is((await errorOf(run({ signal: abort.signal }).result)).category, "aborted");
});

test("output that is taken slowly holds the sender back, and none of it is lost", async () => {
  const piece = Buffer.alloc(32 * 1024, "x");
  const pieces = 3_000;
  let sent = 0;
  serve = (socket) => {
    const more = (): void => {
      if (sent === pieces) {
        end(socket);
        return;
      }
      sent += 1;
      socket.send(Buffer.concat([Buffer.from([STDOUT ?? 1]), piece]), more);
    };
    more();
  };
  let taken = 0;
  let release: () => void = () => undefined;
  const released = new Promise<void>((done) => {
    release = done;
  });
  const ran = run({
    onData: async (_stream, chunk) => {
      taken += chunk.length;
      await released;
    },
  });
  let before = -1;
  await until(
    () => {
      const isStill = sent > 0 && sent === before;
      before = sent;
      return isStill;
    },
    WAIT_MS,
    { describe: "a sender that is held back", everyMs: 500 },
  );
  assert.ok(sent < pieces, `${sent} of ${pieces} pieces were sent although nobody took them`);
  assert.is(taken, piece.length);
  release();
  assert.is(await ran.result, 0);
  assert.is(taken, pieces * piece.length);
});

test("whoever takes the output can refuse it, which ends the connection", async () => {
  serve = (socket) => send(socket, STDOUT, "x");
  const ran = run({ onData: () => Promise.reject(new Error("the store is full")) });
  try {
    await ran.result;
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, "the store is full");
  }
});

test.run();
