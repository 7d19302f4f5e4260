/**
 * `npm run bench:clockwork`: what the Clockwork API takes to answer with a million jobs in its table, on both databases, and how much of that is the
 * database. `--help` shows the options.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ControlPlane } from "../../local/control-plane.ts";
import { runInterruptibly } from "../../local/interrupt.ts";
import { streamProgress } from "../../local/progress.ts";
import type { Sql } from "../../store/sql.ts";
import { UserData } from "../../store/user-data.ts";
import { benchEmail } from "./clockwork/believable-job.ts";
import { type BenchDatabase, makeDatabase } from "./clockwork/database.ts";
import { startBenchFacade, startBenchPlane } from "./clockwork/facade.ts";
import { fillJobs } from "./clockwork/fill.ts";
import { type MeasuredQuery, measureQuery } from "./clockwork/measure.ts";
import { readLongAnswer } from "./clockwork/memory.ts";
import { CLOCKWORK_BENCH_HELP, type ClockworkBenchOptions, parseClockworkBenchOptions } from "./clockwork/options.ts";
import { ASKING_USER, benchQueries, NOTE } from "./clockwork/queries.ts";
import { startWitness } from "./clockwork/statements.ts";
import { type DatabaseResult, databaseText, queryRow } from "./clockwork/table.ts";
import { describeMachine, machineText } from "./machine.ts";
import { replaceSection } from "./page-section.ts";

/** Jobs on which somebody noted what is searched for, at most. */
const NOTED = 500;
const QUOTA = 2 ** 30;

await runInterruptibly(async (signal) => {
  const options = parseClockworkBenchOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(CLOCKWORK_BENCH_HELP);
    return;
  }
  const machine = await describeMachine();
  const directory = await mkdtemp(join(tmpdir(), "odin-bench-"));
  let plane: ControlPlane | undefined;
  try {
    plane = await startBenchPlane(directory, streamProgress(), signal);
    const parts = [`${machineText(machine)} ${options.seconds} s for each number.`];
    for (const kind of options.stores) {
      const database = await makeDatabase(kind, directory);
      try {
        const result = await measureDatabase(database, plane, directory, options, signal);
        parts.push(databaseText(result));
        complain(result);
      } finally {
        await database.close();
      }
    }
    const text = parts.join("\n\n");
    process.stdout.write(`${text}\n`);
    if (options.write) replaceSection("bench:clockwork", text);
  } finally {
    await plane?.stop();
    await rm(directory, { recursive: true, force: true });
  }
});

async function measureDatabase(
  database: BenchDatabase,
  plane: ControlPlane,
  directory: string,
  { jobs, seconds }: ClockworkBenchOptions,
  signal: AbortSignal,
): Promise<DatabaseResult> {
  const { title, sql, words, plan } = database;
  const filling = streamProgress().step(`Filling ${title} with ${jobs} jobs`);
  const now = Math.floor(Date.now() / 1000);
  await fillJobs(sql, { jobs, now, ...words, progress: (text) => filling.update(text), signal });
  await note(sql);
  filling.done();
  const facade = await startBenchFacade(plane, directory, database.environment);
  const witness = await startWitness(sql);
  const asking = streamProgress().step(`Asking ${title}`);
  try {
    const queries: MeasuredQuery[] = [];
    for (const query of benchQueries(jobs)) {
      signal.throwIfAborted();
      asking.update(query.title);
      const measured = await measureQuery({ facade, witness, sql, plan, seconds }, query);
      queries.push(measured);
      // The whole takes long: whoever waits sees something, and it is not lost if the rest fails.
      process.stdout.write(`${queryRow(measured)}\n`);
    }
    asking.update("long answers");
    const long = [
      await readLongAnswer(facade, "a page of 100,000", "/jobs/list?page_num=1&nbr_items_per_page=100000"),
      await readLongAnswer(
        facade,
        "all jobs as one page, counted",
        `/jobs/list?nbr_items_per_page=${jobs}&want_count=1`,
      ),
      await readLongAnswer(facade, "all jobs without pages", "/jobs/list"),
    ];
    asking.done();
    return { title, jobs, bytes: await database.size(), queries, long };
  } catch (error) {
    asking.fail("failed");
    throw error;
  } finally {
    await witness.close();
    await facade.stop();
  }
}

/** One of the users has noted what they are for on some of his jobs, old and new. */
async function note(sql: Sql): Promise<void> {
  const data = new UserData(sql);
  const email = benchEmail(ASKING_USER);
  const text = "SELECT job_id, cluster_name FROM clockwork_job WHERE email = ? ORDER BY pod_uid LIMIT ?";
  for (const { job_id, cluster_name } of await sql.read({ text, values: [email, NOTED] })) {
    const key = { email, jobId: String(job_id), clusterName: String(cluster_name) };
    await data.setProps(key, JSON.stringify({ [NOTE.name]: NOTE.content, seed: 1 }), QUOTA);
  }
}

function complain({ title, queries }: DatabaseResult): void {
  for (const { query, plan } of queries) {
    if (!plan.scansTable) continue;
    process.exitCode = 1;
    process.stderr.write(`missed: ${title}: ${query.title} reads the whole table\n`);
  }
}
