// timeout: 300
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { StoreProblem } from "../../../../store/store-problem.ts";
import type { UserData } from "../../../../store/user-data.ts";
import { isError, isReply, type UserDataStage, userDataStage } from "./user-data-stage.ts";

const MIB = 1024 * 1024;
const test = suite("user_props");
let stage: UserDataStage;
let failing = false;

/** The store's answers, unless it is to fail. */
function failingAtWill(data: UserData): UserData {
  return new Proxy(data, {
    get(target, name) {
      if (failing) return () => Promise.reject(new StoreProblem("unavailable", "the disk is gone: secret place"));
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test.before(async () => {
  stage = await userDataStage(failingAtWill);
});
test.after(() => stage.close());

const get = (jobId: string, clusterName = "main", as = "me") =>
  stage.ask(
    "GET",
    `/jobs/user_props/get?${new URLSearchParams({ job_id: jobId, cluster_name: clusterName }).toString()}`,
    { as },
  );
const set = (updates: unknown, jobId: unknown = "1", as = "me") =>
  stage.put("/jobs/user_props/set", { job_id: jobId, cluster_name: "main", updates }, as);
const remove = (keys: unknown, jobId: unknown = "1") =>
  stage.put("/jobs/user_props/delete", { job_id: jobId, cluster_name: "main", keys });

test("C-23, C-24, C-25: set answers with the whole object, get shows it, delete answers with the empty string", async () => {
  isReply(await get("1"), "{}");
  isReply(await set({ b: 1, a: { y: 1, x: null } }), '{"a":{"x":null,"y":1},"b":1}');
  isReply(await set({ b: "two", "": [] }), '{"":[],"a":{"x":null,"y":1},"b":"two"}');
  isReply(await set({}), '{"":[],"a":{"x":null,"y":1},"b":"two"}');
  isReply(await get("1"), '{"":[],"a":{"x":null,"y":1},"b":"two"}');
  isReply(await remove("a"), '""');
  isReply(await remove(["", 5, null, ["b"], "unknown"]), '""');
  isReply(await get("1"), '{"b":"two"}');
  isReply(await remove(["b"], "no such job"), '""');
  isReply(await remove([]), '""');
  isReply(await remove("b"), '""');
  isReply(await get("1"), "{}");
});

test("C-50: notes are the caller's alone, on any job; a number is its text", async () => {
  isReply(await set({ mine: true }, 12345678901234567000), '{"mine":true}');
  isReply(
    await stage.put("/jobs/user_props/set", '{"job_id":12345678901234567890123,"cluster_name":7,"updates":{"n":1}}'),
    '{"n":1}',
  );
  isReply(await get("12345678901234567890123", "7"), '{"n":1}');
  isReply(await get("12345678901234567890123", "7", "boss"), "{}");
  isReply(await get("12345678901234567890123", "7", "eve"), "{}");
  // Limited to a cluster he is for jobs only (C-18).
  isReply(
    await stage.put("/jobs/user_props/set", { job_id: "1", cluster_name: "elsewhere", updates: { a: 1 } }, "limited"),
    '{"a":1}',
  );
  for (const wrong of [true, [], {}, ["1"]]) {
    isError(await set({}, wrong), 400, "Expected job_id to be a string.");
    isError(
      await stage.put("/jobs/user_props/delete", { job_id: "1", cluster_name: wrong, keys: "a" }),
      400,
      "Expected cluster_name to be a string.",
    );
  }
  isReply(await set({ a: 1 }, "😀".repeat(256)), '{"a":1}');
  isError(await set({ a: 1 }, "x".repeat(257)), 400, "Expected job_id to be a string of at most 256 characters.");
  assert.is((await get("x".repeat(257))).status, 400);
});

test("C-51: get needs both names, in the query", async () => {
  isError(await stage.ask("GET", "/jobs/user_props/get"), 400, "Missing argument job_id.");
  isError(await stage.ask("GET", "/jobs/user_props/get?cluster_name=main"), 400, "Missing argument job_id.");
  isError(await stage.ask("GET", "/jobs/user_props/get?job_id=1"), 400, "Missing argument cluster_name.");
  isReply(await stage.ask("GET", "/jobs/user_props/get?job_id=&cluster_name="), "{}");
  isReply(await stage.ask("GET", "/jobs/user_props/get?job_id=1,2&cluster_name=main,other"), "{}");
});

test("C-52: set and delete take JSON only, with all fields in the order of the checks", async () => {
  for (const path of ["/jobs/user_props/set", "/jobs/user_props/delete"]) {
    for (const type of [undefined, "text/plain", "application/x-www-form-urlencoded", "text/json"]) {
      const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
      isError(await stage.ask("PUT", path, { headers, body: "{}" }), 400, "Expected a JSON request");
    }
    for (const type of ["application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json"]) {
      const answer = await stage.ask("PUT", path, { headers: { "content-type": type }, body: "{}" });
      isError(answer, 400, "Missing argument job_id.");
    }
    isError(await stage.put(path, { job_id: null, cluster_name: "main" }), 400, "Missing argument job_id.");
    isError(await stage.put(path, { job_id: "1", cluster_name: null }), 400, "Missing argument cluster_name.");
    isError(await stage.put(path, { job_id: "1" }), 400, "Missing argument cluster_name.");
    isError(await stage.put(`${path}?job_id=1&cluster_name=main`, {}), 400, "Missing argument job_id.");
    isError(await stage.put(path, "[]"), 400, "Expected a JSON object.");
    isError(await stage.put(path, "{"), 400, "Malformed JSON body.");
    isError(await stage.put(path, `{"a":${"[".repeat(200)}${"]".repeat(200)}}`), 400, "Malformed JSON body.");
    const field = path.endsWith("set") ? "updates" : "keys";
    for (const absent of [{}, { [field]: null }]) {
      const answer = await stage.put(path, { job_id: "1", cluster_name: "main", ...absent });
      isError(answer, 500, `Missing argument '${field}'.`);
    }
  }
});

test("C-56: what has the wrong type is named as Python names it, with its value", async () => {
  const long = "x".repeat(300);
  const types: [string, string, string][] = [
    ['"text"', "str", "text"],
    ['"\\""', "str", '"'],
    [`"${long}"`, "str", long.slice(0, 200)],
    ["[1, 2]", "list", "[1,2]"],
    ["5", "int", "5"],
    ["-12345678901234567890", "int", "-12345678901234567890"],
    ["1.5", "float", "1.5"],
    ["1e3", "float", "1e3"],
    ["true", "bool", "true"],
    ["false", "bool", "false"],
  ];
  for (const [json, type, shown] of types) {
    const body = `{"job_id":"1","cluster_name":"main","updates":${json}}`;
    const what = `instead it is of type <class '${type}'>: ${shown}.`;
    isError(await stage.put("/jobs/user_props/set", body), 500, `Expected \`updates\` to be a dict, but ${what}`);
  }
  const keys = "Expected `keys` to be a string or list of strings, instead it is of type";
  isError(await remove(5), 500, `${keys} <class 'int'>: 5.`);
  isError(await remove({ a: 1 }), 500, `${keys} <class 'dict'>: {"a":1}.`);
  isError(await remove(false), 500, `${keys} <class 'bool'>: false.`);
});

test("C-54: names and values come back as they were sent, digit for digit", async () => {
  const digits = "1234567890".repeat(100);
  const updates = `{"__proto__":{"a":1},"$set":${digits},"a.b":-0.10,"\\u0000":"\\ud800","e":1E400,"é":"\u{1F600}"}`;
  const answer = await stage.put("/jobs/user_props/set", `{"job_id":"odd","cluster_name":"main","updates":${updates}}`);
  const shown = await get("odd");
  assert.is(shown.text, answer.text);
  for (const part of [
    `"$set":${digits},`,
    '"__proto__":{"a":1},',
    '"a.b":-0.10,',
    '"e":1E400,',
    '"\\u0000":"\\ud800"',
  ]) {
    assert.ok(shown.text.includes(part), part);
  }
  assert.is(shown.json.é, "\u{1F600}");
  const hostile = "'; DROP TABLE clockwork_prop; --\\%_.*$(?{})";
  isReply(await set({ [hostile]: hostile }, hostile), `{${JSON.stringify(hostile)}:${JSON.stringify(hostile)}}`);
  isReply(await remove(hostile, hostile), '""');
  isReply(await get(hostile), "{}");
});

test("C-57: a value just over the limit is refused in the contract's words, the largest body is read, and nothing is stored", async () => {
  const fill = (size: number) => ({ k: "x".repeat(size - '{"k": ""}'.length) });
  assert.is((await set(fill(2 * MIB), "big")).status, 200);
  const words = (previous: string, updates: string): string =>
    `Too huge job-user props: maximum 2.0 Mbytes (previous: ${previous} Mbytes, updates: ${updates} Mbytes)`;
  isError(await set(fill(2 * MIB + 1), "big"), 500, words("2.0", String((2 * MIB + 1) / MIB)));
  isError(await set({ j: 1 }, "big"), 500, words("2.0", String(8 / MIB)));
  assert.is((await get("big")).text.length, 2 * MIB - 1 + 1);
  isReply(await remove("k", "big"), '""');
  isReply(await get("big"), "{}");
});

test("C-58: beyond the quota nothing is stored, and deleting makes room", async () => {
  const most = { k: "x".repeat(2 * MIB - 100) };
  assert.is((await set(most, "q1", "eve")).status, 200);
  isError(await set(most, "q2", "eve"), 500, "Failed to set user props: quota of 3 Mbytes reached.");
  isReply(await get("q2", "main", "eve"), "{}");
  assert.is((await set({ k: "x".repeat(MIB / 2) }, "q2", "eve")).status, 200);
  const gone = await stage.put("/jobs/user_props/delete", { job_id: "q1", cluster_name: "main", keys: "k" }, "eve");
  isReply(gone, '""');
  assert.is((await set(most, "q3", "eve")).status, 200);
});

test("C-55: a store that fails is a 503 without its words, and nothing is stored", async () => {
  failing = true;
  try {
    for (const answer of [await set({ a: 1 }, "f"), await remove("a", "f"), await get("f")]) {
      isError(answer, 503, "Service unavailable.");
      assert.ok(Number(answer.headers["retry-after"]) >= 1);
    }
  } finally {
    failing = false;
  }
  isReply(await get("f"), "{}");
});

test("C-31: a job is found by what was noted on it, by exactly that text, of a user or of anybody", async () => {
  await stage.addJob("noted");
  await stage.addJob("noted", { clusterName: "other" });
  await set({ tag: "best", other: "x" }, "noted");
  await set({ tag: "best" }, "not there");
  const found = async (prop: { email?: string; name: string; content: string }): Promise<string[]> => {
    const jobs: string[] = [];
    for await (const { jobId, clusterName } of stage.store.jobs.list({ prop })) jobs.push(`${jobId}@${clusterName}`);
    return jobs;
  };
  assert.equal(await found({ name: "tag", content: "best" }), ["noted@main"]);
  assert.equal(await found({ email: "me@example.org", name: "tag", content: "best" }), ["noted@main"]);
  assert.equal(await found({ email: "eve@example.org", name: "tag", content: "best" }), []);
  assert.equal(await found({ name: "tag", content: "b%" }), []);
  assert.equal(await found({ name: "tag", content: "x" }), []);
  const page = { order: { by: "submit_time", ascending: false }, limit: 5, offset: 0 } as const;
  const { rows, total } = await stage.store.jobs.listWithCount({ prop: { name: "tag", content: "best" } }, page);
  const ids: string[] = [];
  for await (const { jobId } of rows) ids.push(jobId);
  assert.equal([ids, total], [["noted"], 1]);
  const noted = [
    { jobId: "noted", clusterName: "other" },
    { jobId: "noted", clusterName: "main" },
  ];
  const props = await stage.store.userData.propsOf("me@example.org", noted);
  assert.equal(props, [undefined, '{"other":"x","tag":"best"}']);
});

test("C-54: 50 writers of 50 keys each over HTTP: all keys are there", async () => {
  await Promise.all(
    Array.from({ length: 50 }, async (_, writer) => {
      for (let count = 0; count < 50; count++)
        assert.is((await set({ [`${writer}-${count}`]: 1 }, "many")).status, 200);
    }),
  );
  assert.is(Object.keys((await get("many")).json).length, 2_500);
});

test.run();
