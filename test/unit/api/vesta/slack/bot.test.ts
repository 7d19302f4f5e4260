// timeout: 180
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Host } from "../../../../../api/vesta/hosts/host.ts";
import type { OutgoingMessage } from "../../../../../api/vesta/messages/message.ts";
import { Outbox } from "../../../../../api/vesta/messages/outbox.ts";
import { BotTexts } from "../../../../../api/vesta/slack/bot-texts.ts";
import { BotCommands, type BotKeywords } from "../../../../../api/vesta/slack/commands.ts";
import { answerEvent } from "../../../../../api/vesta/slack/events.ts";
import { patternOf } from "../../../../../api/vesta/slack/pattern.ts";
import { typedText } from "../../../../../api/vesta/slack/slack-text.ts";
import { VestaMessages } from "../../../../../store/vesta-messages.ts";
import { embeddedStores } from "../../../store/store-cases.ts";

const test = suite("Slack bot");
const stores = embeddedStores(test);

const GPU = {
  ...{ device_num: 0, uuid: "GPU-1", gpu_name: "NVIDIA H100 80GB HBM3", timestamp: "2026/11/20 23:39:31.204" },
  ...{ temperature: 61, total_memory: 81_559, available_memory: 12_958, used_memory: 68_601, gpu_volatile: 97 },
  processes: [{ pid: "N/A", name: "resnet-0/train", user: "default", used_memory: 68_601 }],
};
const node: Host = {
  ...{ id: "1", name: "gpu-node-1", ipAddress: "10.0.0.11", source: "node", status: "running", arrival: 1 },
  ...{ hadContact: true, lastContactMs: 5_000, payloadMs: 5_000 },
  payload: { "gpu:0": GPU, "gpu:1": { ...GPU, device_num: 1, processes: [] } },
};
const lost: Host = { ...node, id: "2", name: "mau_local_lab", ipAddress: "127.0.0.1", status: "down", arrival: 2 };
const hosts = {
  list: () => [node, lost],
  find: (name: string) => [node, lost].find((host) => host.name === name || host.name.replaceAll("-", "_") === name),
};

const keywords: BotKeywords = {
  commandPrefix: "",
  keywords: { all: "ALL", allCmd: "ALL_cmd", allDetail: "ALL_detail", hosts: "HOSTS", where: "WHERE", help: "HELP" },
};

function textsWith(commands: BotKeywords = keywords): BotTexts {
  return new BotTexts({
    ...{ hosts, formatTime: (time) => `at ${time}`, textVersion: "1.0.0", termWidth: 80, commands },
    place: { ip: "gpu.example.org", port: "8080", bindHost: "0.0.0.0" },
    serverInfo: "runing on `{ip}:{port}/` (bind : `{bind_host}`)",
    memberJoined: "Hi {user}!\nYou can intract with me by\n{help_msg}",
  });
}

function commandsWith(commands: BotKeywords = keywords, slow: string[] = []): BotCommands {
  return new BotCommands(
    commands,
    (name) => hosts.find(name) !== undefined,
    (pattern) => slow.push(pattern),
  );
}

let count = 0;
/** The messages that are put into the queue for events, each with an id of its own. */
async function answers(
  events: readonly object[],
  { bot = keywords, authorizations }: { bot?: BotKeywords; authorizations?: object[] } = {},
): Promise<OutgoingMessage[]> {
  const sql = stores.open(`bot-${count++}.db`);
  const outbox = new Outbox(new VestaMessages(sql), () => undefined);
  for (const [index, event] of events.entries()) {
    const callback = { type: "event_callback", event_id: `Ev${index}`, event, authorizations };
    await answerEvent(callback, { commands: commandsWith(bot), texts: textsWith(bot), outbox });
  }
  const rows = await sql.read({ text: "SELECT body FROM vesta_message ORDER BY id" });
  return rows.map(({ body }) => JSON.parse(String(body)) as OutgoingMessage);
}

function said(text: string, more: object = {}): object {
  return { type: "message", channel: "C1", user: "U1", ts: "17.5", text, ...more };
}

test("V-60, section 12, 18: a keyword is a regular expression of the whole text, after the prefix", () => {
  const ask = (text: string, commands = keywords) => {
    const command = commandsWith(commands).read(text);
    if (command?.ask !== "file") return command?.ask;
    return command.content.show === "host" ? command.content.host : command.content.show;
  };
  assert.is(ask("ALL"), "all");
  assert.is(ask("  ALL \n"), "all");
  assert.is(ask("ALL_cmd"), "table");
  assert.is(ask("ALL_detail"), "detail");
  assert.is(ask("HOSTS"), "hosts");
  assert.is(ask("WHERE"), "server");
  assert.is(ask("HELP"), "help");
  assert.is(ask("gpu_node_1"), "gpu_node_1");
  assert.is(ask("WHERE gpu-node-1"), "where");
  for (const text of ["all", "ALL!", "for ALL", "ALL ALL_cmd", "gpu-node-2", "WHERE is it all", "", " "]) {
    assert.is(ask(text), undefined, text);
  }
  const prefixed = { ...keywords, commandPrefix: "<@U\\w+>|!|" };
  assert.is(ask("<@UBOT> ALL", prefixed), "all");
  assert.is(ask("!HELP", prefixed), "help");
  assert.is(ask("ALL", { ...keywords, commandPrefix: "gpu " }), undefined);
  assert.is(ask("gpu  ALL", { ...keywords, commandPrefix: "gpu " }), "all");
  const other = {
    ...keywords,
    keywords: { ...keywords.keywords, all: "(?i)all|everything", hosts: "", where: "W|WO" },
  };
  assert.is(ask("aLL", other), "all");
  assert.is(ask("everything", other), "all");
  assert.is(ask("everything else", other), undefined);
  assert.is(ask("HOSTS", other), undefined, "an empty keyword is disabled");
  assert.is(ask("WO gpu-node-1", other), "where");
});

test("V-60: of several that match, the first in the contract's order counts", () => {
  const all = { ...keywords, keywords: { ...keywords.keywords, help: ".*", all: "gpu-node-1", hosts: "WHERE .*" } };
  const commands = commandsWith(all);
  assert.equal(commands.read("gpu-node-1"), { ask: "file", content: { show: "all" }, name: "gpu-node-1" });
  assert.equal(commands.read("WHERE mau_local_lab"), {
    ask: "file",
    content: { show: "hosts" },
    name: "WHERE mau_local_lab",
  });
  assert.equal(commands.read("mau_local_lab")?.ask, "file");
  assert.equal(commands.read("what"), { ask: "help" });
});

test("V-60: a pattern without end and a text without end harm nobody", () => {
  const slow: string[] = [];
  const patterns = { ...keywords, keywords: { ...keywords.keywords, all: "(a+)+$" } };
  const commands = commandsWith(patterns, slow);
  const began = performance.now();
  assert.is(commands.read(`${"a".repeat(900)}!`), undefined);
  assert.is(commands.read("a".repeat(40_000)), undefined);
  assert.ok(performance.now() - began < 30_000);
  assert.equal(slow, ["^(?:(a+)+$)$"]);
  assert.throws(
    () => patternOf("(", true),
    (error: unknown) => error instanceof SyntaxError,
  );
  assert.throws(
    () => patternOf("a)|(b", true),
    (error: unknown) => error instanceof SyntaxError,
  );
});

test("V-60: only what people write is answered, in its thread, in direct messages plainly", async () => {
  const silent = [
    said("ALL", { bot_id: "B1" }),
    said("ALL", { subtype: "message_changed" }),
    said("ALL", { files: [{ id: "F1" }] }),
    said("ALL", { user: undefined }),
    said("hello"),
    { ...said("ALL"), type: "app_mention" },
    { type: "message" },
  ];
  assert.equal(await answers(silent), []);
  const [plain, threaded, direct] = await answers([
    said("HOSTS"),
    said("HOSTS", { thread_ts: "11.1" }),
    said("HOSTS", { channel: "D7", thread_ts: "11.1" }),
  ]);
  const file = {
    kind: "file",
    title: "response: HOSTS",
    name: "HOSTS.txt",
    comment: "<@U1>",
    content: { show: "hosts" },
  };
  assert.equal(plain, { ...file, channel: "C1", thread: "17.5" });
  assert.equal(threaded, { ...file, channel: "C1", thread: "11.1" });
  assert.equal(direct, { ...file, channel: "D7" });
});

test("V-59: what is no event, and an event that comes again, get no answer", async () => {
  const sql = stores.open(`bot-${count++}.db`);
  const messages = new VestaMessages(sql);
  const parts = { commands: commandsWith(), texts: textsWith(), outbox: new Outbox(messages, () => undefined) };
  const callback = { type: "event_callback", event_id: "Ev1", event: said("ALL") };
  for (const value of [
    undefined,
    null,
    7,
    "text",
    [],
    {},
    { ...callback, event_id: 5 },
    { ...callback, event: null },
    { ...callback, type: "other" },
  ]) {
    await answerEvent(value, parts);
  }
  assert.is(await messages.count(), 0);
  await Promise.all([1, 2, 3].map(() => answerEvent(callback, parts)));
  assert.is(await messages.count(), 1);
});

test("V-60: Slack makes links of names, and entities of characters; people have typed neither", () => {
  assert.is(typedText("WHERE <http://gpu-1.example.org|gpu-1.example.org>"), "WHERE gpu-1.example.org");
  assert.is(typedText("<https://a.example>"), "https://a.example");
  assert.is(typedText("<mailto:a@b.example|a@b.example> a &lt;b&gt; &amp;lt;"), "a@b.example a <b> &lt;");
  assert.is(typedText("<@U1> <#C1|general> <!here>"), "<@U1> <#C1|general> <!here>");
});

test("V-61: the text of each file", () => {
  const texts = textsWith();
  const alive = "gpu-node-1       : Alive\n    [gpu:0 (NVIDIA H100 80GB HBM3)] 2026/11/20 23:39:31.204\n";
  const process = `\u2514\u2500\u2500 ${"resnet-0/train".padEnd(25)}  68601MiB default`.padEnd(80);
  assert.is(texts.content({ show: "all" }), `${alive}        ${process}\n\nmau_local_lab    : DEAD\n\n`);
  assert.is(texts.content({ show: "host", host: "mau_local_lab" }), "mau_local_lab    : DEAD\n");
  assert.is(texts.content({ show: "host", host: "gone" }), "");
  assert.is(texts.content({ show: "hosts" }), "gpu-node-1\nmau_local_lab\n");
  const table = texts.content({ show: "table" }).split("\n");
  assert.equal(table.slice(0, 3), [
    "vesta ver. 1.0.0",
    "+------------------+------------------------+-----------------+--------+-------+",
    "| host             | gpu                    | memory usage    | volat. | temp. |",
  ]);
  assert.match(texts.content({ show: "detail" }), /^vesta ver\. 1\.0\.0\n\n#### gpu-node-1 :: 10\.0\.0\.11 #+\n/);
});

test("V-61: where the server is, and V-63: where a host is", async () => {
  const [server, host, unknown] = await answers([
    said("WHERE"),
    said("WHERE gpu_node_1"),
    said("WHERE &lt;!channel&gt;"),
  ]);
  const place = { kind: "post", channel: "C1", thread: "17.5" };
  const info = "server message: runing on `gpu.example.org:8080/` (bind : `0.0.0.0`)";
  const values = "IP address: `gpu.example.org`\nopen port: `8080`\nbind host: `0.0.0.0`";
  assert.equal(server, { ...place, text: `<@U1>\n\`\`\`\n${info}\n\n${values}\n\`\`\`` });
  const rows =
    "Info:\n    Host name   : gpu-node-1\n    IP address  : 10.0.0.11\n    Last update : at 5000\n    Status      : running";
  assert.equal(host, { ...place, text: `<@U1>\n\`\`\`\n${rows}\n\`\`\`` });
  assert.equal(unknown, { ...place, text: "<@U1>\nthere is no host name &lt;!channel&gt;" });
});

test("V-61: the help names what is enabled, with the prefix", () => {
  assert.equal(textsWith().help().split("\n"), [
    "`HOSTS`: show all hosts which is watched by the server.",
    "`ALL`: show all hosts statuses.",
    "`ALL_cmd`: show all hosts statuses in style of command line.",
    "`ALL_detail`: show all hosts statuses in detail.",
    "`&lt;host_name&gt;`: show host statuses in detail.",
    "`WHERE`: show server information.",
    "`WHERE &lt;host_name&gt;`: show information of &lt;host_name&gt;.",
    "`HELP`: show this message.",
  ]);
  const some = { commandPrefix: "gpu ", keywords: { ...keywords.keywords, where: "", all: "", help: "" } };
  assert.equal(textsWith(some).help().split("\n"), [
    "`gpu HOSTS`: show all hosts which is watched by the server.",
    "`gpu ALL_cmd`: show all hosts statuses in style of command line.",
    "`gpu ALL_detail`: show all hosts statuses in detail.",
    "`gpu &lt;host_name&gt;`: show host statuses in detail.",
  ]);
});

test("V-65: who joins is greeted, the bot itself is not", async () => {
  const joins = [
    { type: "member_joined_channel", user: "U1", channel: "C1" },
    { type: "member_joined_channel", user: "UBOT", channel: "C1" },
  ];
  const [greeting, ...more] = await answers(joins, { authorizations: [{ user_id: "UBOT", is_bot: true }] });
  const text = `Hi <@U1>!\nYou can intract with me by\n${textsWith().help()}`;
  assert.equal(greeting, { kind: "post", channel: "C1", text });
  assert.equal(more, []);
});

test.run();
