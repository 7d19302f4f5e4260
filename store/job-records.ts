import { type Condition, conditionOf, conditionsOf, type JobFilter, type JobOrder, orderText } from "./job-filter.ts";
import { countOf, type JobPage, pageKeys, rowsOfKeys } from "./job-page.ts";
import type { Row, Sql, SqlValue, Statement } from "./sql.ts";

/** A job as it is written: what is shown of it, and the facts it is found by. Times are whole seconds since 1970. */
export interface JobRecord {
  podUid: string;
  namespace: string;
  pod: string;
  /** UID of the Pipeline that the pod belongs to; empty: to none. */
  runUid: string;
  task: string;
  attempt: number;
  /** The pod's resource version: which observation is newer. */
  observed: number;
  /** The pod has ended or is gone, and it is known why: its state changes no more (C-73). */
  ended: boolean;
  /** State that the job gets if the pod is found gone, and when it ended then; null: when that was found. */
  goneState: string;
  goneTime: number | null;
  /** User name or e-mail as it was said (C-71); empty: none. */
  owner: string;
  jobId: string;
  arrayJobId: string;
  clusterName: string;
  email: string | null;
  clusterUser: string | null;
  ccUser: string | null;
  name: string;
  state: string;
  node: string | null;
  submitTime: number;
  startTime: number | null;
  endTime: number | null;
  /** JSON texts, keys sorted. */
  slurm: string;
  cw: string;
}

/** A job as it is read. `slurm`, `cw` and `user` are JSON texts; `user` is the dict of C-22. */
export interface JobRow {
  podUid: string;
  jobId: string;
  clusterName: string;
  email: string | null;
  clusterUser: string | null;
  ccUser: string | null;
  slurm: string;
  cw: string;
  user: string;
}

/** What is known of a job whose pod had not ended when it was last seen. */
export type UnfinishedJob = Pick<
  JobRecord,
  | "podUid"
  | "namespace"
  | "pod"
  | "runUid"
  | "task"
  | "attempt"
  | "observed"
  | "goneState"
  | "goneTime"
  | "endTime"
  | "owner"
  | "jobId"
  | "slurm"
  | "cw"
>;

/** What is known of a job that was recorded before. */
export interface KnownJob {
  jobId: string;
  /** UID of the run that it belongs to; empty: to none. */
  runUid: string;
  owner: string;
  /** `array_task_id` as it is shown. */
  arrayTaskId: string;
}

/** What closes a job. */
export interface Closing {
  podUid: string;
  state: string;
  endTime: number;
  /** Nothing more is to come; false: why the pod was stopped may still be said, and would change it. */
  ended: boolean;
  slurm: string;
}

const WRITTEN =
  "pod_uid, namespace, pod, run_uid, task, attempt, observed, ended, gone_state, gone_time, owner, job_id, array_job_id, cluster_name, " +
  "email, cluster_user, cc_user, name, job_state, node, submit_time, start_time, end_time, slurm, cw";
const WRITTEN_COUNT = WRITTEN.split(",").length;
/** What an upsert may change: a job keeps its id for ever, and the user dict is not ours. */
const CHANGED = WRITTEN.split(", ").filter((column) => column !== "pod_uid" && column !== "job_id");
/** A dict may have 2 MiB: long ones are read one by one, so that a piece of a list has its bound. */
const SHOWN =
  "clockwork_job.pod_uid, clockwork_job.job_id, clockwork_job.cluster_name, clockwork_job.email, cluster_user, cc_user, slurm, cw, " +
  "CASE WHEN OCTET_LENGTH(user_dict) <= 16384 THEN user_dict END AS user_dict";
const UNFINISHED =
  "pod_uid, namespace, pod, run_uid, task, attempt, observed, gone_state, gone_time, end_time, owner, job_id, slurm, cw";
/** Rows read in one statement where more are wanted. */
const READ_AT_ONCE = 500;
/** The order of everything: where a job stands in it never changes. */
const NEWEST: JobOrder = { by: "submit_time", ascending: false };
/** More jobs of one id than this are not counted. */
const MOST_OF_ONE_ID = 1000;

/**
 * Clockwork's jobs, one for each pod that was seen, keyed by the pod's UID: names come again, UIDs never. What comes late, or twice, or from several
 * replicas at once does no harm (C-81). Times are whole seconds since 1970.
 */
export class JobRecords {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Writes jobs, all or none. Of several observations of a pod the newest stands, and the state of one that has ended stays as it is; who wrote
   * something into the user dict keeps it.
   */
  async upsert(records: readonly JobRecord[]): Promise<void> {
    const marks = `?${", ?".repeat(WRITTEN_COUNT - 1)}`;
    const text = `INSERT INTO clockwork_job (${WRITTEN}) VALUES (${marks})
      ON CONFLICT (pod_uid) DO UPDATE SET ${CHANGED.map((column) => `${column} = excluded.${column}`).join(", ")}
      WHERE excluded.observed >= clockwork_job.observed AND (clockwork_job.ended = 0 OR
        (excluded.ended = 1 AND excluded.job_state = clockwork_job.job_state AND excluded.end_time = clockwork_job.end_time))`;
    // In one order for all, so that replicas which write the same jobs do not wait for each other in a circle.
    const sorted = [...records].sort((a, b) => (a.podUid < b.podUid ? -1 : 1));
    await this.#sql.write(sorted.map((record) => ({ text, values: valuesOf(record) })));
  }

  /**
   * The jobs that match, read piece by piece: all of them in no promised order, or a page in its order. A page holds the jobs that made it up at one
   * moment, each of them once and as it is when its turn comes; one that was purged meanwhile is left out.
   */
  async *list(filter: JobFilter, page?: JobPage): AsyncGenerator<JobRow, void> {
    const conditions = conditionsOf(filter);
    if (conditions.length === 0) return;
    if (page === undefined) yield* this.#all(conditions);
    else if (page.limit <= READ_AT_ONCE) yield* this.#rows(await this.#sql.read(pageOf(conditions, page)));
    else yield* (await this.#pin(conditions, page)).rows;
  }

  /** A page like that of `list`, and how many jobs match in all, from one snapshot (C-36). */
  async listWithCount(filter: JobFilter, page: JobPage): Promise<{ rows: AsyncIterable<JobRow>; total: number }> {
    const conditions = conditionsOf(filter);
    if (conditions.length === 0) return { rows: this.#rows([]), total: 0 };
    if (page.limit > READ_AT_ONCE) return await this.#pin(conditions, page);
    // One statement is one snapshot in both databases; the count comes also where the page is empty.
    const count = countOf(conditions);
    const keys = pageKeys(conditions, page);
    const rows = await this.#sql.read({
      text: `SELECT counted.total, ${SHOWN} FROM (SELECT ${count.text} AS total) AS counted
        LEFT JOIN (${keys.text}) AS keyed ON 1 = 1 LEFT JOIN clockwork_job ON clockwork_job.pod_uid = keyed.pod_uid
        ORDER BY ${orderText(page.order, "keyed.")}`,
      values: [...count.values, ...keys.values],
    });
    return {
      rows: this.#rows(rows.filter(({ pod_uid }) => pod_uid !== null)),
      total: Number(rows[0]?.total ?? 0),
    };
  }

  /** The jobs of that id, on the clusters if some are named, of that owner if one is. */
  async matching(jobId: string, clusters?: readonly string[], owner?: string): Promise<JobRow[]> {
    const condition = conditionOf({
      jobIds: [jobId],
      ...(clusters === undefined ? {} : { clusters }),
      ...(owner === undefined ? {} : { owner }),
    });
    if (condition === undefined) return [];
    const text = `SELECT ${SHOWN} FROM clockwork_job WHERE ${condition.text} ORDER BY pod_uid LIMIT ?`;
    const found: JobRow[] = [];
    for await (const row of this.#rows(await this.#sql.read({ text, values: [...condition.values, MOST_OF_ONE_ID] })))
      found.push(row);
    return found;
  }

  /** The names of all clusters that have jobs. */
  async clusters(): Promise<string[]> {
    // Steps from one name to the next along the index: their number is small, that of the jobs is not.
    const text = `WITH RECURSIVE step (name) AS (
        SELECT MIN(cluster_name) FROM clockwork_job
        UNION ALL SELECT (SELECT MIN(cluster_name) FROM clockwork_job WHERE cluster_name > step.name) FROM step WHERE step.name IS NOT NULL
      ) SELECT name FROM step WHERE name IS NOT NULL`;
    return (await this.#sql.read({ text })).map(({ name }) => String(name));
  }

  /** The jobs whose pods had not ended when they were last seen, or of which it is not known yet why they did, in the order of their UIDs, after one of them. */
  async unfinished(after: string, limit: number): Promise<UnfinishedJob[]> {
    const text = `SELECT ${UNFINISHED} FROM clockwork_job WHERE ended = 0 AND pod_uid > ? ORDER BY pod_uid LIMIT ?`;
    return (await this.#sql.read({ text, values: [after, limit] })).map(unfinishedOf);
  }

  /** Those of the pods that are recorded, with what stays as it is for good. */
  async known(podUids: readonly string[]): Promise<Map<string, KnownJob>> {
    const known = new Map<string, KnownJob>();
    for (let at = 0; at < podUids.length; at += READ_AT_ONCE) {
      const some = podUids.slice(at, at + READ_AT_ONCE);
      const marks = `?${", ?".repeat(some.length - 1)}`;
      const text = `SELECT pod_uid, job_id, run_uid, owner, slurm FROM clockwork_job WHERE pod_uid IN (${marks})`;
      for (const row of await this.#sql.read({ text, values: some })) {
        const { array_task_id } = JSON.parse(String(row.slurm)) as { array_task_id?: unknown };
        known.set(String(row.pod_uid), {
          jobId: String(row.job_id),
          runUid: String(row.run_uid),
          owner: String(row.owner),
          arrayTaskId: String(array_task_id ?? "0"),
        });
      }
    }
    return known;
  }

  /** Closes jobs whose pods are gone (C-82); one that was brought to its end meanwhile stays as it is. */
  async close(closings: readonly Closing[]): Promise<void> {
    const text = `UPDATE clockwork_job SET job_state = ?, end_time = ?, slurm = ?, ended = ? WHERE pod_uid = ? AND ended = 0`;
    await this.#sql.write(
      closings.map(({ podUid, state, endTime, ended, slurm }) => ({
        text,
        values: [state, endTime, slurm, ended ? 1 : 0, podUid],
      })),
    );
  }

  /** When a job last ended on each of the nodes; those on which none did are left out. */
  async lastBusy(nodes: readonly string[]): Promise<Map<string, number>> {
    const busy = new Map<string, number>();
    for (let at = 0; at < nodes.length; at += READ_AT_ONCE) {
      const some = nodes.slice(at, at + READ_AT_ONCE);
      const one =
        "SELECT ? AS node, (SELECT MAX(end_time) FROM clockwork_job WHERE node = ? AND end_time IS NOT NULL) AS t";
      const text = some.map(() => one).join(" UNION ALL ");
      const rows = await this.#sql.read({ text, values: some.flatMap((node) => [node, node]) });
      for (const { node, t } of rows) if (t !== null) busy.set(String(node), Number(t));
    }
    return busy;
  }

  /** Owners who are said to have jobs and of whom no e-mail was known when those were written. */
  async ownersWithoutEmail(): Promise<string[]> {
    const text = "SELECT DISTINCT owner FROM clockwork_job WHERE email IS NULL AND owner <> ''";
    return (await this.#sql.read({ text })).map(({ owner }) => String(owner));
  }

  /** Some of an owner's jobs without e-mail. */
  async withoutEmail(owner: string, limit: number): Promise<Pick<JobRow, "podUid" | "slurm" | "cw">[]> {
    const text =
      "SELECT pod_uid, slurm, cw FROM clockwork_job WHERE email IS NULL AND owner <> '' AND owner = ? LIMIT ?";
    return (await this.#sql.read({ text, values: [owner, limit] })).map(({ pod_uid, slurm, cw }) => ({
      podUid: String(pod_uid),
      slurm: String(slurm),
      cw: String(cw),
    }));
  }

  /** Says who the owner of jobs is (C-75). One that was written again since it was read stays as it is. */
  async setOwner(
    user: { email: string; clusterUser: string },
    jobs: readonly { podUid: string; slurmBefore: string; slurm: string; cw: string }[],
  ): Promise<void> {
    const text =
      "UPDATE clockwork_job SET email = ?, cluster_user = ?, slurm = ?, cw = ? WHERE pod_uid = ? AND email IS NULL AND slurm = ?";
    await this.#sql.write(
      jobs.map(({ podUid, slurmBefore, slurm, cw }) => ({
        text,
        values: [user.email, user.clusterUser, slurm, cw, podUid, slurmBefore],
      })),
    );
  }

  /** Removes at most `batch` jobs that ended before a time, the oldest first, with their user dicts (C-85); how many. */
  async purge(before: number, batch: number): Promise<number> {
    const text = `DELETE FROM clockwork_job WHERE pod_uid IN
      (SELECT pod_uid FROM clockwork_job WHERE end_time < ? AND ended = 1 ORDER BY end_time ASC NULLS FIRST LIMIT ?)`;
    const [removed = 0] = await this.#sql.write([{ text, values: [before, batch] }]);
    return removed;
  }

  /** Everything that matches, from the newest on: each piece begins where the one before it ended. */
  async *#all(conditions: readonly Condition[]): AsyncGenerator<JobRow, void> {
    let from: Row | undefined;
    for (;;) {
      const after = from === undefined ? undefined : afterRow(from);
      const left = conditions.map(({ text, values }) =>
        after === undefined
          ? { text, values }
          : { text: `${text} AND ${after.text}`, values: [...values, ...after.values] },
      );
      const page = { order: NEWEST, limit: READ_AT_ONCE, offset: 0 };
      const rows = await this.#sql.read(pageOf(left, page));
      yield* this.#rows(rows);
      from = rows.at(-1);
      if (from === undefined || rows.length < READ_AT_ONCE) return;
    }
  }

  /**
   * A long page: what jobs it is made of is read in one statement, as one text, and the jobs themselves when their turn comes. What jobs are sorted by
   * changes while they are read, so that neither places nor counted rows would find each of them once.
   */
  async #pin(conditions: readonly Condition[], page: JobPage): Promise<{ rows: AsyncIterable<JobRow>; total: number }> {
    const count = countOf(conditions);
    const keys = pageKeys(conditions, page);
    const text = `SELECT ${count.text} AS total,
      (SELECT STRING_AGG(pod_uid, ' ' ORDER BY ${orderText(page.order)}) FROM (${keys.text}) AS keyed) AS uids`;
    const [row] = await this.#sql.read({ text, values: [...count.values, ...keys.values] });
    return { rows: this.#ofUids(textOf(row?.uids) ?? ""), total: Number(row?.total ?? 0) };
  }

  /** The jobs of these UIDs, with blanks between them, in their order. */
  async *#ofUids(uids: string): AsyncGenerator<JobRow, void> {
    for (let from = 0; from < uids.length; ) {
      const some: string[] = [];
      while (from < uids.length && some.length < READ_AT_ONCE) {
        const blank = uids.indexOf(" ", from);
        const end = blank < 0 ? uids.length : blank;
        some.push(uids.slice(from, end));
        from = end + 1;
      }
      const marks = `?${", ?".repeat(some.length - 1)}`;
      const text = `SELECT ${SHOWN} FROM clockwork_job WHERE pod_uid IN (${marks})`;
      const rows = new Map((await this.#sql.read({ text, values: some })).map((row) => [String(row.pod_uid), row]));
      yield* this.#rows(some.map((uid) => rows.get(uid)).filter((row) => row !== undefined));
    }
  }

  /** Rows with what was too long to be read with them. */
  async *#rows(rows: readonly Row[]): AsyncGenerator<JobRow, void> {
    for (const row of rows) {
      if (row.user_dict !== null) {
        yield rowOf(row);
        continue;
      }
      const text = "SELECT user_dict FROM clockwork_job WHERE pod_uid = ?";
      const [dict] = await this.#sql.read({ text, values: [row.pod_uid ?? null] });
      if (dict !== undefined) yield rowOf({ ...row, ...dict });
    }
  }
}

/** The jobs of a page. */
function pageOf(conditions: readonly Condition[], page: JobPage): Statement {
  return rowsOfKeys(pageKeys(conditions, page), orderText(page.order, "keyed."), `${SHOWN}, keyed.*`);
}

/** The condition that a job comes after that one in the order of everything. */
function afterRow({ submit_time = 0, job_id = "", pod_uid = "" }: Row): Condition {
  return {
    text: "submit_time <= ? AND (submit_time < ? OR job_id > ? OR (job_id = ? AND pod_uid > ?))",
    values: [submit_time, submit_time, job_id, job_id, pod_uid],
  };
}

function valuesOf(record: JobRecord): SqlValue[] {
  const { podUid, namespace, pod, runUid, task, attempt, observed, ended, goneState, goneTime, owner } = record;
  const { jobId, arrayJobId, clusterName, email, clusterUser, ccUser, name, state, node } = record;
  const { submitTime, startTime, endTime, slurm, cw } = record;
  return [
    ...[podUid, namespace, pod, runUid, task, attempt, observed, ended ? 1 : 0, goneState, goneTime, owner],
    ...[jobId, arrayJobId, clusterName, email, clusterUser, ccUser, name, state, node],
    ...[submitTime, startTime, endTime, slurm, cw],
  ];
}

function rowOf(row: Row): JobRow {
  return {
    podUid: String(row.pod_uid),
    jobId: String(row.job_id),
    clusterName: String(row.cluster_name),
    email: textOf(row.email),
    clusterUser: textOf(row.cluster_user),
    ccUser: textOf(row.cc_user),
    slurm: String(row.slurm),
    cw: String(row.cw),
    user: String(row.user_dict),
  };
}

function unfinishedOf(row: Row): UnfinishedJob {
  return {
    podUid: String(row.pod_uid),
    namespace: String(row.namespace),
    pod: String(row.pod),
    runUid: String(row.run_uid),
    task: String(row.task),
    attempt: Number(row.attempt),
    observed: Number(row.observed),
    goneState: String(row.gone_state),
    goneTime: timeOf(row.gone_time),
    endTime: timeOf(row.end_time),
    owner: String(row.owner),
    jobId: String(row.job_id),
    slurm: String(row.slurm),
    cw: String(row.cw),
  };
}

function timeOf(value: SqlValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function textOf(value: SqlValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
