// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Answer, send } from "../served.ts";
import { type MetricsStage, metricsStage } from "./metrics-stage.ts";

const MIB = 1024 * 1024;
/** Requests of others that must be answered while one that takes long is worked on. */
const OTHERS = 20;
const METRIC = { run_id: 1, name: "x", date: "2026-01-01T00:00:00Z", value: 1 };

let stage: MetricsStage;
const test = suite("hostile bodies");

test.before(async () => {
  try {
    stage = await metricsStage();
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(() => stage.end());

const post = (type: string, body: string): Promise<Answer> =>
  send(stage.port, "POST", "/api/metrics/", { headers: { "content-type": type }, body });

const filled = (piece: string, bytes: number): string => piece.repeat(Math.floor(bytes / piece.length));
const JSON_TYPE = "application/json";

const LARGE: [what: string, type: string, body: () => string, status: number, message: RegExp][] = [
  ["millions of empty objects", JSON_TYPE, () => `[${filled("{},", 8 * MIB - 8)}{}]`, 400, /are too many at once/],
  [
    "metadata of many parts",
    JSON_TYPE,
    () =>
      JSON.stringify({ ...METRIC, metadata: 0 }).replace('"metadata":0', `"metadata":[${filled("{},", 7 * MIB)}{}]`),
    201,
    /^undefined$/,
  ],
  [
    "strangers in every element",
    JSON_TYPE,
    () =>
      `[${Array.from({ length: 10_000 }, () => `{${filled('"a":0,', 700)}${JSON.stringify(METRIC).slice(1)}`).join()}]`,
    201,
    /^undefined$/,
  ],
  [
    "neither pod nor run, and all of it to be given back",
    JSON_TYPE,
    () => `{"a":[${filled("{},", 8 * MIB - 32)}{}]}`,
    400,
    /^Pod Name or run id have to be supplied$/,
  ],
  [
    "a form of millions of fields",
    "application/x-www-form-urlencoded",
    () => filled("a%5f=&", 8 * MIB),
    400,
    /^Pod Name or run id have to be supplied$/,
  ],
  [
    "a form in parts without end",
    "multipart/form-data; boundary=x",
    () => `${filled('--x\r\nContent-Disposition: form-data; name="run_id"\r\n\r\n1\r\n', 8 * MIB - 64)}--x--\r\n`,
    400,
    /^name has to be supplied$/,
  ],
];

test("M-9, M-33: while 8 MiB of the worst are read, requests of others are answered", async () => {
  for (const [what, type, body, status, message] of LARGE) {
    let answered = 0;
    let isDone = false;
    const answer = post(type, body()).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      assert.is((await stage.get("/api/metrics/1/?metric_type=run&last_n=1&metric_filter=none")).status, 200);
      answered += 1;
    }
    const { status: is, text, json } = await answer;
    assert.is(is, status, `${what}: ${text.slice(0, 300)}`);
    if (!text.startsWith("[")) assert.match(String(json.message ?? json.detail), message, what);
    assert.ok(answered >= OTHERS, `${what}: ${answered} requests of others`);
  }
  assert.not.ok(stage.logLines.some(({ level }) => level === "error"));
});

test("M-9: what cannot be JSON is refused, however long it is", async () => {
  for (const [body, reason] of [
    [filled("[", 8 * MIB - 8), /^JSON parse error - it nests deeper than 200 levels$/],
    [`{"a":"${filled('\\"', 8 * MIB - 32)}`, /^JSON parse error - ./],
    [filled("{},", 8 * MIB - 8), /^JSON parse error - ./],
  ] as const) {
    const { status, json } = await post(JSON_TYPE, body);
    assert.is(status, 400);
    assert.match(String(json.detail), reason);
  }
});

test("M-5: a form cannot bring in what is no field of it", async () => {
  const date = "2026-01-01 00:00:00";
  const form = new URLSearchParams([
    ["run_id", "1"],
    ["name", "x'); DROP TABLE mlbench_metric; --"],
    ["date", date],
    ["value", "1&value=2"],
    ["metadata", "\r\nSet-Cookie: a=b"],
    ["__proto__", "x"],
    ["constructor[prototype][cumulative]", "true"],
    ["cumulative[]", "true"],
    ["owner", "run:2"],
    ["id", "1"],
  ]);
  const { status, json } = await post("application/x-www-form-urlencoded", form.toString());
  assert.is(status, 201);
  assert.equal(json, {
    name: "x'); DROP TABLE mlbench_metric; --",
    value: "1&value=2",
    date: "2026-01-01T00:00:00.000000Z",
    metadata: "\r\nSet-Cookie: a=b",
    cumulative: false,
  });
  const all = await stage.get("/api/metrics/?metric_type=run");
  assert.ok(Object.hasOwn(all.json["First-run"] as object, "x'); DROP TABLE mlbench_metric; --"));
});

test.run();
