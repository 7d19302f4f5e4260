import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { JobRecord } from "../../../store/job-records.ts";
import type { Row, Sql } from "../../../store/sql.ts";
import { believableJob, benchArrayId, benchCluster, benchJobId } from "../../bench/clockwork/believable-job.ts";
import { parseClockworkBenchOptions } from "../../bench/clockwork/options.ts";
import { benchQueries } from "../../bench/clockwork/queries.ts";
import { type PlanReader, planText, postgresPlan, sqlitePlan } from "../../support/job-plan.ts";

const COUNT = 5_000;
const NOW = 1_800_000_000;
const jobs = Array.from({ length: COUNT }, (_, number) => believableJob(number, COUNT, NOW));

const filling = suite("jobs of the Clockwork benchmark");

filling("are the same each time, and every one has an id of its own", () => {
  assert.equal(believableJob(17, COUNT, NOW), jobs[17]);
  assert.is(new Set(jobs.map(({ jobId }) => jobId)).size, COUNT);
  assert.is(new Set(jobs.map(({ podUid }) => podUid)).size, COUNT);
  for (const [number, job] of jobs.entries()) {
    assert.is(job.jobId, benchJobId(number));
    assert.is(job.clusterName, benchCluster(number));
  }
});

filling("are of runs, or of none", () => {
  const ofRun = jobs.filter(({ arrayJobId }) => arrayJobId === benchArrayId(3_333));
  assert.is(ofRun.length, 12);
  assert.is(new Set(ofRun.map(({ runUid }) => runUid)).size, 1);
  assert.ok(jobs.some(({ arrayJobId, runUid }) => arrayJobId === "0" && runUid === ""));
});

filling("are spread over two years, states, clusters and users", () => {
  const share = (of: (job: JobRecord) => boolean): number => jobs.filter(of).length / COUNT;
  assert.ok(Math.abs(share(({ state }) => state === "COMPLETED") - 0.72) < 0.05);
  assert.ok(Math.abs(share(({ clusterName }) => clusterName === "main") - 0.6) < 0.05);
  assert.ok(Math.abs(share(({ email }) => email === null) - 0.02) < 0.02);
  const users = new Set(jobs.map(({ email }) => email));
  assert.ok(users.size > 100 && users.size <= 201, `${users.size} users`);
  const times = jobs.map(({ submitTime }) => submitTime);
  assert.ok(Math.max(...times) - Math.min(...times) > 700 * 86_400);
  const unfinished = jobs.filter(({ endTime }) => endTime === null);
  assert.ok(unfinished.length > 0 && unfinished.length < 50);
  assert.ok(unfinished.every(({ ended, state }) => !ended && (state === "RUNNING" || state === "PENDING")));
  for (const { submitTime, startTime, endTime } of jobs) {
    if (endTime !== null) assert.ok(submitTime <= (startTime ?? 0) && endTime < NOW, String(endTime));
  }
});

filling("show what their columns say", () => {
  for (const job of jobs.slice(0, 100)) {
    const slurm = JSON.parse(job.slurm);
    assert.equal(
      [slurm.job_id, slurm.job_state, slurm.end_time, slurm.cluster_name, slurm.array_job_id, slurm.name],
      [job.jobId, job.state, job.endTime, job.clusterName, job.arrayJobId, job.name],
    );
  }
});

const questions = suite("questions of the Clockwork benchmark");

questions("each has a title of its own, and asks something", () => {
  const queries = benchQueries(COUNT);
  const titles = queries.map(({ title, as }) => `${as} ${title}`);
  assert.is(new Set(titles).size, titles.length);
  for (const { path } of queries) assert.match(path(3), /^\/jobs\/(list|one|user_props\/get)\?\w+=/);
});

const plans = suite("plans in the Clockwork benchmark");

async function told(read: PlanReader, rows: Row[]): Promise<string> {
  const sql: Sql = { read: async () => rows, write: async () => [], tidy: async () => {}, close: async () => {} };
  return planText(await read(sql, { text: "SELECT 1" }));
}

plans("of SQLite: an index, a walk over the table, and sorting of more than the page", async () => {
  const steps = (...details: [string, number?][]): Row[] => details.map(([detail, parent = 0]) => ({ detail, parent }));
  const search = "SEARCH clockwork_job USING COVERING INDEX clockwork_job_by_state (job_state=?)";
  const sort = "USE TEMP B-TREE FOR ORDER BY";
  assert.is(await told(sqlitePlan, steps([search])), "`by_state`");
  assert.is(await told(sqlitePlan, steps(["SCAN clockwork_job"])), "**reads the whole table**");
  assert.is(await told(sqlitePlan, steps([search], [sort])), "`by_state`; sorts");
  assert.is(await told(sqlitePlan, steps(["CO-ROUTINE keyed"], [search, 1], ["SCAN keyed"], [sort])), "`by_state`");
  const within = steps(["CO-ROUTINE keyed"], [search, 1], [sort, 1], ["SCAN keyed"], [sort]);
  assert.is(await told(sqlitePlan, within), "`by_state`; sorts");
  const pages = "SEARCH clockwork_job USING INDEX sqlite_autoindex_clockwork_job_1 (pod_uid=?)";
  assert.is(await told(sqlitePlan, steps([search], [pages])), "`by_state`");
});

plans("of PostgreSQL", async () => {
  const steps = (...lines: string[]): Row[] => lines.map((line) => ({ "QUERY PLAN": line }));
  const scan = "Index Only Scan using clockwork_job_by_id on clockwork_job";
  assert.is(await told(postgresPlan, steps("Limit", `  ->  ${scan}`)), "`by_id`");
  const whole = steps(
    "Limit",
    "  ->  Sort",
    "        Sort Key: name",
    "        ->  Parallel Seq Scan on clockwork_job",
  );
  assert.is(await told(postgresPlan, whole), "**reads the whole table**; sorts");
  const ofPage = steps(
    "Sort",
    "  Sort Key: name",
    "  ->  Nested Loop",
    "        ->  Limit",
    `              ->  ${scan}`,
  );
  assert.is(await told(postgresPlan, ofPage), "`by_id`");
  assert.is(await told(postgresPlan, steps("  ->  Bitmap Index Scan on clockwork_job_by_state")), "`by_state`");
});

const options = suite("options of the Clockwork benchmark");

options("have defaults, and refuse what they do not know", () => {
  const { jobs: count, stores } = parseClockworkBenchOptions([]);
  assert.equal([count, stores], [1_000_000, ["embedded", "postgres"]]);
  assert.equal(parseClockworkBenchOptions(["--store", "postgres"]).stores, ["postgres"]);
  assert.throws(() => parseClockworkBenchOptions(["--jobs", "7"]), /--jobs "7": must be a whole number/);
  assert.throws(() => parseClockworkBenchOptions(["--store", "x"]), /must be embedded, postgres or both/);
  assert.throws(() => parseClockworkBenchOptions(["--sorted"]), /--help lists the options/);
});

filling.run();
questions.run();
plans.run();
options.run();
