/** What the dialects call differently in the table of jobs. */
export interface JobColumnTypes {
  /** Text that is compared by code point (C-37). */
  text: string;
  /** After an ascending column of an index, so that nulls lie first; and after a descending one, so that they lie last. */
  nullsFirst: string;
  nullsLast: string;
  /** Lets an index for another order answer which jobs stand where; SQLite does without. */
  withUid: string;
}

/**
 * The table of Clockwork's jobs (C-80 to C-84), one row for each pod that was seen. Times are whole seconds since 1970. `slurm` and `cw` are JSON
 * texts as they are shown, `user_dict` is what C-22 writes; the other columns say again what is searched and sorted by, and what is needed to close a
 * row whose pod is gone. Indexes end in the order that pages have (C-37), so that a page is read from an index.
 */
export function jobTable({ text, nullsFirst, nullsLast, withUid }: JobColumnTypes): readonly string[] {
  const newest = `submit_time DESC${nullsLast}, job_id, pod_uid`;
  // Behind the order of pages, so that whatever else is asked for, and any other order, needs no look into the table.
  const facts = ["email", "job_state", "cluster_name", "end_time", "start_time", "name", "array_job_id"];
  const without = (column: string): string => facts.filter((fact) => fact !== column).join(", ");
  const index = (name: string, columns: string, where = ""): string =>
    `CREATE INDEX clockwork_job_${name} ON clockwork_job (${columns})${where}`;
  return [
    `CREATE TABLE clockwork_job (
       pod_uid TEXT PRIMARY KEY,
       namespace TEXT NOT NULL,
       pod TEXT NOT NULL,
       run_uid TEXT NOT NULL,
       task TEXT NOT NULL,
       attempt BIGINT NOT NULL,
       observed BIGINT NOT NULL,
       ended BIGINT NOT NULL,
       gone_state TEXT NOT NULL,
       gone_time BIGINT,
       owner TEXT NOT NULL,
       job_id ${text} NOT NULL,
       array_job_id ${text} NOT NULL,
       cluster_name ${text} NOT NULL,
       email ${text},
       cluster_user ${text},
       cc_user ${text},
       name ${text} NOT NULL,
       job_state ${text} NOT NULL,
       node ${text},
       submit_time BIGINT NOT NULL,
       start_time BIGINT,
       end_time BIGINT,
       slurm TEXT NOT NULL,
       cw TEXT NOT NULL,
       user_dict TEXT NOT NULL DEFAULT '{}'
     )`,
    index("by_id", "job_id", withUid),
    index("by_array", `array_job_id, ${newest}, ${without("array_job_id")}`),
    index("by_state_newest", `job_state, ${newest}, ${without("job_state")}`),
    index("by_cluster_newest", `cluster_name, ${newest}, ${without("cluster_name")}`),
    index("by_email_newest", `email, ${newest}, ${without("email")}, cluster_user, cc_user`),
    index("by_cluster_user", `cluster_user, ${newest}, ${facts.join(", ")}`),
    index("by_cc_user", `cc_user, ${newest}`, " WHERE cc_user IS NOT NULL"),
    // For sorting. Many jobs share a value of these, so that each direction needs an index of its own.
    index("by_cluster", `cluster_name${nullsFirst}, job_id`, withUid),
    index("by_cluster_desc", `cluster_name DESC${nullsLast}, job_id`, withUid),
    index("by_email", `email${nullsFirst}, job_id`, withUid),
    index("by_email_desc", `email DESC${nullsLast}, job_id`, withUid),
    index("by_name", `name${nullsFirst}, job_id`, withUid),
    index("by_name_desc", `name DESC${nullsLast}, job_id`, withUid),
    index("by_state", `job_state${nullsFirst}, job_id`, withUid),
    index("by_state_desc", `job_state DESC${nullsLast}, job_id`, withUid),
    // Few jobs share a time, and what does is sorted as it is read; jobs that wait or run have none, and are few.
    index("by_submit", `${newest}, ${facts.join(", ")}`),
    index("by_start", `start_time DESC${nullsLast}, job_id`, withUid),
    index("by_end", `end_time DESC${nullsLast}, job_id`, withUid),
    // For what is done beside requests.
    index("unfinished", "pod_uid", " WHERE ended = 0"),
    index("by_node", `node, end_time DESC${nullsLast}`, " WHERE node IS NOT NULL AND end_time IS NOT NULL"),
    index("without_email", "owner", " WHERE email IS NULL AND owner <> ''"),
  ];
}
