import * as assert from "uvu/assert";
import { JobRecords } from "../../../store/job-records.ts";
import { canonicalJson, measureOf } from "../../../store/json-text.ts";
import { MAX_OBJECT_SIZE } from "../../../store/object-change.ts";
import type { Sql } from "../../../store/sql.ts";
import { type PropsKey, propCondition, UserData } from "../../../store/user-data.ts";
import { jobRecord } from "./job-records-cases.ts";

const QUOTA = 64 * 1024 * 1024;
const WRITERS = 50;
const KEYS = 50;
/** Longer than others can be faster, however slow the database is. */
const PATIENCE_MS = 600_000;
const handle = (sql: Sql): UserData => new UserData(sql, undefined, { patienceMs: PATIENCE_MS });

/** Adds what holds for users' data whatever database it is in. `open` gives one handle after the other to one database, with nothing in it at first. */
export function userDataCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
): void {
  let sql: Sql;
  let other: Sql;
  let data: UserData;

  const key = (more: Partial<PropsKey> = {}): PropsKey => ({
    email: "ada@example.org",
    jobId: "1",
    clusterName: "main",
    ...more,
  });
  const set = (of: PropsKey, updates: unknown, quota = QUOTA): ReturnType<UserData["setProps"]> =>
    data.setProps(of, canonicalJson(typeof updates === "string" ? updates : JSON.stringify(updates)), quota);
  const rows = async (table: string): Promise<number> =>
    Number((await sql.read({ text: `SELECT COUNT(*) AS n FROM ${table}` }))[0]?.n);
  const usage = async (email: string): Promise<number> =>
    Number(
      (await sql.read({ text: "SELECT size FROM clockwork_prop_owner WHERE email = ?", values: [`"${email}"`] }))[0]
        ?.size ?? 0,
    );
  const found = async (name: string, content: string, email?: string): Promise<string[]> => {
    const { text, values } = propCondition({ name, content, ...(email === undefined ? {} : { email }) }, true);
    const job = "SELECT CAST(? AS TEXT) AS job_id, CAST(? AS TEXT) AS cluster_name";
    const jobs = [
      ["1", "main"],
      ["1", "other"],
      ["2", "main"],
    ].flat();
    const found = await sql.read({
      text: `SELECT job_id, cluster_name FROM (${job} UNION ALL ${job} UNION ALL ${job}) AS clockwork_job WHERE ${text} ORDER BY 1, 2`,
      values: [...jobs, ...values],
    });
    return found.map(({ job_id, cluster_name }) => `${job_id}@${cluster_name}`);
  };

  test("C-50: props belong to one caller, job and cluster; without any they are an empty object", async () => {
    sql = await open();
    other = await open();
    data = handle(sql);
    assert.is(await data.props(key()), "{}");
    assert.equal(await set(key(), { a: 1 }), { kind: "stored", object: '{"a":1}' });
    for (const elsewhere of [{ email: "eve@example.org" }, { jobId: "2" }, { clusterName: "other" }, { jobId: "1 " }]) {
      assert.is(await data.props(key(elsewhere)), "{}", JSON.stringify(elsewhere));
    }
    assert.is(await data.props(key()), '{"a":1}');
    // The three together are the key: none of them runs into the next one.
    await set(key({ jobId: '1","main', clusterName: "x" }), { a: 2 });
    assert.is(await data.props(key({ jobId: "1", clusterName: 'main","x' })), "{}");
    await data.forgetUser("ada@example.org");
  });

  test("C-53: set merges members, the update wins, null is a value; nothing new writes nothing", async () => {
    await set(key(), { a: { x: 1, y: 2 }, b: 1 });
    assert.equal(await set(key(), { a: { z: 3 }, c: null }), {
      kind: "stored",
      object: '{"a":{"z":3},"b":1,"c":null}',
    });
    const tokens = (): Promise<unknown> => sql.read({ text: "SELECT token FROM clockwork_prop ORDER BY id" });
    const before = await tokens();
    assert.equal(await set(key(), {}), { kind: "stored", object: '{"a":{"z":3},"b":1,"c":null}' });
    assert.equal(await set(key(), { b: 1 }), { kind: "stored", object: '{"a":{"z":3},"b":1,"c":null}' });
    assert.equal(await tokens(), before);
    assert.equal(await set(key({ jobId: "empty" }), {}), { kind: "stored", object: "{}" });
    assert.is(await rows("clockwork_prop"), 1);
  });

  test("C-53: delete removes names that are there and leaves no empty record behind", async () => {
    await data.deleteProps(key(), JSON.stringify(["a", "unknown", "toString"]));
    assert.is(await data.props(key()), '{"b":1,"c":null}');
    await data.deleteProps(key(), JSON.stringify(["b", "c"]));
    await data.deleteProps(key(), JSON.stringify(["b"]));
    await data.deleteProps(key({ jobId: "never" }), JSON.stringify(["b"]));
    assert.is(await data.props(key()), "{}");
    for (const table of ["clockwork_prop", "clockwork_prop_owner", "clockwork_prop_value"])
      assert.is(await rows(table), 0, table);
  });

  test("C-54: any name and value comes back as it was, in names of jobs and clusters too", async () => {
    const digits = "9".repeat(5_000);
    const text = `{"":1,"a.b":2,"$set":{"$inc":3},"__proto__":{"x":[]},"\\u0000":"\\u0000\\ufffd","\\ud800":"\\udc00x","n":${digits},"e":1e400,"'; DROP TABLE clockwork_prop; --":"%_.*?","😀":"é"}`;
    const stored = canonicalJson(text);
    const odd = key({ jobId: "\0", clusterName: "\ud800'%_?" });
    assert.equal(await set(odd, text), { kind: "stored", object: stored });
    assert.is(await data.props(odd), stored);
    assert.is(await data.props({ ...odd, jobId: "\ufffd" }), "{}");
    assert.is(await data.props({ ...odd, clusterName: "\ud801'%_?" }), "{}");
    await data.deleteProps(odd, JSON.stringify(["", "a.b", "$set", "__proto__", "\0", "\ud800", "n", "e", "😀"]));
    assert.is(await data.props(odd), `{"'; DROP TABLE clockwork_prop; --":"%_.*?"}`);
    await data.forgetUser("ada@example.org");
  });

  test("C-57: exactly the limit is stored, one character more is not, and the old value stays", async () => {
    const fill = (size: number): string => `{"k":"${"x".repeat(size - '{"k": ""}'.length)}"}`;
    assert.is(measureOf(fill(MAX_OBJECT_SIZE)), MAX_OBJECT_SIZE);
    assert.is((await set(key(), fill(MAX_OBJECT_SIZE))).kind, "stored");
    assert.equal(await set(key(), fill(MAX_OBJECT_SIZE + 1)), {
      kind: "tooLarge",
      previous: MAX_OBJECT_SIZE,
      updates: MAX_OBJECT_SIZE + 1,
    });
    assert.equal(await set(key(), { j: 1 }), { kind: "tooLarge", previous: MAX_OBJECT_SIZE, updates: 8 });
    assert.is(await data.props(key()), fill(MAX_OBJECT_SIZE));
    // What is replaced does not count.
    assert.equal(await set(key(), { k: 1 }), { kind: "stored", object: '{"k":1}' });
    await data.forgetUser("ada@example.org");
  });

  test("C-58: all records of a user together keep to the quota, deleting always works", async () => {
    const quota = 3 * measureOf('{"k":"0123456789"}');
    const value = { k: "0123456789" };
    for (const jobId of ["1", "2", "3"]) assert.is((await set(key({ jobId }), value, quota)).kind, "stored");
    assert.equal(await set(key({ jobId: "4" }), value, quota), { kind: "overQuota" });
    assert.equal(await set(key({ jobId: "3" }), { k: "01234567890" }, quota), { kind: "overQuota" });
    assert.is(await data.props(key({ jobId: "3" })), '{"k":"0123456789"}');
    assert.is((await set(key({ email: "eve@example.org", jobId: "4" }), value, quota)).kind, "stored");
    await data.deleteProps(key({ jobId: "1" }), JSON.stringify(["k"]));
    assert.is((await set(key({ jobId: "4" }), value, quota)).kind, "stored");
    // A lower one: what is there stays and can be removed.
    assert.equal(await set(key({ jobId: "4" }), { l: 1 }, 1), { kind: "overQuota" });
    await data.deleteProps(key({ jobId: "4" }), JSON.stringify(["k"]));
    assert.is(await usage("ada@example.org"), 2 * measureOf('{"k":"0123456789"}'));
    await data.forgetUser("ada@example.org");
    await data.forgetUser("eve@example.org");
  });

  test("C-31: a note is found by exactly its name and text, on its job and cluster, of its user or of anybody", async () => {
    await set(key(), { tag: "best", n: 5, é: "ü", nested: { tag: "inner" } });
    await set(key({ jobId: "2", email: "eve@example.org" }), { tag: "best" });
    assert.equal(await found("tag", "best"), ["1@main", "2@main"]);
    assert.equal(await found("tag", "best", "ada@example.org"), ["1@main"]);
    assert.equal(await found("é", "ü"), ["1@main"]);
    for (const [name, content] of [
      ["tag", "bes"],
      ["tag", "best "],
      ["ta%", "best"],
      ["tag", ".*"],
      ["n", "5"],
      ["tag", "inner"],
      ["tag", "be\0st"],
      ["toString", ""],
    ] as const) {
      assert.equal(await found(name, content), [], `${name}=${content}`);
    }
    await set(key(), { tag: "worst" });
    assert.equal(await found("tag", "best"), ["2@main"]);
    assert.equal(await found("tag", "worst"), ["1@main"]);
    await data.deleteProps(key(), JSON.stringify(["tag"]));
    assert.equal(await found("tag", "worst"), []);
    await data.forgetUser("eve@example.org");
    assert.equal(await found("tag", "best"), []);
    await data.forgetUser("ada@example.org");
    assert.is(await rows("clockwork_prop_value"), 0);
  });

  test("C-54: 50 writers of 50 keys each, by two handles at once, on a record that is not there yet: all are there", async () => {
    const handles = [data, handle(other)];
    await Promise.all(
      Array.from({ length: WRITERS }, async (_, writer) => {
        for (let count = 0; count < KEYS; count++) {
          const updates = canonicalJson(JSON.stringify({ [`w${writer}-${count}`]: `${count}` }));
          const changed = await handles[writer % 2]?.setProps(key(), updates, QUOTA);
          assert.is(changed?.kind, "stored");
        }
      }),
    );
    const object = await data.props(key());
    assert.is(Object.keys(JSON.parse(object)).length, WRITERS * KEYS);
    assert.is(await usage("ada@example.org"), measureOf(object));
    assert.is(await rows("clockwork_prop_value"), WRITERS * KEYS);
    await data.forgetUser("ada@example.org");
  });

  test("C-48: the dict of a job that many write into by two handles at once has all their keys; of a job that is gone there is none", async () => {
    await new JobRecords(sql).upsert([jobRecord(1)]);
    const podUid = jobRecord(1).podUid;
    const handles = [data, handle(other)];
    await Promise.all(
      Array.from({ length: 20 }, async (_, writer) => {
        for (let count = 0; count < 10; count++) {
          const changed = await handles[writer % 2]?.updateUserDict(podUid, `{"w${writer}-${count}":${count}}`);
          assert.is(changed?.kind, "stored");
        }
      }),
    );
    const [row] = await new JobRecords(sql).matching("1");
    assert.is(Object.keys(JSON.parse(row?.user ?? "{}")).length, 200);
    assert.is(await data.updateUserDict("nobody", '{"a":1}'), undefined);
  });

  test("C-58: many writers of many records of one user at once do not get beyond the quota", async () => {
    const handles = [data, handle(other)];
    const one = measureOf('{"k":1}');
    const kinds = await Promise.all(
      Array.from({ length: 40 }, async (_, job) => {
        const changed = await handles[job % 2]?.setProps(key({ jobId: `${job}` }), '{"k":1}', 10 * one);
        return changed?.kind;
      }),
    );
    assert.is(kinds.filter((kind) => kind === "stored").length, 10);
    assert.is(kinds.filter((kind) => kind === "overQuota").length, 30);
    assert.is(await usage("ada@example.org"), 10 * one);
    await data.forgetUser("ada@example.org");
  });
}
