/**
 * The tables of what Clockwork's users note for themselves (C-50), one row for each user, record and searchable note. Names and values are ASCII, as
 * they stand in JSON: PostgreSQL has no U+0000 in a text and no lone surrogates. Ids of rows are hashes, because what they stand for may be longer
 * than an entry of an index. A `token` is another one after each write.
 */
export function userDataTables(): readonly string[] {
  return [
    // Also what writes of one user wait for, so that all his records together stay within his quota.
    `CREATE TABLE clockwork_prop_owner (
       email TEXT PRIMARY KEY,
       size BIGINT NOT NULL
     )`,
    `CREATE TABLE clockwork_prop (
       id TEXT PRIMARY KEY,
       email TEXT NOT NULL,
       job_id TEXT NOT NULL,
       cluster_name TEXT NOT NULL,
       props TEXT NOT NULL,
       size BIGINT NOT NULL,
       token TEXT NOT NULL
     )`,
    "CREATE INDEX clockwork_prop_by_email ON clockwork_prop (email)",
    `CREATE TABLE clockwork_prop_value (
       digest TEXT NOT NULL,
       prop_id TEXT NOT NULL,
       email TEXT NOT NULL,
       job_id TEXT NOT NULL,
       cluster_name TEXT NOT NULL,
       PRIMARY KEY (digest, prop_id)
     )`,
    "CREATE INDEX clockwork_prop_value_by_prop ON clockwork_prop_value (prop_id)",
  ];
}
