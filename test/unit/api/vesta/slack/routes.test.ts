// timeout: 180
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Deliveries } from "../../../../../api/vesta/messages/deliveries.ts";
import { messageMetrics } from "../../../../../api/vesta/messages/message-metrics.ts";
import { Outbox } from "../../../../../api/vesta/messages/outbox.ts";
import { slackDelivery } from "../../../../../api/vesta/slack/delivery.ts";
import { People } from "../../../../../api/vesta/slack/people.ts";
import { slackRoutes } from "../../../../../api/vesta/slack/routes.ts";
import { SlackClient } from "../../../../../api/vesta/slack/slack-client.ts";
import { forbidden } from "../../../../../api/vesta/vesta-error.ts";
import { silentLogger } from "../../../../../kube/logger.ts";
import { StoreProblem } from "../../../../../store/store-problem.ts";
import { VestaMessages } from "../../../../../store/vesta-messages.ts";
import { until } from "../../../../support/deadline.ts";
import { BOT_TOKEN, SIGNING_SECRET, SlackServer, slackSignature } from "../../../../support/slack-server.ts";
import { embeddedStores } from "../../../store/store-cases.ts";
import { type ServedVesta, serveVesta } from "../served-vesta.ts";

const test = suite("routes of the Slack bot");
const stores = embeddedStores(test);
let slack: SlackServer;
let served: ServedVesta;
let withoutBot: ServedVesta;
let deliveries: Deliveries;
let outbox: Outbox;
const events: unknown[] = [];
let answering: () => Promise<void> = async () => {};

test.before(async () => {
  slack = await SlackServer.open();
  const messages = new VestaMessages(stores.open("routes.db"));
  const client = new SlackClient({ apiUrl: slack.apiUrl, webhook: "", botToken: BOT_TOKEN });
  const people = new People(client);
  deliveries = new Deliveries({
    ...{ messages, logger: silentLogger, metrics: messageMetrics(new Registry()), isActive: () => true, lookMs: 20 },
    deliver: slackDelivery({ client, people, hasWebhook: false, hasBot: true, contentOf: () => "" }),
    backoff: { baseMs: 1, capMs: 20 },
  });
  deliveries.start();
  outbox = new Outbox(messages, () => deliveries.wake());
  const requireToken = (ctx: { query: Record<string, unknown> }): void => {
    if (ctx.query.token !== "0000") throw forbidden();
  };
  const bot = {
    signingSecret: SIGNING_SECRET,
    answer: async (event: unknown) => {
      events.push(event);
      await answering();
    },
    notifications: { people, outbox, waitMs: 20_000 },
  };
  served = await serveVesta(slackRoutes({ bot, requireToken, logger: silentLogger }));
  withoutBot = await serveVesta(slackRoutes({ bot: undefined, requireToken, logger: silentLogger }));
});

test.after(async () => {
  await deliveries.stop();
  await Promise.all([served.listener.close(0), withoutBot.listener.close(0), slack.close()]);
});

async function event(body: string, headers: Record<string, string> = slackSignature(body), to = served) {
  const answer = await fetch(`${to.listener.url}/notification/slack/events`, { method: "POST", body, headers });
  return { status: answer.status, body: (await answer.json()) as unknown };
}

async function notify(body: string, { to = served, token = "0000" } = {}) {
  const url = `${to.listener.url}/notification/send_notification/slack/?token=${token}`;
  const answer = await fetch(url, { method: "POST", body });
  return { http: answer.status, ...((await answer.json()) as object) };
}

test("V-59: the verification of the address is answered with its challenge", async () => {
  const body = JSON.stringify({ token: "t", challenge: "3eZbrw1aBm2rZgRNFdxV", type: "url_verification" });
  assert.equal(await event(body), { status: 200, body: { challenge: "3eZbrw1aBm2rZgRNFdxV" } });
});

test("V-59: what Slack has not signed is refused with 401 and not looked at", async () => {
  events.length = 0;
  const body = '{"type":"event_callback"}';
  for (const headers of [{}, slackSignature(`${body} `), slackSignature(body, Math.floor(Date.now() / 1_000) - 310)]) {
    const { status, body: answer } = await event(body, headers);
    assert.is(status, 401);
    assert.is((answer as { status_code?: unknown }).status_code, 401);
  }
  assert.equal(events, []);
  assert.is((await event(body, slackSignature(body), withoutBot)).status, 404);
});

test("V-59: everything else is answered with 200, also where the work fails by a fault that would come again", async () => {
  events.length = 0;
  const body = '{ "type": "event_callback",  "event_id": "Ev\u00e9" }';
  assert.is((await event(body)).status, 200);
  assert.equal(events, [JSON.parse(body)]);
  for (const strange of ["", "no json", "[]", "null", "7", '{"type":"app_rate_limited"}']) {
    assert.is((await event(strange)).status, 200, strange);
  }
  answering = () => Promise.reject(new Error("a fault"));
  assert.is((await event(body)).status, 200);
  answering = async () => {};
});

test("V-64: somebody is sent a direct message, by display name or e-mail", async () => {
  slack.members.push(
    { id: "U8", displayName: "ann", deleted: true },
    { id: "U9", displayName: "ann", isBot: true },
    { id: "U1", displayName: "bob", realName: "ann" },
    { id: "U2", realName: "Cid Example", email: "cid@example.org" },
    { id: "U3", displayName: "ann" },
  );
  const sent = { http: 200, status_code: 200, status: "OK", message: "" };
  assert.equal(await notify(JSON.stringify({ text: "one", to: "ann" })), sent);
  assert.equal(await notify(JSON.stringify({ text: "two", to: "cid@example.org" })), sent);
  assert.equal(await notify(JSON.stringify({ text: "three", to: "Cid Example" })), sent);
  assert.equal(
    slack.entries.map(({ channel, text }) => [channel, text]),
    [
      ["DU3", "<@U3>\none"],
      ["DU2", "<@U2>\ntwo"],
      ["DU2", "<@U2>\nthree"],
    ],
  );
  assert.ok(slack.requests.filter((what) => what === "users.list").length > 1, "the list of people has pages");
});

test("V-64, section 12, 7: what is wrong is told with HTTP status 200", async () => {
  const invalid = { http: 200, status: "ERROR", status_code: 400, info: "you need a valid json data" };
  for (const body of [
    "",
    "no json",
    "[]",
    "null",
    '{"text":"a"}',
    '{"to":"ann"}',
    '{"text":1,"to":"ann"}',
    '{"text":"","to":"ann"}',
  ]) {
    assert.equal(await notify(body), invalid, body);
  }
  const someone = JSON.stringify({ text: "a", to: "nobody" });
  assert.equal(await notify(someone), { http: 200, status_code: 400, status: "ERROR", message: "unkown user name" });
  assert.equal(await notify(JSON.stringify({ text: "a", to: "no@example.org" })), {
    ...{ http: 200, status_code: 400, status: "ERROR", message: "unkown user name" },
  });
  assert.equal(await notify(someone, { token: "wrong" }), {
    http: 200,
    status: "ERROR",
    status_code: 403,
    message: "forbidden",
  });
  assert.equal(await notify(someone, { to: withoutBot }), {
    http: 200,
    status: "ERROR",
    status_code: 503,
    message: "no slack bot",
  });
  slack.fail("chat.postMessage", { error: "messages_tab_disabled" });
  assert.equal(await notify(JSON.stringify({ text: "a", to: "ann" })), {
    ...{ http: 200, status: "ERROR", status_code: 500, message: "messages_tab_disabled" },
  });
  slack.fail("users.lookupByEmail", { error: "missing_scope" });
  assert.equal(await notify(JSON.stringify({ text: "a", to: "new@example.org" })), {
    ...{ http: 200, status: "ERROR", status_code: 500, message: "missing_scope" },
  });
});

test("V-64: while Slack is away the message waits, and arrives later", async () => {
  const before = slack.entries.length;
  slack.fail("users.lookupByEmail", "cut");
  slack.fail("chat.postMessage", { status: 503 }, "cut");
  const later = JSON.stringify({ text: "later", to: "cid@example.org" });
  assert.equal(await notify(later), { http: 200, status_code: 200, status: "OK", message: "" });
  for (let left = 600; slack.entries.length === before && left > 0; left -= 1)
    await new Promise((next) => setTimeout(next, 100));
  assert.equal(slack.entries.at(-1)?.text, "<@U2>\nlater");
});

test("V-59: what the store has not taken is answered so that Slack sends it again, and is acted on once", async () => {
  slack.channels.push({ id: "C1", name: "gpus" });
  const asked = { type: "message", channel: "C1", user: "U1", ts: "17.5", text: "ALL" };
  const body = JSON.stringify({ type: "event_callback", event_id: "EvAway", event: asked });
  const before = slack.entries.length;
  const answer = { kind: "post", channel: "C1", text: "an answer" } as const;
  let end: () => void = () => {};
  const troubles = [
    () => Promise.reject(new StoreProblem("unavailable", "no connection to the database at db.example.org")),
    () => new Promise<void>((resolve) => (end = resolve)),
  ];
  for (const trouble of troubles) {
    answering = trouble;
    const { status, body: reply } = await event(body);
    assert.is(status, 503);
    assert.equal(reply, { status: "ERROR", status_code: 503, message: "the event could not be stored; send it again" });
  }
  end();
  // As Slack sends it when the first ones were no success, and once more as if it had not seen this one.
  answering = () => outbox.answerOnce("EvAway", answer);
  assert.is((await event(body)).status, 200);
  assert.is((await event(body)).status, 200);
  await until(() => slack.entries.length, 60_000, { describe: "an answer", accept: (count) => count > before });
  await outbox.put({ ...answer, text: "the next" });
  await until(() => slack.entries.at(-1)?.text, 60_000, {
    describe: "the next",
    accept: (text) => text === "the next",
  });
  assert.equal(
    slack.entries.slice(before).map(({ text }) => text),
    ["an answer", "the next"],
  );
  answering = async () => {};
});

test.run();
