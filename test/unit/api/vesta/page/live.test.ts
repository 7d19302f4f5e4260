import { connect, type Socket } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WebSocket } from "ws";
import { HOLDERS_PROTOCOL, type WireMessage } from "../../../../../api/vesta/page/templates/view.ts";
import { until, within } from "../../../../support/deadline.ts";
import { raw, send } from "../../served.ts";
import { gpu, host, openPageStage, type PageStage, payload } from "./page-stage.ts";

const test = suite("vesta: websocket of the pages");
const WAIT_MS = 60_000;
let stage: PageStage;
const opened: WebSocket[] = [];

test.before.each(async () => {
  stage = await openPageStage({ pageSize: 2, liveSeconds: 0.2 });
  stage.hosts.put(host("a"), host("b", { status: "down" }), host("c"));
});
test.after.each(async () => {
  for (const socket of opened.splice(0)) socket.terminate();
  await stage.close();
});

/** A connection, and the messages that came in. */
class Follower {
  readonly messages: { text: string; json: WireMessage }[] = [];
  readonly socket: WebSocket;
  /** What ended it: the code of the end, or the status of the refusal. */
  readonly ended: Promise<number>;

  constructor(
    path = "/update/client/ws",
    options: { origin?: string; protocol?: string; headers?: Record<string, string> } = {},
  ) {
    const { protocol, ...rest } = options;
    const url = `ws://127.0.0.1:${stage.served.port}${path}`;
    this.socket = new WebSocket(url, protocol === undefined ? [] : [protocol], rest);
    opened.push(this.socket);
    this.socket.on("message", (data) => {
      const text = String(data);
      this.messages.push({ text, json: JSON.parse(text) as WireMessage });
    });
    this.ended = new Promise((resolve) => {
      this.socket.on("error", () => undefined);
      this.socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
      this.socket.on("close", (code) => resolve(code));
    });
  }

  async say(text: string): Promise<this> {
    await until(() => this.socket.readyState === WebSocket.OPEN, WAIT_MS, { describe: "an open connection" });
    this.socket.send(text);
    return this;
  }

  async message(index: number): Promise<WireMessage> {
    await until(() => this.messages.length > index, WAIT_MS, { describe: `message ${index}` });
    return this.messages[index]?.json ?? { update: {}, page_name_list: [], total_page_num: 0 };
  }
}

/** Notes the moments at which the server sends a message; the function ends that. */
function noteSending(moments: number[]): () => void {
  const { send: original } = WebSocket.prototype;
  WebSocket.prototype.send = function (this: WebSocket, ...args: unknown[]): void {
    if (String(args[0]).startsWith("{")) moments.push(performance.now());
    Reflect.apply(original, this, args);
  } as typeof original;
  return () => {
    WebSocket.prototype.send = original;
  };
}

test("V-52, section 12, 17: for the first number all hosts of the page at once, in exactly this form", async () => {
  const follower = await new Follower().say("1");
  assert.equal(await follower.message(0), {
    update: {
      a: {
        data: [{ gpu_data: payload(gpu(0)), timestamp: "11/20/2026 23:39:37" }],
        ip_address: "10.0.0.11",
        status: "running",
      },
      b: { data: [{ gpu_data: {}, timestamp: "11/20/2026 23:39:37" }], ip_address: "10.0.0.11", status: "down" },
    },
    page_name_list: ["a", "b"],
    total_page_num: 2,
  });
});

test("V-52: numbers below 1 count as 1, numbers above the last page as the last", async () => {
  for (const [number, names] of [
    ["0", ["a", "b"]],
    ["-7", ["a", "b"]],
    [" 2 ", ["c"]],
    ["99", ["c"]],
  ] as const) {
    assert.equal((await (await new Follower().say(number)).message(0)).page_name_list, names, number);
  }
});

test("V-52, section 12, 17: afterwards only hosts of the page that changed, status too, no more often than the period, and nothing when nothing changed", async () => {
  const sentAt: number[] = [];
  const noteNoMore = noteSending(sentAt);
  const follower = await new Follower().say("1");
  await follower.message(0);
  stage.hosts.put(host("c", { ipAddress: "10.9.9.9" }));
  for (let round = 1; round <= 50; round++)
    stage.hosts.put(host("a", { payload: payload(gpu(0, { temperature: round })) }));
  assert.equal(Object.keys((await follower.message(1)).update), ["a"]);
  assert.is((await follower.message(1)).update.a?.data[0]?.gpu_data["gpu:0"]?.temperature, 50);
  stage.hosts.put(host("b", { status: "running" }));
  assert.is((await follower.message(2)).update.b?.status, "running");
  // Of what is not on the page nothing is sent: the next message is about a again.
  stage.hosts.put(host("c", { ipAddress: "10.8.8.8" }), host("a", { ipAddress: "10.7.7.7" }));
  assert.equal(Object.keys((await follower.message(3)).update), ["a"]);
  assert.is(follower.messages.length, 4);
  noteNoMore();
  // When they were sent; on their way some may be held up more than others.
  assert.is(sentAt.length, 4);
  for (const [index, at] of sentAt.slice(2).entries()) assert.ok(at - (sentAt[index + 1] ?? 0) > 150, "paced");
});

test("V-52: a changed number brings all hosts of the new page at once; the same number again brings nothing", async () => {
  const follower = await new Follower().say("1");
  await follower.message(0);
  await follower.say("1");
  await follower.say("2");
  assert.equal(Object.keys((await follower.message(1)).update), ["c"]);
  await follower.say("1");
  assert.equal(Object.keys((await follower.message(2)).update), ["a", "b"]);
});

test("V-52: hosts that come and go change the page's list", async () => {
  const follower = await new Follower().say("1");
  await follower.message(0);
  stage.hosts.remove("a");
  assert.equal(await follower.message(1), {
    update: { c: (await follower.message(1)).update.c },
    page_name_list: ["b", "c"],
    total_page_num: 1,
  });
  stage.hosts.remove("b");
  stage.hosts.remove("c");
  await until(() => follower.messages.at(-1)?.json.page_name_list.length === 0, WAIT_MS, { describe: "an empty page" });
  assert.is(follower.messages.at(-1)?.json.total_page_num, 1);
});

test("V-53, section 12, 17: each connection has its own page", async () => {
  const [first, second] = [await new Follower().say("1"), await new Follower("/update/client/ws/?x=1").say("2")];
  await Promise.all([first.message(0), second.message(0)]);
  stage.hosts.put(host("c", { ipAddress: "10.1.1.1" }));
  assert.is((await second.message(1)).update.c?.ip_address, "10.1.1.1");
  assert.is(first.messages.length, 1);
});

test("V-53: before a number nothing is sent; a text that is no number closes, and so do bytes and long texts", async () => {
  const silent = new Follower();
  await until(() => silent.socket.readyState === WebSocket.OPEN, WAIT_MS, { describe: "an open connection" });
  stage.hosts.put(host("a"));
  for (const text of ["", "x", "1.5", "1e3", "١", "9".repeat(40)]) {
    assert.is(await (await new Follower().say(text)).ended, 1008, JSON.stringify(text));
  }
  assert.is(await (await new Follower().say("1".repeat(5_000))).ended, 1009);
  assert.is(silent.messages.length, 0);
  // The server hears of the last end a moment after the client.
  await until(() => stage.live.connections === 1, WAIT_MS, { describe: "one connection is left" });
});

test("V-53: a page of somebody else is refused, one of ours and programs are not", async () => {
  for (const origin of [
    "http://evil.example",
    `http://127.0.0.1:${stage.served.port + 1}`,
    "null",
    "file://",
    "https://127.0.0.1",
  ]) {
    assert.is(await new Follower(undefined, { origin }).ended, 403, origin);
  }
  for (const origin of [`http://127.0.0.1:${stage.served.port}`, `https://127.0.0.1:${stage.served.port}`]) {
    await (await new Follower(undefined, { origin }).say("1")).message(0);
  }
  await (
    await new Follower(undefined, { origin: "https://gpus.example", headers: { Host: "gpus.example:443" } }).say("1")
  ).message(0);
});

test("V-21: the allow-list counts for the websocket too", async () => {
  await stage.close();
  stage = await openPageStage({}, { allow: "10.0.0.0/8" });
  const follower = new Follower();
  assert.is(await follower.ended, 403);
  const answer = await raw(
    stage.served.port,
    "GET /update/client/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*\r\n\r\n\{"status":"ERROR","status_code":403,"message":"forbidden"\}$/);
});

test("V-53: what comes to the websocket's path and is no websocket is refused, and other paths answer as if nothing had been asked", async () => {
  const h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
  const refused = await raw(stage.served.port, `GET /update/client/ws HTTP/1.1\r\nHost: x\r\n${h2c}\r\n`);
  assert.match(refused, /^HTTP\/1\.1 405 /);
  const answered = await raw(
    stage.served.port,
    `GET /?fetch_element=1&element=a HTTP/1.1\r\nHost: x\r\n${h2c.replace("Upgrade,", "close, Upgrade,")}\r\n`,
  );
  assert.match(answered, /^HTTP\/1\.1 200 [\s\S]*"found":true/);
  const body = await send(stage.served.port, "POST", "/", {
    headers: { Connection: "Upgrade", Upgrade: "websocket" },
    body: "x".repeat(1_000),
  });
  assert.is(body.status, 405);
});

test("V-53: connections that end leave nothing behind, however they end", async () => {
  const followers = await Promise.all([1, 2, 3].map(() => new Follower().say("1")));
  await Promise.all(followers.map((one) => one.message(0)));
  assert.is(stage.live.connections, 3);
  followers[0]?.socket.close();
  followers[1]?.socket.terminate();
  (followers[2]?.socket as unknown as { _socket?: Socket })?._socket?.resetAndDestroy();
  await until(() => stage.live.connections === 0, WAIT_MS, { describe: "no connection" });
});

test("V-53: a connection that takes nothing is cut, and what waits for it stays one message", async () => {
  await stage.close();
  stage = await openPageStage({ pageSize: 100, liveSeconds: 0.02 }, { stuckMs: 1_000 });
  const long = (mark: string) =>
    payload(
      gpu(0, { gpu_name: mark.repeat(256) }),
      ...Array.from({ length: 40 }, (_, at) => gpu(at + 1, { more: mark.repeat(1_000) })),
    );
  const socket = connect(stage.served.port, "127.0.0.1");
  socket.on("error", () => undefined);
  await new Promise<void>((done) => socket.once("connect", () => done()));
  socket.pause();
  socket.write(
    "GET /update/client/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  await until(() => stage.live.connections === 1, WAIT_MS, { describe: "the connection" });
  // The text "1" in a frame whose mask is zero.
  socket.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x31]));
  let round = 0;
  await until(
    () => {
      round += 1;
      for (let index = 0; index < 40; index++)
        stage.hosts.put(host(`h${index}`, { payload: long(String(round % 10)) }));
      return stage.live.connections === 0;
    },
    WAIT_MS,
    { describe: "the cut", everyMs: 25 },
  );
  socket.destroy();
});

test("V-54: who holds a GPU is told to those who ask for it by the subprotocol", async () => {
  stage.holdings.set("a", { "gpu:0": { tasks: [{ run: "r", task: "t" }], idleMinutes: 11 } });
  const follower = await new Follower(undefined, { protocol: HOLDERS_PROTOCOL }).say("1");
  const message = await follower.message(0);
  assert.equal(message.holders, { a: { "gpu:0": { tasks: [{ run: "r", task: "t" }], idleMinutes: 11 } }, b: {} });
});

test("V-52: those who ask for it are told of all hosts together, also when a host of another page goes down; others are not", async () => {
  const plain = await new Follower().say("1");
  const follower = await new Follower(undefined, { protocol: HOLDERS_PROTOCOL }).say("1");
  const first = { hosts: 3, gpus: 2, idle: 0, bad: 1, named: [{ name: "b", status: "down", page: 1 }] };
  assert.equal((await follower.message(0)).totals, first);
  stage.hosts.put(host("c", { status: "down" }));
  const { update, totals } = await follower.message(1);
  assert.equal(update, {});
  const named = [...first.named, { name: "c", status: "down", page: 2 }];
  assert.equal(totals, { hosts: 3, gpus: 1, idle: 0, bad: 2, named });
  stage.hosts.put(host("a", { status: "down" }));
  assert.equal(Object.keys((await plain.message(1)).update), ["a"]);
  assert.is((await plain.message(1)).totals, undefined);
});

test("V-53: a server that stops says so, and does not wait for those who do not answer", async () => {
  const follower = await new Follower().say("1");
  await follower.message(0);
  const silent = connect(stage.served.port, "127.0.0.1");
  silent.on("error", () => undefined);
  silent.write(
    "GET /update/client/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  await until(() => stage.live.connections === 2, WAIT_MS, { describe: "two connections" });
  await within(WAIT_MS, () => stage.served.listener.close(WAIT_MS));
  assert.is(await follower.ended, 1001);
  await until(() => stage.live.connections === 0, WAIT_MS, { describe: "no connection" });
});

test.run();
