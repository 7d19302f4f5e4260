// timeout: 600
import { connect } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../../support/deadline.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { PartsStage } from "./parts-stage.ts";

const test = suite("hostile senders");
const TOKEN = "a token of the tests";
const MIB = 1024 * 1024;
const ESC = "\u001b";
/** What must not reach a terminal, a page or a chat as it is: C0 but for the line's end, DEL, C1, line separators, bidirectional overrides and isolates. */
const HARMFUL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const NASTY = `a${ESC}[2J${ESC}]0;owned\u0007\r\n\u0000\u007f\u009b31m\u2028\u2029\u202e\u2066<script>alert(1)</script>"'&\``;

let stage: PartsStage;

test.before(async () => {
  stage = await PartsStage.open({ VESTA_TOKEN: TOKEN, VESTA_SAVE_INTERVAL: "0", VESTA_DOWN_TH: "3600" });
});
test.after(() => stage.close());

const query = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();
const register = (name: string): Promise<Answer> => stage.get(`/register/?${query({ host_name: name, token: TOKEN })}`);

async function registered(name: string): Promise<{ id: string; name: string }> {
  const { json, text } = await register(name);
  assert.is(json.status_code, 200, text);
  return { id: String(json.id), name: String(json.register_name) };
}

function update(id: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  return send(stage.facade.port, "POST", `/update/host/${id}/?${query({ token: TOKEN })}`, { body, headers });
}

/** One GPU as a sender describes it. */
function gpuOf(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    device_num: 0,
    uuid: "GPU-1",
    gpu_name: "NVIDIA T4",
    timestamp: "2026/11/20 23:39:31.204",
    temperature: 40,
    total_memory: 1000,
    available_memory: 600,
    used_memory: 400,
    gpu_volatile: 50,
    processes: [{ pid: "1", name: "python", user: "ada", used_memory: 400 }],
    ...changes,
  };
}
const payload = (changes: Record<string, unknown> = {}): string => JSON.stringify({ "gpu:0": gpuOf(changes) });

/** Everything that shows hosts, each as it was sent. */
async function views(host: string): Promise<Record<string, Answer>> {
  const name = encodeURIComponent(host);
  const paths = [
    "/?term=true",
    "/?term=true&detail=true",
    "/gpu_table?term=true",
    `/states/${name}/?term=true`,
    "/states/?fetch_num=-1",
    `/states/${name}/?fetch_num=-1`,
    `/states/${name}/?format=csv&fetch_num=-1`,
    "/",
    "/gpu_table",
    `/?fetch_element=true&element=${name}`,
  ];
  const found: Record<string, Answer> = {};
  for (const path of paths) {
    const answer = await stage.get(path);
    assert.is(answer.status, 200, `${path}: ${answer.text.slice(0, 300)}`);
    found[path] = answer;
  }
  return found;
}

/** No view holds a byte that a terminal, a browser or a spreadsheet would act on. */
async function assertUnharmed(host: string): Promise<void> {
  for (const [path, { headers, text }] of Object.entries(await views(host))) {
    const type = headers["content-type"] ?? "";
    // Blanks and line ends of our own; what is harmful in JSON stands there as an escape, if at all.
    const shown = text.replaceAll("\t", " ");
    const found = HARMFUL.exec(type.startsWith("text/csv") ? shown.replaceAll("\r\n", "\n") : shown);
    assert.is(
      found,
      null,
      `${path}: ${JSON.stringify(text.slice(Math.max(0, (found?.index ?? 0) - 80)).slice(0, 160))}`,
    );
    if (type.startsWith("application/json"))
      assert.not.match(JSON.stringify(JSON.parse(text)), /\\u001b|\\u009b|\u202e/);
    if (type.startsWith("text/html")) assert.not.match(text, /<script>alert|<img|onerror=(?!")/i, path);
    if (path === "/?term=true" || path === "/gpu_table?term=true") assertColumns(text);
    if (type.startsWith("text/csv")) assertCsv(text);
  }
}

/** Every line of a table is 80 columns wide, whatever was told (V-38, V-44). */
function assertColumns(text: string): void {
  assert.ok(text.endsWith("\n"));
  for (const one of text.slice(0, -1).split("\n")) assert.is([...one].length, 80, JSON.stringify(one));
}

/** Each record has as many fields as the header; quoted fields may hold anything. */
function assertCsv(text: string): void {
  const records = text
    .replaceAll(/"(?:[^"]|"")*"/g, "quoted")
    .split(/\r?\n/)
    .filter((record) => record !== "")
    .map((record) => record.split(",").length);
  assert.ok(records.length > 1);
  assert.is(new Set(records).size, 1, text);
}

test("V-26, V-24: names: huge, with control characters, markup, lone surrogates, names of JavaScript's own: an OK or a documented refusal", async () => {
  const names: [string, number][] = [
    [NASTY, 200],
    ["x".repeat(8_000), 200],
    ["😀".repeat(200), 200],
    ["\u202e\u2066evil\u2069", 200],
    ["__proto__", 200],
    ["constructor", 200],
    ["toString", 200],
    [". , - @ [ ] : ; /", 200],
    ["<!channel>", 200],
    ["../../etc/passwd", 200],
    ["'; DROP TABLE vesta_hosts; --", 200],
    ["=1+1", 200],
    ["", 400],
  ];
  for (const [name, code] of names) {
    const { status, json, text } = await register(name);
    assert.equal([status, json.status_code], [200, code], `${JSON.stringify(name.slice(0, 40))}: ${text}`);
    if (code !== 200) continue;
    const shown = String(json.register_name);
    assert.ok([...shown].length <= 128 + 9, shown);
    assert.not.match(shown, HARMFUL);
    assert.not.match(shown, /[\s.,\-@[\]:;/]/);
    assert.match(String(json.id), /^[0-9a-f]{1,32}$/);
    // No half of a pair was left over by the cut.
    assert.is(Buffer.from(shown).toString(), shown);
    assert.is((await update(String(json.id), payload())).json.status_code, 200);
    await assertUnharmed(shown);
  }
  for (const raw of ["%zz", "%ed%a0%80", "%00", "%1b%5b2J", "a&host_name=b"]) {
    const { status, json } = await stage.get(`/register/?host_name=${raw}&token=${encodeURIComponent(TOKEN)}`);
    assert.is(status, 200, raw);
    assert.ok([200, 400].includes(Number(json.status_code)), `${raw}: ${JSON.stringify(json)}`);
  }
  const { status } = await stage.get(`/register/?host_name=${"x".repeat(30_000)}&token=${encodeURIComponent(TOKEN)}`);
  assert.is(status, 431);
  assert.is(({} as Record<string, unknown>).status, undefined);
});

test("V-15, V-48: texts in a payload: escape sequences, line breaks, direction marks, markup, a mebibyte: cut, replaced, escaped; tables stay 80 columns wide", async () => {
  const { id, name } = await registered("texts");
  const long = NASTY.repeat(200);
  const nasty = gpuOf({
    uuid: long,
    gpu_name: long,
    timestamp: long,
    processes: [
      { pid: long, name: long, user: long, used_memory: 1 },
      { pid: "1", name: `<img src=x onerror=alert(1)>`, user: "=cmd|' /C calc'!A0", used_memory: 1 },
    ],
    [NASTY]: NASTY,
    more: { [NASTY]: [NASTY, { [NASTY]: long }] },
  });
  const { json, text } = await update(id, JSON.stringify({ "gpu:0": nasty }));
  assert.is(json.status_code, 200, text);
  await assertUnharmed(name);
  const { data } = (await stage.states())[name] ?? { data: [] };
  const shown = data[0]?.gpu_data["gpu:0"] ?? {};
  for (const key of ["uuid", "gpu_name", "timestamp"]) assert.ok([...String(shown[key])].length <= 256, key);
  assert.ok(String(shown.gpu_name).startsWith("a?[2J?]0;owned???"), String(shown.gpu_name));
});

test("V-27, V-28, section 12, 14: what is no payload is refused by the documented code, is not stored, and is no contact", async () => {
  const { id, name } = await registered("shapes");
  assert.is((await update(id, payload({ used_memory: 123 }))).json.status_code, 200);
  const before = JSON.stringify((await stage.states("?fetch_num=-1"))[name]);
  const without = (field: string): string => {
    const { [field]: _, ...rest } = gpuOf();
    return JSON.stringify({ "gpu:0": rest });
  };
  const many = Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`gpu:${n}`, gpuOf({ device_num: n })]));
  const refused: [string, string | Buffer, number][] = [
    ["nothing", "", 400],
    ["no JSON", "gpu:0", 400],
    ["null", "null", 400],
    ["a list", "[]", 400],
    ["a text", '"x"', 400],
    ["a number", "1", 400],
    ["half", payload().slice(0, 40), 400],
    ["no UTF-8", Buffer.concat([Buffer.from('{"gpu:0":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]), 400],
    ["another key", `{"cpu:0":${JSON.stringify(gpuOf())}}`, 400],
    ["__proto__ as the key", `{"__proto__":${JSON.stringify(gpuOf())}}`, 400],
    ["a GPU that is null", '{"gpu:0":null}', 400],
    ["a GPU that is a list", '{"gpu:0":[]}', 400],
    ["__proto__ in place of the fields", `{"gpu:0":{"__proto__":${JSON.stringify(gpuOf())}}}`, 400],
    ...["device_num", "uuid", "gpu_name", "temperature", "total_memory", "used_memory", "gpu_volatile"].map(
      (field): [string, string, number] => [`without ${field}`, without(field), 400],
    ),
    ["a number for a name", payload({ gpu_name: 7 }), 400],
    ["a text for a number", payload({ used_memory: "much" }), 400],
    ["an empty text for a number", payload({ used_memory: "" }), 400],
    ["true for a number", payload({ used_memory: true }), 400],
    ["null for a number", payload({ temperature: null }), 400],
    ["too large a number", payload().replace('"used_memory":400', '"used_memory":1e400'), 400],
    ["less memory than none", payload({ used_memory: -5 }), 400],
    ["too large a number as a text", payload({ used_memory: "1e400" }), 400],
    ["NaN as a text", payload({ used_memory: "NaN" }), 400],
    ["processes that are no list", payload({ processes: "none" }), 400],
    ["processes that are null", payload({ processes: null }), 400],
    ["a process that is a text", payload({ processes: ["python"] }), 400],
    ["a process without a name", payload({ processes: [{ pid: "1", user: "a", used_memory: 1 }] }), 400],
    ["100,000 levels", `${'{"gpu:0":'.repeat(100_000)}1${"}".repeat(100_000)}`, 400],
    [
      "100,000 levels of lists in an unknown field",
      payload({ more: 0 }).replace('"more":0', `"more":${"[".repeat(100_000)}${"]".repeat(100_000)}`),
      400,
    ],
    ["257 GPUs", JSON.stringify(many), 413],
    ["a byte more than a mebibyte", payload().padEnd(MIB + 1, " "), 413],
    ["ten mebibytes", "x".repeat(10 * MIB), 413],
  ];
  for (const [what, body, code] of refused) {
    const { status, json, text } = await update(id, body).catch((error: Error) => {
      throw new Error(`${what}: ${error.message}`);
    });
    assert.equal([status, json.status, json.status_code], [200, "ERROR", code], `${what}: ${text.slice(0, 300)}`);
    assert.type(json.message, "string", what);
    assert.ok(String(json.message).length < 500, what);
    assert.not.match(text, /\bat .*\.[jt]s:\d+/, what);
  }
  assert.is(JSON.stringify((await stage.states("?fetch_num=-1"))[name]), before);
  assert.is(({} as Record<string, unknown>).gpu_name, undefined);
});

test("V-27, V-28: what is odd but a payload is taken: a mebibyte to the byte, 256 GPUs, numbers as texts, enormous numbers", async () => {
  const { id, name } = await registered("odd");
  const many = Object.fromEntries(Array.from({ length: 256 }, (_, n) => [`gpu:${n}`, gpuOf({ device_num: n })]));
  const taken: [string, string][] = [
    ["a mebibyte", payload().padEnd(MIB, " ")],
    ["256 GPUs", JSON.stringify(many)],
    ["numbers as texts", payload({ used_memory: "400", total_memory: "1000", temperature: "41", gpu_volatile: "7" })],
    ["an empty host", "{}"],
    ["a negative temperature", payload({ temperature: -40 })],
    ["enormous numbers", payload({ used_memory: 9e15, total_memory: 1, temperature: 9e15, gpu_volatile: 9e15 })],
    ["more used than there is", payload({ used_memory: 5_000, total_memory: 1_000 })],
    ["nothing in all", payload({ used_memory: 0, total_memory: 0 })],
    ["__proto__ beside the fields", payload().replace('"uuid"', '"__proto__":{"polluted":1},"uuid"')],
    ["constructor beside the fields", payload({ constructor: { prototype: { polluted: 1 } } })],
  ];
  for (const [what, body] of taken) {
    const { json, text } = await update(id, body);
    assert.is(json.status_code, 200, `${what}: ${text}`);
    await assertUnharmed(name);
    assert.is(({} as Record<string, unknown>).polluted, undefined);
  }
  await update(id, payload({ used_memory: "400" }));
  const shown = (await stage.states())[name]?.data[0]?.gpu_data["gpu:0"] ?? {};
  assert.is(shown.used_memory, 400);
});

test("V-29, V-34: a clock that is far off moves neither the last contact nor the order of the history", async () => {
  const { id, name } = await registered("clock");
  for (const timestamp of ["9999/12/31 23:59:59.999", "1970/01/01 00:00:00.000", "0000/00/00 00:00:00.000", "tomorrow"])
    assert.is((await update(id, payload({ timestamp }))).status, 200);
  const { data } = (await stage.states("?fetch_num=-1"))[name] ?? { data: [] };
  assert.ok(data.length >= 3);
  const days = new Set(data.map(({ timestamp }) => timestamp.slice(0, 10)));
  assert.ok(days.size <= 2, [...days].join());
  for (const { timestamp } of data) {
    const [, month, day, year, time] = /^(\d\d)\/(\d\d)\/(\d{4}) (.*)$/.exec(timestamp) ?? [];
    const off = Math.abs(Date.parse(`${year}-${month}-${day}T${time}`) - Date.now());
    // In whatever zone the server writes.
    assert.ok(off < 26 * 3_600_000, timestamp);
  }
});

test("V-22, V-28: a body that never ends, that trickles, or that is packed costs nobody else anything", async () => {
  const { id, name } = await registered("slow");
  const path = `/update/host/${id}/?${query({ token: TOKEN })}`;
  const open = Array.from({ length: 50 }, () => {
    const socket = connect(stage.facade.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{`);
    const timer = setInterval(() => socket.write(" "), 200);
    socket.on("close", () => clearInterval(timer));
    return socket;
  });
  try {
    for (let round = 0; round < 5; round++)
      assert.is((await within(60_000, () => update(id, payload({ used_memory: round })))).json.status_code, 200);
    const endless = await endlessBody(path);
    assert.match(endless, /"status_code": ?413/);
    const packed = await update(id, Buffer.alloc(2_000, 1), { "content-encoding": "gzip" });
    assert.equal([packed.status, packed.json.status], [200, "ERROR"]);
  } finally {
    for (const socket of open) socket.destroy();
  }
  assert.is((await stage.states())[name]?.data[0]?.gpu_data["gpu:0"]?.used_memory, 4);
});

/** Sends pieces without an end until the server has answered and closed; what it answered. */
function endlessBody(path: string): Promise<string> {
  return within(60_000, () => {
    return new Promise<string>((resolve) => {
      const socket = connect(stage.facade.port, "127.0.0.1");
      let answer = "";
      let sent = 0;
      const piece = "x".repeat(64 * 1024);
      const more = (): void => {
        while (!socket.destroyed && sent < 512 * MIB) {
          sent += piece.length;
          if (!socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)) return;
        }
      };
      socket.on("drain", more);
      socket.on("data", (chunk) => {
        answer += chunk.toString();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        assert.ok(sent < 64 * MIB, `${sent} bytes were taken`);
        resolve(answer);
      });
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      more();
    });
  });
}

test("V-22: a flood of strangers is refused and leaves nothing behind", async () => {
  const before = Object.keys(await stage.states()).length;
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      stage.get(`/register/?${query({ host_name: `stranger${n}`, token: "guess" })}`),
    ),
  );
  for (const { status, json } of answers) assert.equal([status, json.status_code], [200, 403]);
  const posts = await Promise.all(
    Array.from({ length: 100 }, () =>
      send(stage.facade.port, "POST", "/update/host/0123456789abcdef/?token=guess", {
        body: payload().padEnd(MIB, " "),
      }),
    ),
  );
  for (const { status, json } of posts) assert.equal([status, json.status_code], [200, 403]);
  assert.is(Object.keys(await stage.states()).length, before);
});

test("V-26, V-25: a flood of registrations of one name, by somebody who may: as many hosts, each with its own name and id; memory stays bounded", async () => {
  const flood = 500;
  const before = process.memoryUsage().rss;
  const made: { id: string; name: string }[] = [];
  for (let done = 0; done < flood; done += 50)
    made.push(...(await Promise.all(Array.from({ length: 50 }, () => registered("flood")))));
  assert.is(new Set(made.map(({ id }) => id)).size, flood);
  assert.is(new Set(made.map(({ name }) => name)).size, flood);
  const hosts = await stage.states();
  for (const { name } of made) assert.is(hosts[name]?.status, "running", name);
  assertColumns(await stage.text("/?term=true"));
  assert.ok(process.memoryUsage().rss - before < 300 * MIB);
});

test("V-57, V-15: what is said in the chat names hosts without becoming an order to it", async () => {
  const texts = await until(() => stage.slack.webhookTexts, 120_000, {
    describe: "the registrations were told",
    accept: (found) => found.some((text) => text.includes("channel")) && found.some((text) => text.includes("script")),
  });
  for (const text of texts) {
    assert.not.match(text, /<!channel|<script|<@/);
    assert.not.match(text, HARMFUL);
  }
});

test.run();
