import type { SqlValue } from "./sql.ts";
import { propCondition } from "./user-data.ts";

/** Which jobs are wanted (C-31): undefined is no filter, and all that are given must hold. Values are data and match only themselves (C-7). */
export interface JobFilter {
  /** Names of clusters; none: nothing matches. */
  clusters?: readonly string[];
  /** `cw.mila_email_username`. */
  email?: string;
  /** Any of the three names in `cw`. */
  anyUser?: string;
  /** What the caller may see: as `email`, beside it (C-17). */
  owner?: string;
  /** States; none: nothing matches (C-32). */
  states?: readonly string[];
  jobIds?: readonly string[];
  arrayJobId?: string;
  /** Seconds since 1970, with fractions: unfinished, or ended after that (C-33). */
  endedAfter?: number;
  /** Somebody, or the user of that e-mail, has noted `content` under `name` for the job on its cluster. */
  prop?: { email?: string; name: string; content: string };
}

/** What jobs are sorted by (C-37): ties by `job_id` ascending, nulls first ascending and last descending. */
export interface JobOrder {
  by: "cluster_name" | "user" | "job_id" | "name" | "job_state" | "submit_time" | "start_time" | "end_time";
  ascending: boolean;
}

/** A condition over `clockwork_job`. */
export interface Condition {
  text: string;
  values: readonly SqlValue[];
}

/** Columns of the table by what jobs can be sorted by. */
export const ORDER_COLUMNS: Readonly<Record<JobOrder["by"], string>> = {
  cluster_name: "cluster_name",
  user: "email",
  job_id: "job_id",
  name: "name",
  job_state: "job_state",
  submit_time: "submit_time",
  start_time: "start_time",
  end_time: "end_time",
};

/**
 * What a filter means: each job that matches does so by exactly one of these conditions; none: nothing can match. What names several values of one
 * thing, and nothing that few jobs have, becomes a condition for each of them, because an index has the jobs of one value in the order of pages, and
 * not those of several.
 */
export function conditionsOf(filter: JobFilter): Condition[] {
  const { anyUser, states, clusters } = filter;
  const isNarrow = [filter.email, filter.owner, filter.jobIds, filter.arrayJobId, filter.prop].some(
    (part) => part !== undefined,
  );
  if (isNarrow) return [conditionOf(filter)].filter((condition) => condition !== undefined);
  if (anyUser !== undefined) return isKnown(anyUser) ? usersConditions(filter, anyUser) : [];
  const some = (key: "states" | "clusters", values: readonly string[]): Condition[] =>
    [...new Set(values)].flatMap((value) => conditionOf({ ...filter, [key]: [value] }) ?? []);
  if (isFew(states)) return some("states", states);
  if (isFew(clusters)) return some("clusters", clusters);
  return [conditionOf(filter)].filter((condition) => condition !== undefined);
}

/** Several, and not so many that the databases would refuse a statement of that many parts. */
function isFew(values: readonly string[] | undefined): values is readonly string[] {
  return values !== undefined && values.length > 1 && values.length <= MOST_CONDITIONS;
}

/** One condition for each of the three names by which a user may be meant. */
function usersConditions(filter: JobFilter, name: string): Condition[] {
  const { anyUser: _, ...others } = filter;
  const rest = conditionOf(others, true);
  if (rest === undefined) return [];
  return [
    "email = ?",
    "cluster_user = ? AND (email IS NULL OR email <> ?)",
    "cc_user = ? AND (email IS NULL OR email <> ?) AND (cluster_user IS NULL OR cluster_user <> ?)",
  ].map((text, more) => ({
    text: rest.text === ALL ? text : `${text} AND ${rest.text}`,
    values: [...Array.from({ length: more + 1 }, () => name), ...rest.values],
  }));
}

/** The one condition that a filter means; undefined if nothing can match it. `isOfUser`: it stands beside one on who the user is. */
export function conditionOf(filter: JobFilter, isOfUser = filter.anyUser !== undefined): Condition | undefined {
  const { jobIds, prop, email, owner } = filter;
  // Of several things, what fewest jobs have is to be looked up, and the others are only compared.
  const namesJobs = jobIds !== undefined || prop !== undefined;
  const namesRun = namesJobs || (filter.arrayJobId !== undefined && filter.arrayJobId !== NO_ARRAY);
  const namesUser = namesRun || email !== undefined || owner !== undefined;
  const parts = [
    oneOf("job_id", jobIds),
    prop === undefined ? undefined : propCondition(prop, jobIds === undefined),
    equal(column("array_job_id", namesJobs), filter.arrayJobId),
    equal(column("email", namesRun), email),
    equal(column("email", namesRun), owner),
    anyUser(filter.anyUser, namesUser),
    oneOf(column("cluster_name", namesUser || isOfUser), filter.clusters),
    oneOf(column("job_state", namesUser || isOfUser), filter.states),
    endedAfter(filter.endedAfter),
  ];
  const given = parts.filter((part) => part !== undefined);
  if (given.some((part) => part === NOTHING)) return undefined;
  const conditions = given.filter((part) => part !== NOTHING);
  return {
    text: conditions.length === 0 ? ALL : conditions.map(({ text }) => text).join(" AND "),
    values: conditions.flatMap(({ values }) => values),
  };
}

/** What comes after ORDER BY; `table`: whose columns these are, with a full stop. */
export function orderText({ by, ascending }: JobOrder, table = ""): string {
  const column = `${table}${ORDER_COLUMNS[by]}`;
  const direction = ascending ? "ASC NULLS FIRST" : "DESC NULLS LAST";
  if (by === "job_id") return `${column} ${ascending ? "ASC" : "DESC"}`;
  // The indexes of the usual order have the UIDs too, so that no two places in it are alike.
  const last = by === "submit_time" ? `, ${table}pod_uid ASC` : "";
  return `${column} ${direction}, ${table}job_id ASC${last}`;
}

/** More than there are states. */
const MOST_CONDITIONS = 32;
/** Holds for every job. */
const ALL = "1 = 1";
const NOTHING = "nothing";
/** What jobs of no array have as its id. */
const NO_ARRAY = "0";
type Part = Condition | typeof NOTHING | undefined;

/** No text of ours has a NUL or half a character in it: one that is asked for matches nothing, in every database. */
function isKnown(value: string): boolean {
  return !/\0|\p{Surrogate}/u.test(value);
}

/** A column, or the same text as no index has it. SQLite knows nothing of the data and would take any index there is. */
function column(name: string, onlyCompared: boolean): string {
  return onlyCompared ? `${name} || ''` : name;
}

function equal(column: string, value: string | undefined): Part {
  if (value === undefined) return undefined;
  return isKnown(value) ? { text: `${column} = ?`, values: [value] } : NOTHING;
}

function oneOf(column: string, values: readonly string[] | undefined): Part {
  if (values === undefined) return undefined;
  const [first, ...more] = [...new Set(values)].filter(isKnown);
  if (first === undefined) return NOTHING;
  if (more.length === 0) return { text: `${column} = ?`, values: [first] };
  return { text: `${column} IN (?${", ?".repeat(more.length)})`, values: [first, ...more] };
}

function anyUser(name: string | undefined, onlyCompared: boolean): Part {
  if (name === undefined) return undefined;
  if (!isKnown(name)) return NOTHING;
  const texts = ["email", "cluster_user", "cc_user"].map((one) => `${column(one, onlyCompared)} = ?`);
  return { text: `(${texts.join(" OR ")})`, values: [name, name, name] };
}

/** Ends are whole seconds: later than a time is later than its whole part. */
function endedAfter(time: number | undefined): Part {
  if (time === undefined) return undefined;
  const bound = Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.floor(time)));
  return { text: "(end_time IS NULL OR end_time > ?)", values: [bound] };
}
