// timeout: 900
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { blocksOf } from "../../support/documents.ts";
import { kubectl, testVariable } from "../../support/kubectl.ts";
import type { OdinProcess } from "../../support/odin-process.ts";
import { PageShell, SLACK_PAGE } from "../../support/page-shell.ts";
import { BOT_TOKEN, SIGNING_SECRET, SlackServer } from "../../support/slack-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { send, sendJson } from "../../unit/api/served.ts";
import { MACHINE_TOKEN, postEvent, QUERY_TOKEN, slackProcess } from "./slack-process.ts";

const test = suite("vesta and Slack, the program");
const LONG_MS = 240_000;

const GPU = {
  ...{ device_num: 0, uuid: "GPU-1", gpu_name: "GeForce GTX 1080 Ti", timestamp: "2026/11/20 23:39:31.204" },
  ...{ temperature: 61, total_memory: 11_169, available_memory: 3_151, used_memory: 8_018, gpu_volatile: 92 },
  processes: [{ pid: "1", name: "train", user: "ann", used_memory: 8_018 }],
};

/** The scopes that a method asks for. */
const SCOPES: Readonly<Record<string, readonly string[]>> = {
  webhook: ["incoming-webhook"],
  "chat.postMessage": ["chat:write"],
  "conversations.open": ["im:write"],
  "users.list": ["users:read"],
  "files.getUploadURLExternal": ["files:write"],
};

let namespace: TemporaryNamespace;
let place: TemporaryDirectory;
let slack: SlackServer;
let api: OdinProcess;
let port = 0;
const said: string[] = [];

test.before(async () => {
  namespace = await temporaryNamespace("vesta-slack");
  place = await temporaryDirectory();
  slack = await SlackServer.open();
  slack.members.push({ id: "U1", displayName: "ann" });
  slack.channels.push({ id: "C0000001", name: "gpus" });
});
test.after(async () => {
  await api?.end("SIGKILL");
  await slack.close();
  await kubectl("delete", "lease", `${namespace.name}-vesta`, "--ignore-not-found");
  await namespace.remove();
  await place.remove();
});

async function start(env: Record<string, string> = {}): Promise<void> {
  if (api !== undefined) said.push(api.output);
  api = slackProcess(namespace.name, slack, {
    ODIN_STORE: join(place.path, "store.db"),
    ODIN_LOG_LEVEL: "debug",
    VESTA_IP: "gpus.example.org",
    ...env,
  });
  await api.untilSaid('"msg":"ready"');
  port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(api.output)?.[1]);
}

/** What a message is about: the word between its first back-quotes. */
function kinds(): string[] {
  return slack.webhookTexts.map((text) => (/`\s*(\w+)\s*`/.exec(text)?.[1] ?? text).split("\n")[0] ?? "");
}

async function event(id: string, text: string): Promise<number> {
  return await postEvent(port, id, { text, ts: "1700000000.000100" });
}

test("V-57, V-11: what happened while Slack was away arrives once and in its order, although the process was killed", async () => {
  slack.fail("webhook", ...Array.from({ length: 10_000 }, () => ({ status: 503 })));
  // With the two seconds of the others the machine could be down before the kill, and there would be a message of that.
  await start({ VESTA_DOWN_TH: "3600" });
  const query = `host_name=lab&token=${QUERY_TOKEN}`;
  const { id } = (
    await until(() => send(port, "GET", `/register/?${query}`), LONG_MS, {
      describe: "a machine is registered",
      accept: ({ json }) => json.status === "OK",
    })
  ).json as { id: string };
  // Said once the try has its outcome in the store: one without would be left alone for a minute after the kill.
  await api.untilSaid("a message to Slack did not arrive");
  await api.end("SIGKILL");
  await start();
  await until(() => api.output.includes("this process leads now"), LONG_MS, { describe: "it leads" });
  slack.mend();
  const told = (): boolean => kinds().length >= 3;
  await until(told, LONG_MS, { describe: "the messages arrive" });
  assert.equal(kinds(), ["Server has been started.", "Uplink", "Server has been started."]);
  const post = await sendJson(port, "POST", `/update/host/${id}?token=${QUERY_TOKEN}`, { "gpu:0": GPU });
  assert.equal(post.json, { status: "OK", status_code: 200 });
  await until(() => kinds().length >= 5, LONG_MS, { describe: "it is up and then down" });
  assert.equal(kinds().slice(3), ["Up", "Down"]);
  assert.match(slack.webhookTexts[0] ?? "", "Check `gpus.example.org:8080/` (bind : `0.0.0.0`)");
  assert.match(slack.webhookTexts[4] ?? "", "`lab` has been lost more than 2 sec");
});

test("V-59, V-61: the bot answers with a file in the message's thread, once however often it is told", async () => {
  for (const attempt of [1, 2, 3]) assert.is(await event("Ev1", "ALL"), 200, `attempt ${attempt}`);
  assert.is(await event("Ev2", "WHERE lab"), 200);
  await until(() => slack.entries.length >= 2, LONG_MS, { describe: "two answers" });
  const file = slack.entries.find((entry) => entry.file !== undefined);
  assert.equal(
    [file?.thread, file?.text, file?.file?.title, file?.file?.name, file?.file?.content],
    [...["1700000000.000100", "<@U1>", "response: ALL", "ALL.txt", "lab              : DEAD\n\n"]],
  );
  const where = slack.entries.find((entry) => entry.file === undefined);
  assert.match(where?.text ?? "", /^<@U1>\n```\nInfo:\n {4}Host name {3}: lab\n {4}IP address {2}: 127\.0\.0\.1\n/);
  await event("Ev3", "HOSTS");
  await until(() => slack.entries.length >= 3, LONG_MS, { describe: "the third answer" });
  assert.is(slack.entries.length, 3);
});

test("V-64: a direct message by HTTP, with the token of machines", async () => {
  const path = "/notification/send_notification/slack/?token=";
  const message = { text: "hello", to: "ann" };
  const sent = await sendJson(port, "POST", `${path}${QUERY_TOKEN}`, message);
  assert.equal(sent.json, { status_code: 200, status: "OK", message: "" });
  assert.is(slack.entries.at(-1)?.text, "<@U1>\nhello");
  assert.equal((await sendJson(port, "POST", `${path}no`, message)).json, {
    ...{ status: "ERROR", status_code: 403, message: "forbidden" },
  });
});

test("V-64: the commands of the page about Slack do what it says, and its app has what the bot needs", async () => {
  const kubeconfig = join(place.path, "kubeconfig");
  await writeFile(kubeconfig, await kubectl("config", "view", "--flatten"), { mode: 0o600 });
  await kubectl("config", "set-context", "--current", "--namespace", namespace.name, "--kubeconfig", kubeconfig);
  const bin = join(place.path, "bin");
  await mkdir(bin);
  await symlink(testVariable("ODIN_TEST_KUBECTL"), join(bin, "kubectl"));
  const shell = new PageShell({
    cwd: place.path,
    path: bin,
    environment: {
      KUBECONFIG: kubeconfig,
      ODIN_URL: `http://127.0.0.1:${port}`,
      SLACK_WEBHOOK: slack.webhookUrl,
      SLACK_BOT_TOKEN: BOT_TOKEN,
      SLACK_SIGNING_SECRET: SIGNING_SECRET,
      VESTA_TOKEN: QUERY_TOKEN,
    },
  });
  const blocks = blocksOf(SLACK_PAGE);
  assert.equal(
    blocks.filter(({ language }) => language === "sh").map(({ name }) => name),
    ["slack-secret", "slack-notify"],
  );
  await shell.run(SLACK_PAGE, ["slack-secret"]);
  const secret = JSON.parse(await kubectl("get", "secret", "odin-vesta", "-n", namespace.name, "-o", "json")) as {
    data: Record<string, string>;
  };
  assert.is(Buffer.from(secret.data["slack-webhook"] ?? "", "base64").toString(), slack.webhookUrl);
  assert.equal(Object.keys(secret.data).sort(), ["slack-bot-token", "slack-signing-secret", "slack-webhook", "token"]);
  const printed = await shell.run(SLACK_PAGE, ["slack-notify"]);
  assert.equal(JSON.parse(printed), { status_code: 200, status: "OK", message: "" });
  assert.is(slack.entries.at(-1)?.text, "<@U1>\nyour training is done");
  const manifest = JSON.parse(blocks.find(({ language }) => language === "json")?.text ?? "") as {
    oauth_config: { scopes: { bot: string[] } };
    settings: { event_subscriptions: { request_url: string } };
  };
  const { pathname } = new URL(manifest.settings.event_subscriptions.request_url);
  const answer = await fetch(`http://127.0.0.1:${port}${pathname}`, { method: "POST", body: "{}" });
  assert.is(answer.status, 401, "Slack's path, which takes nothing that is not signed");
  const scopes = new Set(manifest.oauth_config.scopes.bot);
  assert.equal(
    [...slack.requests].flatMap((method) => SCOPES[method] ?? []).filter((scope) => !scopes.has(scope)),
    [],
  );
});

test("V-57, V-68: no line of the log holds the webhook, the token or the signing secret, and it ends in order", async () => {
  assert.is(await api.end("SIGTERM"), 0);
  said.push(api.output);
  for (const output of said) {
    assert.ok(output.length > 0);
    for (const secret of ["webhook-secret", BOT_TOKEN, SIGNING_SECRET, MACHINE_TOKEN, "a+token"]) {
      assert.not.ok(output.includes(secret), secret);
    }
  }
});

test.run();
