import type { JobRecords, JobRow } from "../../../store/job-records.ts";
import type { Caller } from "../caller.ts";
import { ClockworkError, echoed } from "../clockwork-error.ts";
import { list, queryOf, text } from "../query.ts";
import { reply, replyList } from "../reply.ts";
import type { ClockworkRoute } from "../route.ts";
import { accessibleClusters } from "./cluster-access.ts";
import { type IsoTime, isoTimeIn } from "./iso-time.ts";
import { type JobView, jobOf, jobView } from "./job-view.ts";
import { readListQuery } from "./list-query.ts";

/** What the routes of jobs rest on. */
export interface JobParts {
  records: Pick<JobRecords, "list" | "listWithCount" | "matching">;
  /** JSON texts of what that user has noted on jobs, in their order; undefined for those on which he has nothing. */
  propsOf(email: string, jobs: readonly JobRow[]): Promise<(string | undefined)[]>;
  /** Jobs on a page where neither request nor user says. */
  pageSize: number;
  timeZone: string;
  /** Seconds since 1970. */
  now?: () => number;
}

/** Jobs whose properties are asked for together: those of one can have 2 MiB. */
const NOTED_AT_ONCE = 25;

/** The routes that show jobs (C-20, C-21). */
export function jobRoutes(parts: JobParts): ClockworkRoute[] {
  const { records, pageSize, now = () => Date.now() / 1000 } = parts;
  const isoTime = isoTimeIn(parts.timeZone);
  const shown = (rows: AsyncIterable<JobRow> | Iterable<JobRow>, view: JobView, caller: Caller) =>
    showJobs(
      rows,
      view.isoTimes ? isoTime : undefined,
      view.userProps ? (some) => parts.propsOf(caller.email, some) : undefined,
    );
  return [
    {
      method: "GET",
      path: "/jobs/list",
      handle: async (ctx, caller) => {
        const { filter, page, wantCount, view } = readListQuery(queryOf(ctx), caller, { now: now(), pageSize });
        if (!wantCount) return await replyList(ctx, shown(records.list(filter, page), view, caller));
        if (page === undefined) {
          // What is counted is what is listed, so both are of one snapshot.
          const counted = counting(records.list(filter));
          return await replyList(ctx, shown(counted.rows, view, caller), '{"jobs":[', () =>
            countField(counted.total()),
          );
        }
        const { rows, total } = await records.listWithCount(filter, page);
        return await replyList(ctx, shown(rows, view, caller), '{"jobs":[', () => countField(total));
      },
    },
    {
      method: "GET",
      path: "/jobs/one",
      handle: async (ctx, caller) => {
        const parameters = queryOf(ctx);
        const jobId = text(parameters, "job_id");
        if (jobId === undefined) throw new ClockworkError(400, "Missing argument job_id.");
        const clusters = accessibleClusters(caller, list(parameters, "cluster_name"));
        const owner = caller.seesAll ? undefined : caller.email;
        const found = jobId === "" ? [] : await records.matching(jobId, clusters, owner);
        if (found.length > 1) {
          const text = `Found ${found.length} jobs with job_id ${echoed(jobId)}. Not sure what to do about these cases.`;
          throw new ClockworkError(500, text);
        }
        for await (const job of shown(found, jobView(parameters), caller)) return reply(ctx, job);
        reply(ctx, {});
      },
    },
  ];
}

function countField(total: number): string {
  return `],"nbr_total_jobs":${total}}`;
}

function counting(from: AsyncIterable<JobRow>): { rows: AsyncIterable<JobRow>; total: () => number } {
  let total = 0;
  async function* rows(): AsyncGenerator<JobRow, void> {
    for await (const row of from) {
      total += 1;
      yield row;
    }
  }
  return { rows: rows(), total: () => total };
}

async function* showJobs(
  rows: AsyncIterable<JobRow> | Iterable<JobRow>,
  isoTime: IsoTime | undefined,
  propsOf: ((jobs: readonly JobRow[]) => Promise<(string | undefined)[]>) | undefined,
): AsyncGenerator<Record<string, unknown>, void> {
  if (propsOf === undefined) {
    for await (const row of rows) yield jobOf(row, isoTime, undefined);
    return;
  }
  for await (const some of chunks(rows, NOTED_AT_ONCE)) {
    const props = await propsOf(some);
    for (const [index, row] of some.entries()) yield jobOf(row, isoTime, props[index]);
  }
}

async function* chunks<T>(from: AsyncIterable<T> | Iterable<T>, size: number): AsyncGenerator<T[], void> {
  let some: T[] = [];
  for await (const one of from) {
    some.push(one);
    if (some.length < size) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}
