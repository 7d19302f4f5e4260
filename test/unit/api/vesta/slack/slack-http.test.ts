// timeout: 120

import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { connect, createServer as createTcpServer } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { proxyFor } from "../../../../../api/vesta/slack/proxy.ts";
import { SlackClient } from "../../../../../api/vesta/slack/slack-client.ts";
import { postToSlack, retryAfterMs } from "../../../../../api/vesta/slack/slack-http.ts";
import { SlackProblem } from "../../../../../api/vesta/slack/slack-problem.ts";
import { createAuthority } from "../../../../../local/x509.ts";
import { SlackServer } from "../../../../support/slack-server.ts";

const test = suite("requests to Slack");

async function problemOf(work: Promise<unknown>): Promise<SlackProblem> {
  try {
    await work;
  } catch (error) {
    if (error instanceof SlackProblem) return error;
    throw error;
  }
  throw new Error("it worked");
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

test("V-57: a request has ten seconds, and what was sent and not answered is unsure", async () => {
  const slack = await SlackServer.open();
  slack.fail("webhook", "hang");
  const began = performance.now();
  const problem = await problemOf(postToSlack(slack.webhookUrl, { type: "application/json", body: '{"text":"a"}' }));
  assert.ok(performance.now() - began > 9_000);
  assert.is(problem.kind, "retry");
  assert.is(problem.unsure, true);
  assert.match(problem.message, /^no answer of 127\.0\.0\.1:\d+: not within 10 s$/);
  const { apiUrl } = slack;
  await slack.close();
  const away = await problemOf(postToSlack(apiUrl, { type: "text/plain", body: "a" }));
  assert.equal([away.kind, away.unsure], ["retry", false], "nobody was there to take it");
});

test("V-57: a server that nobody vouches for is sent nothing", async () => {
  const { certificate: cert, key } = createAuthority("nobody");
  let isAsked = false;
  const server = createServer({ cert, key }, (_, response) => {
    isAsked = true;
    response.end("ok");
  });
  const port = await listening(server);
  const client = new SlackClient({ apiUrl: "", webhook: `https://127.0.0.1:${port}/secret`, botToken: "" });
  const problem = await problemOf(client.webhook("text"));
  assert.equal([problem.kind, problem.unsure, isAsked], ["retry", false, false]);
  assert.not.match(problem.message, "secret");
  server.close();
});

test("V-57: an encrypted server is reached by the proxy of the environment", async () => {
  const { certificate: cert, key } = createAuthority("nobody");
  const server = createServer({ cert, key }, (_, response) => response.end("ok"));
  const port = await listening(server);
  const asked: string[] = [];
  const proxy = createHttpServer();
  proxy.on("connect", (request, socket) => {
    asked.push(request.url ?? "");
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
  });
  process.env.HTTPS_PROXY = `http://127.0.0.1:${await listening(proxy)}`;
  const problem = await problemOf(postToSlack("https://slack.example/api/x", { type: "text/plain", body: "a" }));
  delete process.env.HTTPS_PROXY;
  assert.equal(asked, ["slack.example:443"]);
  // It got as far as the certificate.
  assert.match(problem.message, /^no answer of slack\.example: .*(CERT|PURPOSE)/);
  proxy.close();
  server.close();
});

test("V-57: which servers a proxy is for", () => {
  const by = (env: Record<string, string>, url = "https://hooks.slack.com/x"): string | undefined =>
    proxyFor(new URL(url), env)?.host;
  assert.is(by({}), undefined);
  assert.is(by({ HTTPS_PROXY: "http://proxy:3128" }), "proxy:3128");
  assert.is(by({ https_proxy: "proxy:3128", HTTPS_PROXY: "http://other" }), "proxy:3128");
  assert.is(by({ HTTPS_PROXY: "http://proxy" }, "http://127.0.0.1/x"), undefined);
  for (const except of ["*", "slack.com", ".slack.com", "*.slack.com", "a, hooks.slack.com:443 b"]) {
    assert.is(by({ HTTPS_PROXY: "http://proxy", NO_PROXY: except }), undefined, except);
  }
  for (const except of ["", "ack.com", "hooks.slack.com:8443", "hooks"]) {
    assert.is(by({ HTTPS_PROXY: "http://proxy", no_proxy: except }), "proxy", except);
  }
});

test("V-57: Retry-After in seconds and as a date", () => {
  const now = (): number => Date.parse("2026-11-20T12:00:00Z");
  assert.is(retryAfterMs("30", now), 30_000);
  assert.is(retryAfterMs("0", now), 0);
  assert.is(retryAfterMs("Fri, 20 Nov 2026 12:01:00 GMT", now), 60_000);
  assert.is(retryAfterMs("Fri, 20 Nov 2026 11:00:00 GMT", now), 0);
  assert.is(retryAfterMs("soon", now), undefined);
  assert.is(retryAfterMs(undefined, now), undefined);
});

test("V-59: answers that are not Slack's, or never end, are troubles that pass", async () => {
  const replies = ["<html>", "[]", '{"ok":"yes"}', "null", ""];
  const server = createHttpServer((_, response) => response.end(replies.shift() ?? "x".repeat(9 * 1024 * 1024)));
  const port = await listening(server);
  const client = new SlackClient({ apiUrl: `http://127.0.0.1:${port}/api`, webhook: "", botToken: "xoxb-1" });
  for (let left = 6; left > 0; left -= 1) {
    const problem = await problemOf(client.json("chat.postMessage", { text: "a" }));
    assert.ok(problem.kind === "retry" || problem.code === "unknown_error", problem.message);
    assert.not.match(problem.message, /xoxb|html/);
  }
  server.close();
  const rubbish = createTcpServer((socket) => socket.end("220 smtp.example ESMTP\r\n"));
  const at = `http://127.0.0.1:${await listening(rubbish)}/`;
  assert.is((await problemOf(postToSlack(at, { type: "text/plain", body: "a" }))).kind, "retry");
  rubbish.close();
});

test.run();
