import * as assert from "uvu/assert";
import type { JobFilter, JobOrder } from "../../../store/job-filter.ts";
import type { JobPage } from "../../../store/job-page.ts";
import { type JobRecord, JobRecords, type JobRow } from "../../../store/job-records.ts";
import type { Sql } from "../../../store/sql.ts";
import { WatchedSql } from "../../support/watched-sql.ts";

/** A job as it is written, with what `more` says; times follow from the number. */
export function jobRecord(number: number, more: Partial<JobRecord> = {}): JobRecord {
  const jobId = more.jobId ?? String(number);
  const state = more.state ?? "COMPLETED";
  return {
    podUid: `uid-${String(number).padStart(6, "0")}`,
    namespace: "ns",
    pod: `pod-${number}`,
    runUid: "",
    task: "",
    attempt: 1,
    observed: 10,
    ended: state !== "RUNNING" && state !== "PENDING",
    goneState: "CANCELLED",
    goneTime: null,
    owner: "ada",
    jobId,
    arrayJobId: "0",
    clusterName: "main",
    email: "ada@example.org",
    clusterUser: "ada",
    ccUser: null,
    name: "train",
    state,
    node: "node-1",
    submitTime: 1000 + number,
    startTime: 1100 + number,
    endTime: 1200 + number,
    slurm: JSON.stringify({ job_id: jobId, job_state: state }),
    cw: "{}",
    ...more,
  };
}

/** Adds what holds for Clockwork's jobs whatever database they are in. `open` gives one with nothing in it. */
export function jobRecordCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
): void {
  let sql: Sql;
  let jobs: JobRecords;

  const idsOf = (rows: readonly JobRow[]): string[] => rows.map(({ jobId }) => jobId);
  const found = async (filter: JobFilter): Promise<string[]> => idsOf(await all(jobs, filter)).sort();
  const paged = async (order: JobOrder, filter: JobFilter = {}): Promise<string[]> =>
    idsOf(await all(jobs, filter, { order, limit: 100, offset: 0 }));

  test("C-76, C-80, C-83: a job that was written is read as it was, with an empty dict of the user's", async () => {
    sql = await open();
    jobs = new JobRecords(sql);
    await jobs.upsert([]);
    await jobs.upsert([jobRecord(1, { slurm: '{"a":"töne \\u0000 ✓"}', cw: '{"b":1}', email: null })]);
    assert.equal(await all(jobs, {}), [
      {
        podUid: "uid-000001",
        jobId: "1",
        clusterName: "main",
        email: null,
        clusterUser: "ada",
        ccUser: null,
        slurm: '{"a":"töne \\u0000 ✓"}',
        cw: '{"b":1}',
        user: "{}",
      },
    ]);
    assert.equal(await jobs.matching("1", ["main"]), await all(jobs, {}));
    await jobs.purge(1e9, 10);
  });

  test("C-31, C-32, C-33: each filter keeps what it says, all of them hold together, and one that nothing can match matches nothing", async () => {
    await jobs.upsert([
      jobRecord(1),
      jobRecord(2, { email: "bob@example.org", clusterUser: "bob", arrayJobId: "77", state: "FAILED" }),
      jobRecord(3, { clusterName: "other", ccUser: "ada-cc", email: null, clusterUser: null }),
      jobRecord(4, { state: "RUNNING", endTime: null }),
      jobRecord(5, { endTime: 5000, arrayJobId: "77", email: "a%b_c'd.*" }),
    ]);
    const many = Array.from({ length: 3_000 }, (_, n) => `none-${n}`);
    const cases: [JobFilter, string][] = [
      [{}, "1 2 3 4 5"],
      [{ clusters: ["main"] }, "1 2 4 5"],
      [{ clusters: ["other", "main", "other"] }, "1 2 3 4 5"],
      [{ clusters: [] }, ""],
      [{ email: "ada@example.org" }, "1 4"],
      [{ email: "" }, ""],
      [{ email: "ADA@example.org" }, ""],
      [{ email: "ada" }, ""],
      [{ anyUser: "ada" }, "1 4 5"],
      [{ anyUser: "ada-cc" }, "3"],
      [{ anyUser: "bob@example.org" }, "2"],
      [{ owner: "bob@example.org" }, "2"],
      [{ owner: "bob@example.org", email: "ada@example.org" }, ""],
      [{ states: ["FAILED", "RUNNING"] }, "2 4"],
      [{ states: ["failed"] }, ""],
      [{ states: [] }, ""],
      [{ jobIds: ["5", "1", "9"] }, "1 5"],
      [{ jobIds: [] }, ""],
      [{ states: [...many, "FAILED", "RUNNING"] }, "2 4"],
      [{ clusters: [...many, "other"] }, "3"],
      [{ jobIds: [...many, "5"] }, "5"],
      [{ clusters: ["other", "main"], states: ["FAILED", "RUNNING", "x"] }, "2 4"],
      [{ anyUser: "ada", clusters: ["main", "other"], states: ["RUNNING", "COMPLETED"], endedAfter: 4000 }, "4 5"],
      [{ arrayJobId: "77" }, "2 5"],
      [{ arrayJobId: "0" }, "1 3 4"],
      [{ endedAfter: 4999.5 }, "4 5"],
      [{ endedAfter: 5000 }, "4"],
      [{ endedAfter: 1e300 }, "4"],
      [{ endedAfter: -1e300 }, "1 2 3 4 5"],
      [{ endedAfter: 1000, states: ["COMPLETED"], clusters: ["main"], anyUser: "ada" }, "1 5"],
    ];
    for (const [filter, ids] of cases) {
      const expected = ids.split(" ").filter(Boolean);
      const told = JSON.stringify(filter).slice(0, 300);
      assert.equal(await found(filter), expected, told);
      const page: JobPage = { order: { by: "name", ascending: true }, limit: 3, offset: 1 };
      const { rows, total } = await jobs.listWithCount(filter, page);
      assert.equal(
        [(await gathered(rows)).length, total],
        [Math.min(3, Math.max(0, expected.length - 1)), expected.length],
        told,
      );
    }
  });

  test("C-7: quotes, patterns and NUL in a filter are data", async () => {
    assert.equal(await found({ email: "a%b_c'd.*" }), ["5"]);
    for (const email of ["a%", "%", "_", ".*", "a%b_c'd._", "' OR 1=1 --", "a%b_c'd.*\0", "\0", "\uFFFD", "\uD800"])
      assert.equal(await found({ email }), [], JSON.stringify(email));
    assert.equal(await found({ anyUser: "ada\0" }), []);
    assert.equal(await found({ jobIds: ["1\0", "\0"] }), []);
    assert.equal(await found({ jobIds: ["1\0", "2"] }), ["2"]);
  });

  test("C-37: every order, by code point, nulls first ascending and last descending, ties by job id", async () => {
    await jobs.purge(1e9, 100);
    await jobs.close([{ podUid: "uid-000004", state: "FAILED", endTime: 1, ended: true, slurm: "{}" }]);
    await jobs.purge(1e9, 100);
    const uid = (n: number, more: Partial<JobRecord>): JobRecord => jobRecord(n, { submitTime: 7, ...more });
    await jobs.upsert([
      uid(1, { jobId: "10", name: "b", clusterName: "Z", email: null, startTime: null, endTime: null }),
      uid(2, { jobId: "9", name: "B", clusterName: "a", email: "é", state: "FAILED", startTime: 5, endTime: 9 }),
      uid(3, { jobId: "100", name: "a", clusterName: "a", email: "z", state: "FAILED", startTime: 5, endTime: 3 }),
      uid(4, {
        jobId: "8",
        name: "😀",
        clusterName: "\uFFFD",
        email: null,
        submitTime: 6,
        startTime: null,
        endTime: 3,
      }),
    ]);
    const orders: [JobOrder["by"], ascending: string, descending: string][] = [
      ["cluster_name", "10 100 9 8", "8 100 9 10"],
      ["user", "10 8 100 9", "9 100 10 8"],
      ["job_id", "10 100 8 9", "9 8 100 10"],
      ["name", "9 100 10 8", "8 10 100 9"],
      ["job_state", "10 8 100 9", "100 9 10 8"],
      ["submit_time", "8 10 100 9", "10 100 9 8"],
      ["start_time", "10 8 100 9", "100 9 10 8"],
      ["end_time", "10 100 8 9", "9 100 8 10"],
    ];
    for (const [by, ascending, descending] of orders) {
      assert.is((await paged({ by, ascending: true })).join(" "), ascending, `${by} ascending`);
      assert.is((await paged({ by, ascending: false })).join(" "), descending, `${by} descending`);
    }
  });

  test("C-35, C-36: pages follow each other, the count is that of the filter, and comes with a page beyond the end too", async () => {
    const order: JobOrder = { by: "job_id", ascending: true };
    const page = async (limit: number, offset: number, filter: JobFilter = {}): Promise<[string[], number]> => {
      const { rows: read, total } = await jobs.listWithCount(filter, { order, limit, offset });
      const rows = await gathered(read);
      assert.equal(rows, await all(jobs, filter, { order, limit, offset }));
      return [idsOf(rows), total];
    };
    assert.equal(await page(3, 0), [["10", "100", "8"], 4]);
    assert.equal(await page(3, 3), [["9"], 4]);
    assert.equal(await page(3, 6), [[], 4]);
    assert.equal(await page(1e18, 0, { clusters: ["a"] }), [["100", "9"], 2]);
    assert.equal(await page(3, 9e300), [[], 4]);
    assert.equal(await page(3, 0, { states: [] }), [[], 0]);
  });

  test("C-40, C-41: the jobs of an id, on some clusters, of an owner", async () => {
    await jobs.upsert([
      jobRecord(5, { jobId: "same" }),
      jobRecord(6, { jobId: "same", clusterName: "other", email: "b" }),
    ]);
    assert.is((await jobs.matching("same")).length, 2);
    assert.is((await jobs.matching("same", ["other", "main"])).length, 2);
    assert.equal(
      (await jobs.matching("same", ["other"])).map(({ podUid }) => podUid),
      ["uid-000006"],
    );
    assert.equal(
      (await jobs.matching("same", undefined, "b")).map(({ podUid }) => podUid),
      ["uid-000006"],
    );
    assert.equal(await jobs.matching("same", []), []);
    assert.equal(await jobs.matching("same,9"), []);
    assert.equal(await jobs.clusters(), ["Z", "a", "main", "other", "\uFFFD"]);
  });

  test("C-81: the newest observation stands, whatever the order, and the state of a job that has ended does not change", async () => {
    const stateOf = async (): Promise<unknown> => JSON.parse((await jobs.matching("seen"))[0]?.slurm ?? "{}").job_state;
    const seen = (observed: number, state: string, more: Partial<JobRecord> = {}): JobRecord =>
      jobRecord(20, { jobId: "seen", observed, state, endTime: null, ...more });
    await jobs.upsert([seen(5, "RUNNING")]);
    await jobs.upsert([seen(4, "PENDING")]);
    assert.is(await stateOf(), "RUNNING");
    await Promise.all([
      jobs.upsert([seen(6, "COMPLETED", { endTime: 50, cw: '{"n":6}' })]),
      jobs.upsert([seen(3, "PENDING")]),
      jobs.upsert([seen(5, "RUNNING")]),
    ]);
    assert.is(await stateOf(), "COMPLETED");
    await jobs.upsert([seen(7, "RUNNING")]);
    await jobs.upsert([seen(8, "CANCELLED", { endTime: 50 })]);
    await jobs.upsert([seen(8, "COMPLETED", { endTime: 51 })]);
    assert.is(await stateOf(), "COMPLETED");
    assert.is((await jobs.matching("seen"))[0]?.cw, '{"n":6}');
    // What else is known of it may still come in.
    await jobs.upsert([seen(9, "COMPLETED", { endTime: 50, cw: '{"n":9}', jobId: "another" })]);
    assert.is((await jobs.matching("seen"))[0]?.cw, '{"n":9}');
    await jobs.close([{ podUid: "uid-000020", state: "CANCELLED", endTime: 1, ended: true, slurm: "{}" }]);
    assert.is(await stateOf(), "COMPLETED");
  });

  test("C-80: what the user has written stays when the job is written again", async () => {
    await sql.write([{ text: "UPDATE clockwork_job SET user_dict = ? WHERE job_id = ?", values: ['{"k":1}', "10"] }]);
    await jobs.upsert([
      jobRecord(1, { jobId: "10", observed: 11, state: "RUNNING", ended: false, endTime: null, cw: '{"x":1}' }),
    ]);
    const [row] = await jobs.matching("10");
    assert.equal([row?.user, row?.cw], ['{"k":1}', "{}"]);
    await jobs.upsert([jobRecord(30, { jobId: "30", state: "RUNNING", endTime: null })]);
    await sql.write([{ text: "UPDATE clockwork_job SET user_dict = ? WHERE job_id = ?", values: ['{"k":2}', "30"] }]);
    await jobs.upsert([jobRecord(30, { jobId: "30", observed: 11, endTime: 60, cw: '{"x":1}' })]);
    const [again] = await jobs.matching("30");
    assert.equal([again?.user, again?.cw], ['{"k":2}', '{"x":1}']);
  });

  test("C-82: unfinished jobs are found page by page, and closed once", async () => {
    await jobs.upsert(
      [41, 42, 43].map((n) => jobRecord(n, { state: "RUNNING", endTime: null, goneTime: n, runUid: "run" })),
    );
    const first = await jobs.unfinished("", 2);
    assert.equal(
      first.map(({ podUid }) => podUid),
      ["uid-000041", "uid-000042"],
    );
    assert.equal([first[0]?.goneTime, first[0]?.goneState, first[0]?.runUid], [41, "CANCELLED", "run"]);
    assert.equal(
      (await jobs.unfinished("uid-000042", 2)).map(({ podUid }) => podUid),
      ["uid-000043"],
    );
    await jobs.close([
      { podUid: "uid-000041", state: "NODE_FAIL", endTime: 99, ended: true, slurm: '{"job_state":"NODE_FAIL"}' },
    ]);
    await jobs.close([{ podUid: "uid-000041", state: "CANCELLED", endTime: 100, ended: true, slurm: "{}" }]);
    assert.equal(
      (await jobs.unfinished("", 9)).map(({ podUid }) => podUid),
      ["uid-000042", "uid-000043"],
    );
    assert.is((await jobs.matching("41"))[0]?.slurm, '{"job_state":"NODE_FAIL"}');
    assert.equal(
      await jobs.known(["uid-000041", "uid-000042", "nobody"]),
      new Map([
        ["uid-000041", { jobId: "41", runUid: "run", owner: "ada", arrayTaskId: "0" }],
        ["uid-000042", { jobId: "42", runUid: "run", owner: "ada", arrayTaskId: "0" }],
      ]),
    );
  });

  test("C-77: when a job last ended on a node", async () => {
    await jobs.upsert([jobRecord(51, { node: "n-1", endTime: 7 }), jobRecord(52, { node: "n-1", endTime: 9 })]);
    await jobs.upsert([jobRecord(53, { node: "n-2", state: "RUNNING", endTime: null })]);
    assert.equal(await jobs.lastBusy(["n-1", "n-2", "n-3"]), new Map([["n-1", 9]]));
    assert.equal(await jobs.lastBusy([]), new Map());
  });

  test("C-75: an owner who was unknown gets his name and e-mail, on all of his jobs", async () => {
    await jobs.upsert(
      [61, 62, 63].map((n) => jobRecord(n, { owner: "new", email: null, clusterUser: "new", slurm: '{"u":1}' })),
    );
    assert.ok((await jobs.ownersWithoutEmail()).includes("new"));
    const some = await jobs.withoutEmail("new", 2);
    assert.is(some.length, 2);
    const user = { email: "new@example.org", clusterUser: "new-name" };
    await jobs.setOwner(
      user,
      some.map(({ podUid, slurm }) => ({ podUid, slurmBefore: slurm, slurm: '{"u":2}', cw: '{"e":1}' })),
    );
    const [left] = await jobs.withoutEmail("new", 9);
    await jobs.setOwner(user, [
      { podUid: left?.podUid ?? "", slurmBefore: "not this any more", slurm: "{}", cw: "{}" },
    ]);
    assert.is((await jobs.withoutEmail("new", 9)).length, 1);
    assert.is((await found({ email: "new@example.org" })).length, 2);
    assert.is((await found({ anyUser: "new-name" })).length, 2);
  });

  test("C-85: what ended long ago goes in batches, oldest first, and what has not ended stays", async () => {
    const before = (await found({})).length;
    await jobs.upsert([71, 72, 73].map((n) => jobRecord(n, { endTime: n - 100 })));
    await jobs.upsert([jobRecord(74, { state: "RUNNING", endTime: null })]);
    assert.is(await jobs.purge(0, 2), 2);
    assert.equal(await found({ jobIds: ["71", "72", "73", "74"] }), ["73", "74"]);
    assert.is(await jobs.purge(0, 2), 1);
    assert.is(await jobs.purge(0, 2), 0);
    assert.is((await found({})).length, before + 1);
  });

  test("C-5, C-31: everything is read in pieces, each job once, also where many have one time", async () => {
    await jobs.purge(Number.MAX_SAFE_INTEGER, 1000);
    const many = Array.from({ length: 1203 }, (_, n) =>
      jobRecord(10_000 + n, { submitTime: n % 3, jobId: `m-${n % 1100}`, cw: "many" }),
    );
    for (let at = 0; at < many.length; at += 100) await jobs.upsert(many.slice(at, at + 100));
    const seen = (await all(jobs, { email: "ada@example.org" }))
      .filter(({ cw }) => cw === "many")
      .map(({ podUid }) => podUid);
    assert.is(seen.length, 1203);
    assert.is(new Set(seen).size, 1203);
  });

  test("C-35, C-36: a long page and its count are of one moment, in every order, however much is written while it is read", async () => {
    const COUNT = 1_203;
    const filter: JobFilter = { arrayJobId: "long" };
    const number = (n: number): JobRecord =>
      jobRecord(20_000 + n, {
        ...{ arrayJobId: "long", jobId: `l-${n % 1150}`, state: "RUNNING", endTime: null },
        ...{ name: `n-${n % 7}`, submitTime: 5_000 + (n % 11), startTime: n % 5 === 0 ? null : n % 13 },
      });
    const fields = [
      "cluster_name",
      "user",
      "job_id",
      "name",
      "job_state",
      "submit_time",
      "start_time",
      "end_time",
    ] as const;
    for (const by of fields) {
      await sql.write([{ text: "DELETE FROM clockwork_job" }]);
      const before = Array.from({ length: COUNT }, (_, n) => number(n));
      for (let at = 0; at < COUNT; at += 200) await jobs.upsert(before.slice(at, at + 200));
      const ascending = by === "end_time" || by === "name";
      const page = { order: { by, ascending }, limit: 100_000, offset: 0 };
      const order = idsOf(await all(jobs, filter, page));
      const { rows, total } = await jobs.listWithCount(filter, page);
      const seen: JobRow[] = [];
      for await (const row of rows) {
        if (seen.push(row) % 100 !== 1) continue;
        // One after the other moves to another place, and new ones come before and after what is being read.
        const moved = { observed: 20, state: "FAILED", clusterName: "a", name: "zz", email: "z", startTime: 9_999 };
        const from = seen.length - 1;
        await jobs.upsert(
          before.slice(from, from + 50).map((job) => ({ ...job, ...moved, ended: true, endTime: from })),
        );
        await jobs.upsert([1, 9_999].map((submitTime) => ({ ...number(COUNT + from + (submitTime % 2)), submitTime })));
      }
      assert.is(total, COUNT);
      assert.equal(idsOf(seen), order, by);
      assert.is(new Set(seen.map(({ podUid }) => podUid)).size, COUNT, by);
    }
    // What is gone by then is left out, and nothing comes in its place.
    const page: JobPage = { order: { by: "job_id", ascending: true }, limit: 100_000, offset: 0 };
    const { rows } = await jobs.listWithCount(filter, page);
    await sql.write([{ text: "DELETE FROM clockwork_job WHERE job_state = 'RUNNING'" }]);
    await jobs.upsert([number(COUNT + 5)]);
    const left = await gathered(rows);
    assert.ok(left.length > 500 && left.length < COUNT);
    assert.equal([...idsOf(left), number(COUNT + 5).jobId].sort(), idsOf(await all(jobs, filter, page)).sort());
    assert.equal(await all(jobs, filter, { ...page, offset: 100_000 }), []);
  });

  test("C-5, C-22: a list of jobs with the longest dicts is read a dict at a time", async () => {
    await sql.write([{ text: "DELETE FROM clockwork_job" }]);
    await jobs.upsert([1, 2, 3].map((n) => jobRecord(n)));
    const dict = (character: string): string => `{"k":"${character.repeat(2_000_000)}"}`;
    for (const [id, user] of [
      ["1", dict("a")],
      ["3", dict("b")],
    ] as const)
      await sql.write([{ text: "UPDATE clockwork_job SET user_dict = ? WHERE job_id = ?", values: [user, id] }]);
    const page: JobPage = { order: { by: "job_id", ascending: true }, limit: 10, offset: 0 };
    const watched = new WatchedSql(sql);
    const records = new JobRecords(watched);
    for (const rows of [
      await all(records, {}, page),
      await all(records, {}),
      await all(records, {}, { ...page, limit: 9e9 }),
    ]) {
      const users = new Map(rows.map(({ jobId, user }) => [jobId, user]));
      assert.ok(users.get("1") === dict("a") && users.get("2") === "{}" && users.get("3") === dict("b"));
    }
    assert.is((await records.matching("3"))[0]?.user.length, dict("b").length);
    assert.ok(watched.longest < 2_100_000, `${watched.longest} characters in one answer`);
  });
}

async function all(jobs: JobRecords, filter: JobFilter, page?: JobPage): Promise<JobRow[]> {
  return await gathered(jobs.list(filter, page));
}

async function gathered(from: AsyncIterable<JobRow>): Promise<JobRow[]> {
  const rows: JobRow[] = [];
  for await (const row of from) rows.push(row);
  return rows;
}
