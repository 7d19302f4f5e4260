// timeout: 180
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Deliver, Deliveries } from "../../../../../api/vesta/messages/deliveries.ts";
import type { OutgoingMessage } from "../../../../../api/vesta/messages/message.ts";
import { messageMetrics } from "../../../../../api/vesta/messages/message-metrics.ts";
import { Outbox } from "../../../../../api/vesta/messages/outbox.ts";
import { slackDelivery } from "../../../../../api/vesta/slack/delivery.ts";
import { People } from "../../../../../api/vesta/slack/people.ts";
import { SlackClient } from "../../../../../api/vesta/slack/slack-client.ts";
import type { EmbeddedSql } from "../../../../../store/embedded.ts";
import { VestaMessages } from "../../../../../store/vesta-messages.ts";
import { until } from "../../../../support/deadline.ts";
import { BOT_TOKEN, SlackServer } from "../../../../support/slack-server.ts";
import { embeddedStores } from "../../../store/store-cases.ts";

const test = suite("deliveries to Slack");
const stores = embeddedStores(test);
const LONG_MS = 60_000;
let count = 0;

interface World {
  sql: EmbeddedSql;
  messages: VestaMessages;
  outbox: Outbox;
  deliveries: Deliveries;
  slack: SlackServer;
  log: string[];
  registry: Registry;
  stop(): Promise<void>;
}

interface WorldOptions {
  now?: () => number;
  claimMs?: number;
  slack?: SlackServer;
  store?: string;
  isActive?: () => boolean;
  botToken?: string;
  deliver?: Deliver;
}

/** A process that sends, with its queue and a Slack of its own unless one is given. */
async function world(options: WorldOptions = {}): Promise<World> {
  const slack = options.slack ?? (await SlackServer.open());
  slack.members.push({ id: "U1", displayName: "ann" });
  slack.channels.push({ id: "C0000001", name: "gpus" });
  const sql = stores.open(options.store ?? `deliveries-${count++}.db`);
  const messages = new VestaMessages(sql);
  const client = new SlackClient({
    apiUrl: slack.apiUrl,
    webhook: slack.webhookUrl,
    botToken: options.botToken ?? BOT_TOKEN,
  });
  const log: string[] = [];
  const note = (fields: object, text: string): void => void log.push(`${text} ${JSON.stringify(fields)}`);
  const registry = new Registry();
  const deliveries = new Deliveries({
    messages,
    deliver:
      options.deliver ??
      slackDelivery({
        ...{ client, people: new People(client), hasWebhook: true, hasBot: true },
        contentOf: (shown) => (shown.show === "host" ? `about ${shown.host}\n` : `${shown.show}\n`),
      }),
    isActive: options.isActive ?? (() => true),
    metrics: messageMetrics(registry),
    logger: { debug: note, info: note, warn: note, error: note },
    lookMs: 20,
    backoff: { baseMs: 1, capMs: 20 },
    ...(options.now === undefined ? {} : { now: options.now }),
    ...(options.claimMs === undefined ? {} : { claimMs: options.claimMs }),
  });
  const outbox = new Outbox(messages, () => deliveries.wake(), options.now);
  deliveries.start();
  return {
    ...{ sql, messages, outbox, deliveries, slack, log, registry },
    async stop() {
      await deliveries.stop();
      if (options.slack === undefined) await slack.close();
    },
  };
}

function webhook(text: string): OutgoingMessage {
  return { kind: "webhook", text };
}

async function emptied({ messages }: World): Promise<void> {
  await until(async () => (await messages.count()) === 0, LONG_MS, { describe: "the queue is empty" });
}

async function metric({ registry }: World, result: string): Promise<number | undefined> {
  const found = await registry.getSingleMetric("odin_vesta_messages_total")?.get();
  return found?.values.find(({ labels }) => labels.result === result)?.value;
}

test("V-57: messages arrive at the webhook in their order, through errors, limits and broken connections", async () => {
  const it = await world();
  it.slack.fail("webhook", { status: 500, body: "rollup_error" }, "cut", { status: 404, body: "no_service" });
  it.slack.fail("webhook", { status: 302, headers: { Location: it.slack.webhookUrl } });
  const texts = Array.from({ length: 20 }, (_, n) => `message ${n} ⬆︎ "quoted" \n <b>`);
  for (const text of texts) await it.outbox.put(webhook(text));
  it.slack.fail("webhook", { status: 429, headers: { "Retry-After": "0" } });
  await emptied(it);
  assert.equal(it.slack.webhookTexts, texts);
  assert.is(await metric(it, "sent"), 20);
  assert.is(await metric(it, "put off"), 5);
  await it.stop();
});

test("V-57: Retry-After is kept to, for the target that it is about", async () => {
  let now = 1_000_000;
  const it = await world({ now: () => now });
  it.slack.fail("webhook", { status: 429, headers: { "Retry-After": "3600" } });
  await it.outbox.put(webhook("later"));
  await it.outbox.put({ kind: "post", channel: "C0000001", text: "now" });
  await until(() => it.slack.entries.length === 1, LONG_MS, { describe: "the other message arrives" });
  await until(async () => (await it.messages.nextAt()) === now + 3_600_000, LONG_MS, { describe: "it is put off" });
  assert.equal(it.slack.webhookTexts, []);
  now += 3_599_000;
  it.deliveries.wake();
  await it.outbox.put({ kind: "post", channel: "C0000001", text: "again" });
  await until(() => it.slack.entries.length === 2, LONG_MS, { describe: "a look was taken" });
  assert.equal(it.slack.webhookTexts, []);
  now += 1_000;
  await emptied(it);
  assert.equal(it.slack.webhookTexts, ["later"]);
  await it.stop();
});

test("V-57: what Slack has not taken for a day is given up, and only then", async () => {
  let now = 1_000_000;
  const it = await world({ now: () => now });
  it.slack.fail("webhook", ...Array.from({ length: 1_000 }, () => ({ status: 403, body: "invalid_token" })));
  await it.outbox.put(webhook("old"));
  await until(() => it.slack.requests.length > 0, LONG_MS, { describe: "it is tried" });
  now += 24 * 3_600_000 - 1_000;
  await it.outbox.put(webhook("new"));
  assert.is(await it.messages.count(), 2);
  const aged = async (): Promise<number> => {
    now += 61_000;
    it.deliveries.wake();
    return await it.messages.count();
  };
  await until(aged, LONG_MS, { describe: "the old one is given up", accept: (left) => left === 1 });
  assert.is(await metric(it, "given up"), 1);
  it.slack.mend();
  now += 60_000;
  await emptied(it);
  assert.equal(it.slack.webhookTexts, ["new"]);
  await it.stop();
});

test("V-57: what was put into the queue before is sent by the process that comes next", async () => {
  const store = `next-${count++}.db`;
  const first = await world({ store, isActive: () => false });
  for (const n of [1, 2, 3]) await first.outbox.put(webhook(String(n)));
  await first.deliveries.stop();
  assert.equal(first.slack.webhookTexts, []);
  const second = await world({ store, slack: first.slack });
  await emptied(second);
  assert.equal(first.slack.webhookTexts, ["1", "2", "3"]);
  await second.stop();
  await first.stop();
});

test("V-57: of two processes that both believe to be the one, each message is sent by one", async () => {
  const store = `both-${count++}.db`;
  const one = await world({ store });
  const other = await world({ store, slack: one.slack });
  const texts = Array.from({ length: 30 }, (_, n) => String(n));
  for (const text of texts) await one.outbox.put(webhook(text));
  await emptied(one);
  assert.equal(one.slack.webhookTexts, texts);
  await other.stop();
  await one.stop();
});

test("V-57: what Slack has taken is not sent again while the store cannot write that it has", async () => {
  const it = await world({ claimMs: 500 });
  const done = it.messages.done.bind(it.messages);
  let failures = 0;
  it.messages.done = async (id) => {
    failures += 1;
    if (failures < 12) throw new Error("the disk is full");
    await done(id);
  };
  await it.outbox.put(webhook("once"));
  await emptied(it);
  assert.ok(failures >= 12);
  assert.equal(it.slack.webhookTexts, ["once"]);
  await it.stop();
});

test("V-57: nothing that is logged or stored shows the webhook's address or the token", async () => {
  const it = await world({ botToken: "xoxb-wrong-token" });
  it.slack.fail("webhook", "cut", { status: 500, body: `<html>${it.slack.webhookUrl}</html>` }, "cut");
  await it.outbox.put(webhook("text"));
  await it.outbox.put({ kind: "person", to: "ann@example.org", text: "hello" });
  await until(() => it.slack.webhookTexts.length === 1, LONG_MS, { describe: "the message arrives" });
  await until(() => it.log.some((line) => line.includes("invalid_auth")), LONG_MS, { describe: "Slack refuses" });
  await it.stop();
  const rows = JSON.stringify(await it.sql.read({ text: "SELECT * FROM vesta_message" }));
  for (const text of [it.log.join("\n"), rows, await it.registry.metrics()]) {
    assert.not.match(text, "webhook-secret");
    assert.not.match(text, "xoxb-");
  }
  assert.not.match(it.log.join("\n"), "ann@example.org");
  assert.match(it.log.join("\n"), /a message to Slack did not arrive.*"target":"webhook"/);
});

test("V-59: a message of the bot whose answer was lost is found in its conversation, and not sent again", async () => {
  const it = await world();
  it.slack.fail("chat.postMessage", "cutAfter", "cut");
  await it.outbox.put({ kind: "post", channel: "C0000001", thread: "17.1", text: "in a thread" });
  await it.outbox.put({ kind: "post", channel: "C0000001", text: "cut before" });
  it.slack.fail("files.completeUploadExternal", "cutAfter");
  const content = { show: "all" } as const;
  await it.outbox.put({ kind: "file", channel: "DU1", title: "response: ALL", name: "ALL.txt", content });
  await emptied(it);
  const texts = it.slack.entries.map(({ text, file }) => file?.content ?? text);
  assert.equal(texts.sort(), ["all\n", "cut before", "in a thread"]);
  await it.stop();
});

test("V-57: the answer to a message that was under way when its process died decides nothing: it is sent, and may then be there twice", async () => {
  const store = `died-${count++}.db`;
  const it = await world({ store, isActive: () => false });
  await it.outbox.put(webhook("perhaps"));
  await it.outbox.put({ kind: "post", channel: "C0000001", text: "surely once" });
  // A process that begins both tries, is heard by Slack, and dies before it can write that.
  for (const { id } of await it.messages.heads(Date.now(), Date.now()))
    await it.messages.begin(id, Date.now(), Date.now());
  const [, posted] = (await it.sql.read({ text: "SELECT message_key FROM vesta_message ORDER BY id" })) ?? [];
  it.slack.webhookTexts.push("perhaps");
  it.slack.entries.push({
    channel: "C0000001",
    ts: String(Date.now() / 1_000),
    text: "surely once",
    metadata: { event_type: "vesta_message", event_payload: { key: posted?.message_key } },
  });
  const next = await world({ store, slack: it.slack, claimMs: 100 });
  await emptied(next);
  assert.equal(it.slack.webhookTexts, ["perhaps", "perhaps"]);
  assert.equal(
    it.slack.entries.map(({ text }) => text),
    ["surely once"],
  );
  await next.stop();
  await it.stop();
});

test("V-59, section 12, 19: the bot's messages and files reach channels, threads and people", async () => {
  const it = await world();
  await it.outbox.put({ kind: "post", channel: "C0000001", thread: "17.5", text: "<@U1>\nhello" });
  await it.outbox.put({ kind: "direct", user: "U1", text: "<@U1>\nyou" });
  await it.outbox.put({ kind: "person", to: "ann", text: "by name" });
  const content = { show: "host", host: "gpu-1" } as const;
  await it.outbox.put({
    ...{ kind: "file", channel: "#gpus", thread: "17.5", content },
    ...{ title: "response: gpu-1", name: "gpu-1.txt", comment: "<@U1>" },
  });
  await emptied(it);
  const seen = it.slack.entries.map(({ channel, thread, text, file, unfurls }) => {
    const { id: _, ...shown } = file ?? { id: "" };
    return { channel, thread, text, file: file && shown, unfurls };
  });
  assert.equal(
    seen.find(({ file }) => file !== undefined),
    {
      ...{ channel: "C0000001", thread: "17.5", text: "<@U1>", unfurls: undefined },
      file: { title: "response: gpu-1", name: "gpu-1.txt", content: "about gpu-1\n" },
    },
  );
  assert.equal(
    seen
      .filter(({ file }) => file === undefined)
      .map(({ channel, thread, text }) => [channel, thread, text])
      .sort(),
    [
      ["C0000001", "17.5", "<@U1>\nhello"],
      ["DU1", undefined, "<@U1>\nby name"],
      ["DU1", undefined, "<@U1>\nyou"],
    ],
  );
  assert.ok(seen.every(({ unfurls }) => unfurls !== true));
  await it.stop();
});

test("V-59: what Slack refuses for good is not tried for ever, and holds nobody up", async () => {
  const it = await world();
  const key = await it.outbox.put({ kind: "post", channel: "C0000001", text: "no" });
  it.slack.fail("chat.postMessage", { error: "ratelimited" }, { error: "msg_too_long" });
  await it.outbox.put({ kind: "post", channel: "C0000001", text: "yes" });
  await emptied(it);
  assert.equal(await it.outbox.state(key), { state: "refused", problem: "msg_too_long" });
  assert.equal(
    it.slack.entries.map(({ text }) => text),
    ["yes"],
  );
  assert.is(it.log.filter((line) => line.startsWith("Slack refuses a message")).length, 1);
  await it.stop();
});

test.run();
