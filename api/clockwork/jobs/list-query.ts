import type { JobFilter, JobOrder } from "../../../store/job-filter.ts";
import type { JobPage } from "../../../store/job-page.ts";
import type { Caller } from "../caller.ts";
import { ClockworkError, echoed } from "../clockwork-error.ts";
import { boolean, integer, list, type Parameters, text } from "../query.ts";
import { statesOf } from "./aggregate.ts";
import { accessibleClusters } from "./cluster-access.ts";
import { type JobView, jobView } from "./job-view.ts";

/** What a request for the list of jobs means (C-31 to C-38). */
export interface ListQuery {
  filter: JobFilter;
  /** Absent: everything, in no promised order. */
  page?: JobPage;
  wantCount: boolean;
  view: JobView;
}

/** Reads the parameters in the order of C-31; throws a 400 for those that may not be ignored. `now` in seconds since 1970. */
export function readListQuery(
  parameters: Parameters,
  caller: Caller,
  { now, pageSize }: { now: number; pageSize: number },
): ListQuery {
  const filter: JobFilter = {
    ...userFilter(parameters, caller),
    ...optional("clusters", accessibleClusters(caller, list(parameters, "cluster_name"))),
    ...optional("endedAfter", endedAfter(parameters, now)),
    ...optional("states", wantedStates(parameters)),
    ...optional("jobIds", list(parameters, "job_id")),
    ...optional("arrayJobId", arrayJobId(parameters)),
    ...optional("prop", propFilter(parameters, caller)),
  };
  const page = readPage(parameters, caller.pageSize ?? pageSize);
  return {
    filter,
    ...(page === undefined ? {} : { page }),
    wantCount: boolean(parameters, "want_count"),
    view: jobView(parameters),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: V });
}

/** `username`, `user`, and what the caller may see at all (C-17, C-31, C-34). */
function userFilter(parameters: Parameters, caller: Caller): Pick<JobFilter, "email" | "anyUser" | "owner"> {
  const username = text(parameters, "username");
  const user = text(parameters, "user");
  const email = username === "" && !caller.seesAll ? caller.email : username;
  return {
    ...optional("email", email),
    ...(user === undefined || ["", "all", "*"].includes(user) ? {} : { anyUser: user }),
    ...(caller.seesAll ? {} : { owner: caller.email }),
  };
}

/** The later one of the bounds that `time` and `relative_time` set, as both hold (C-33). */
function endedAfter(parameters: Parameters, now: number): number | undefined {
  const time = text(parameters, "time");
  const relative = text(parameters, "relative_time");
  const bounds = [
    ...(time === undefined ? [] : [now - wholeSeconds(time)]),
    ...(relative === undefined ? [] : [now - decimalSeconds(relative)]),
  ];
  return bounds.length === 0 ? undefined : Math.max(...bounds);
}

function wholeSeconds(given: string): number {
  if (!/^\s*[+-]?[0-9]+\s*$/.test(given))
    throw new ClockworkError(400, `Field 'time' cannot be cast as a valid integer: ${echoed(given)}.`);
  return Number(given);
}

function decimalSeconds(given: string): number {
  const seconds = /^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?\s*$/i.test(given) ? Number(given) : Number.NaN;
  if (!Number.isFinite(seconds))
    throw new ClockworkError(400, `Field 'relative_time' cannot be cast as a valid float: ${echoed(given)}.`);
  return seconds;
}

/** The states of both parameters together; none: nothing matches (C-31, C-32). */
function wantedStates(parameters: Parameters): string[] | undefined {
  const aggregates = list(parameters, "aggregated_job_state");
  const states = list(parameters, "job_state");
  if (aggregates === undefined && states === undefined) return undefined;
  return [...new Set([...(aggregates ?? []).flatMap(statesOf), ...(states ?? [])])];
}

function arrayJobId(parameters: Parameters): string | undefined {
  const id = integer(parameters, "job_array");
  // Also for -0.
  return id === undefined ? undefined : BigInt(id).toString();
}

function propFilter(parameters: Parameters, caller: Caller): JobFilter["prop"] {
  const name = text(parameters, "user_prop_name") ?? "";
  const content = text(parameters, "user_prop_content") ?? "";
  if (name === "" || content === "") return undefined;
  return { ...(caller.admin ? {} : { email: caller.email }), name, content };
}

const ORDERS = new Set([
  ...["cluster_name", "user", "job_id", "name"],
  ...["job_state", "submit_time", "start_time", "end_time"],
]);
/** What is sorted from the first letter on unless the request says otherwise; ids and times come newest first (C-37). */
const ASCENDING = new Set(["cluster_name", "user", "name", "job_state"]);

/** The page, if paging is active (C-35), in its order (C-37). */
function readPage(parameters: Parameters, ownSize: number): JobPage | undefined {
  const page = integer(parameters, "page_num") ?? 0;
  const size = integer(parameters, "nbr_items_per_page") ?? 0;
  if (page === 0 && size === 0) return undefined;
  const limit = size > 0 ? size : ownSize;
  return { order: readOrder(parameters), limit, offset: (Math.max(page, 1) - 1) * limit };
}

function readOrder(parameters: Parameters): JobOrder {
  const by = text(parameters, "sort_by") ?? "submit_time";
  if (!isOrder(by)) throw new ClockworkError(400, `Invalid sort_by: ${echoed(by)}.`);
  const direction = integer(parameters, "sort_asc");
  return { by, ascending: direction === 1 || (direction !== -1 && ASCENDING.has(by)) };
}

function isOrder(text: string): text is JobOrder["by"] {
  return ORDERS.has(text);
}
