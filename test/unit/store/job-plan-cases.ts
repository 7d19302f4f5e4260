import * as assert from "uvu/assert";
import type { JobFilter, JobOrder } from "../../../store/job-filter.ts";
import { JobRecords } from "../../../store/job-records.ts";
import type { Sql } from "../../../store/sql.ts";
import { UserData } from "../../../store/user-data.ts";
import {
  believableJob,
  benchArrayId,
  benchCluster,
  benchEmail,
  benchJobId,
} from "../../bench/clockwork/believable-job.ts";
import { type Plan, type PlanReader, planText } from "../../support/job-plan.ts";
import { WatchedSql } from "../../support/watched-sql.ts";

const JOBS = 6_000;
const NOW = 1_800_000_000;
const DAY = 86_400;
const NEWEST: JobOrder = { by: "submit_time", ascending: false };
const KEYS = [
  ...(["cluster_name", "user", "job_id", "name"] as const),
  ...(["job_state", "submit_time", "start_time", "end_time"] as const),
];
const EMAIL = benchEmail(4);
const FAILED = ["FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED"];

/**
 * Adds what holds for the ways in which a database finds jobs. `open` gives one with nothing in it, `plan` tells its way, `settle` does what comes
 * about by itself when jobs have been there for a while.
 */
export function jobPlanCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
  plan: PlanReader,
  settle: (sql: Sql) => Promise<void>,
): void {
  let sql: Sql;
  let watched: WatchedSql;
  let jobs: JobRecords;

  /** How the database goes about what was asked for, all statements together; and how many jobs there were. */
  const planOf = async (ask: () => Promise<number>): Promise<Plan> => {
    watched.statements.splice(0);
    assert.ok((await ask()) > 0, "nothing was found");
    const plans: Plan[] = [];
    for (const statement of watched.statements.splice(0)) plans.push(await plan(sql, statement));
    return {
      indexes: plans.flatMap(({ indexes }) => indexes),
      scansTable: plans.some(({ scansTable }) => scansTable),
      sorts: plans.some(({ sorts }) => sorts),
    };
  };
  const page = (filter: JobFilter, order: JobOrder = NEWEST): Promise<Plan> =>
    planOf(async () => await lengthOf(jobs.list(filter, { order, limit: 25, offset: 0 })));
  const counted = (filter: JobFilter, order: JobOrder = NEWEST): Promise<Plan> =>
    planOf(async () => (await jobs.listWithCount(filter, { order, limit: 25, offset: 0 })).total);

  test("C-84: a page of each filter comes from an index in the order that it has there, however many match", async () => {
    sql = await open();
    watched = new WatchedSql(sql);
    jobs = new JobRecords(watched);
    for (let from = 0; from < JOBS; from += 1_000)
      await jobs.upsert(Array.from({ length: 1_000 }, (_, at) => believableJob(from + at, JOBS, NOW)));
    await settle(sql);
    const filters: JobFilter[] = [
      {},
      { email: EMAIL },
      { owner: EMAIL },
      { anyUser: EMAIL },
      { anyUser: "user-004" },
      { clusters: ["main"] },
      { clusters: ["test"] },
      { clusters: ["cpu", "edge", "test"] },
      { states: ["COMPLETED"] },
      { states: ["NODE_FAIL"] },
      { states: FAILED },
      { states: ["RUNNING", "PENDING"] },
      { arrayJobId: benchArrayId(100) },
      { arrayJobId: "0" },
      { endedAfter: NOW - 365 * DAY },
      { clusters: ["main"], states: ["COMPLETED"] },
      { clusters: ["gpu", "main"], states: FAILED, endedAfter: NOW - 365 * DAY },
      { owner: EMAIL, clusters: ["main"], endedAfter: NOW - 365 * DAY },
      { email: EMAIL, states: ["COMPLETED"] },
    ];
    for (const filter of filters) {
      const found = await page(filter);
      const told = `${JSON.stringify(filter)}: ${planText(found)}`;
      assert.not(found.scansTable, told);
      assert.not(found.sorts, told);
      assert.ok(found.indexes.length > 0, told);
    }
  });

  test("C-84, C-37: a page of each order comes from an index", async () => {
    for (const by of KEYS) {
      for (const ascending of [true, false]) {
        const found = await page({}, { by, ascending });
        const told = `${by} ${ascending}: ${planText(found)}`;
        assert.not(found.scansTable, told);
        assert.not(found.sorts, told);
      }
    }
  });

  test("C-84: few jobs are found by what they have, and put into order then", async () => {
    const data = new UserData(sql);
    for (const number of [5, 500, 5_000]) {
      const key = { email: EMAIL, jobId: benchJobId(number), clusterName: benchCluster(number) };
      await data.setProps(key, '{"goal":"paper"}', 1e9);
    }
    const filters: JobFilter[] = [
      { jobIds: [benchJobId(7)] },
      { jobIds: [benchJobId(7), benchJobId(70), "1"] },
      { jobIds: [benchJobId(7)], clusters: ["main", "gpu", "cpu", "edge", "test"], states: [...FAILED, "COMPLETED"] },
      { prop: { name: "goal", content: "paper" } },
      { prop: { email: EMAIL, name: "goal", content: "paper" } },
      { prop: { name: "goal", content: "paper" }, clusters: ["main", "gpu", "cpu", "edge", "test"], endedAfter: 1 },
    ];
    for (const filter of filters) {
      for (const found of [
        await page(filter),
        await counted(filter),
        await page(filter, { by: "name", ascending: true }),
      ]) {
        const told = `${JSON.stringify(filter)}: ${planText(found)}`;
        assert.not(found.scansTable, told);
        assert.ok(
          found.indexes.some((name) => /by_id$/.test(name)),
          told,
        );
      }
    }
    for (const [clusters, owner] of [[undefined], [["main", "gpu"]], [undefined, EMAIL], [["main"], EMAIL]] as const) {
      const found = await planOf(async () => {
        await jobs.matching(benchJobId(7), clusters, owner);
        return 1;
      });
      assert.not(found.scansTable, planText(found));
    }
  });

  test("C-84, C-36: what is counted, and what is put into another order than an index has, is read from an index alone", async () => {
    const filters: [JobFilter, JobOrder?][] = [
      [{ email: EMAIL }],
      [{ anyUser: "user-004" }],
      [{ clusters: ["test"] }],
      [{ states: ["NODE_FAIL"] }],
      [{ states: ["RUNNING", "PENDING"] }],
      [{ arrayJobId: benchArrayId(100) }],
      [{ endedAfter: NOW - DAY }],
      [{ endedAfter: NOW - DAY }, { by: "name", ascending: true }],
      [{ clusters: ["test"], states: FAILED }],
      [{ email: EMAIL, clusters: ["main"], states: FAILED, endedAfter: 1 }],
      [{ owner: EMAIL, anyUser: "user-004", states: ["COMPLETED"] }],
      [
        { arrayJobId: benchArrayId(100), clusters: ["main", "gpu", "cpu", "edge", "test"] },
        { by: "name", ascending: true },
      ],
      [{ email: EMAIL }, { by: "end_time", ascending: false }],
      [{ clusters: ["test"] }, { by: "user", ascending: true }],
      [{ states: ["NODE_FAIL"] }, { by: "name", ascending: true }],
    ];
    for (const [filter, order = NEWEST] of filters) {
      const found = await counted(filter, order);
      assert.not(found.scansTable, `${JSON.stringify([filter, order])}: ${planText(found)}`);
    }
  });

  test("C-84, C-5: all jobs, and all of a filter, are read along an index, piece by piece", async () => {
    for (const filter of [
      {},
      { owner: EMAIL },
      { states: FAILED },
      { clusters: ["main"] },
      { endedAfter: NOW - 365 * DAY },
    ]) {
      const found = await planOf(async () => await lengthOf(jobs.list(filter)));
      const told = `${JSON.stringify(filter)}: ${planText(found)}`;
      assert.not(found.sorts, told);
      assert.ok(
        found.indexes.some((name) => /_newest$|_submit$/.test(name)),
        told,
      );
    }
  });
}

async function lengthOf(from: AsyncIterable<unknown>): Promise<number> {
  let length = 0;
  for await (const _ of from) length += 1;
  return length;
}
