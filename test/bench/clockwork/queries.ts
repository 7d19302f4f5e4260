import { benchArrayId, benchCluster, benchEmail, benchJobId, benchUser } from "./believable-job.ts";

/** Who asks: an administrator, who sees every job, or a user, who sees his own (C-17). */
export type Asker = "administrator" | "user";

/** The user who asks. He is among the busiest. */
export const ASKING_USER = 4;
/** What some users have noted about jobs. */
export const NOTE = { name: "project", content: "thesis" };

/** One of the documented questions. */
export interface BenchQuery {
  title: string;
  as: Asker;
  /** Path and query below a prefix. Variants stand beside each other so that not always the same rows are asked for. */
  path(variant: number): string;
}

const SORTS = [
  ...["cluster_name", "user", "job_id", "name"],
  ...["job_state", "submit_time", "start_time", "end_time"],
] as const;
const DAY = 86_400;

/** The documented filters, orders and pages (C-31 to C-41), alone and as they are asked for together, for a table of that many jobs. */
export function benchQueries(jobs: number): BenchQuery[] {
  // Spread over the whole table.
  const job = (variant: number): number => Math.floor(((variant * 0.618 + 0.1) % 1) * jobs);
  const user = (variant: number): number => (variant * 37 + 3) % 200;
  const list = (query: string): string => `/jobs/list?${query}`;
  const pages = Math.floor(jobs / 25);
  const admin = (title: string, path: (variant: number) => string): BenchQuery => ({
    title,
    as: "administrator",
    path,
  });
  const own = (title: string, query: string): BenchQuery => ({ title, as: "user", path: () => list(query) });
  const filtered = (title: string, query: (variant: number) => string): BenchQuery[] => [
    admin(title, (variant) => list(`${query(variant)}&page_num=1`)),
    admin(`${title}, counted`, (variant) => list(`${query(variant)}&page_num=1&want_count=true`)),
  ];
  return [
    admin("first page", () => list("page_num=1")),
    admin("first page, counted", () => list("page_num=1&want_count=true")),
    admin("a page in the middle", (variant) => list(`page_num=${Math.floor(pages / 2) - variant}`)),
    admin("the last page", () => list(`page_num=${pages}`)),
    ...SORTS.flatMap((key) =>
      [1, -1].map((direction) =>
        admin(`sort_by=${key}&sort_asc=${direction}`, () => list(`page_num=1&sort_by=${key}&sort_asc=${direction}`)),
      ),
    ),
    admin("the middle, sort_by=name", (variant) => list(`page_num=${Math.floor(pages / 2) - variant}&sort_by=name`)),
    ...filtered("username=", (variant) => `username=${benchEmail(user(variant))}`),
    ...filtered("user= (e-mail)", (variant) => `user=${benchEmail(user(variant))}`),
    ...filtered("user= (user name)", (variant) => `user=${benchUser(user(variant))}`),
    ...filtered("cluster_name= (60 % of all)", () => "cluster_name=main"),
    ...filtered("cluster_name= (1 %)", () => "cluster_name=test"),
    ...filtered("cluster_name= (two)", () => "cluster_name=edge,cpu"),
    ...filtered("time= (a day)", () => `time=${DAY}`),
    ...filtered("relative_time= (a year)", () => `relative_time=${365 * DAY}.5`),
    ...filtered("aggregated_job_state=RUNNING", () => "aggregated_job_state=RUNNING"),
    ...filtered("aggregated_job_state=PENDING", () => "aggregated_job_state=PENDING"),
    ...filtered("aggregated_job_state=COMPLETED", () => "aggregated_job_state=COMPLETED"),
    ...filtered("aggregated_job_state=FAILED", () => "aggregated_job_state=FAILED"),
    ...filtered("job_state= (1 %)", () => "job_state=NODE_FAIL"),
    ...filtered("job_id= (one)", (variant) => `job_id=${benchJobId(job(variant))}`),
    ...filtered("job_id= (100)", (variant) => {
      const ids = Array.from({ length: 100 }, (_, at) => benchJobId(job(variant * 100 + at)));
      return `job_id=${ids.join(",")}`;
    }),
    ...filtered("job_array= (one run)", (variant) => `job_array=${benchArrayId(job(variant))}`),
    ...filtered("job_array=0 (40 % of all)", () => "job_array=0"),
    ...filtered("user_prop_name= & user_prop_content=", () => propsQuery()),
    ...filtered("cluster, COMPLETED", () => "cluster_name=main&job_state=COMPLETED"),
    ...filtered("cluster (1 %), FAILED", () => "cluster_name=test&aggregated_job_state=FAILED"),
    ...filtered("user, FAILED, a year", (variant) => {
      const states = "aggregated_job_state=FAILED";
      return `username=${benchEmail(user(variant))}&${states}&relative_time=${365 * DAY}`;
    }),
    ...filtered("COMPLETED, sort_by=name", () => "job_state=COMPLETED&sort_by=name"),
    ...filtered("RUNNING, sort_by=name", () => "job_state=RUNNING&sort_by=name"),
    ...filtered("user, sort_by=end_time", (variant) => `username=${benchEmail(user(variant))}&sort_by=end_time`),
    ...filtered("cluster (1 %), sort_by=user", () => "cluster_name=test&sort_by=user"),
    admin("FAILED, page 1,000", () => list("aggregated_job_state=FAILED&page_num=1000")),
    own("first page, counted", "page_num=1&want_count=true"),
    own("page 40, sort_by=start_time", "page_num=40&sort_by=start_time"),
    own("cluster, FAILED", "cluster_name=main&aggregated_job_state=FAILED&page_num=1&want_count=true"),
    own("user_prop_name= & user_prop_content=", `${propsQuery()}&page_num=1&want_count=true`),
    own("first page with properties", "page_num=1&want_user_props=true"),
    // As the client asks: without pages.
    own("relative_time= (a month), all of it", `relative_time=${30 * DAY}&cluster_name=main`),
    admin("time= (an hour), all of it", () => list("time=3600")),
    admin("jobs/one", (variant) => `/jobs/one?job_id=${benchJobId(job(variant))}`),
    admin("jobs/one, cluster_name=", (variant) => {
      const number = job(variant);
      return `/jobs/one?job_id=${benchJobId(number)}&cluster_name=${benchCluster(number)}&want_user_props=true`;
    }),
    admin("jobs/one, unknown", (variant) => `/jobs/one?job_id=${variant}`),
    admin("jobs/user_props/get", (variant) => {
      const number = job(variant);
      return `/jobs/user_props/get?job_id=${benchJobId(number)}&cluster_name=${benchCluster(number)}`;
    }),
  ];
}

function propsQuery(): string {
  return `user_prop_name=${NOTE.name}&user_prop_content=${NOTE.content}`;
}
