import type { Row, Sql, SqlValue, Statement } from "./sql.ts";

/** A host as it is stored; see the tables for what the fields mean. */
export interface HostRecord {
  id: string;
  name: string;
  ipAddress: string;
  source: "node" | "sender";
  status: "running" | "waiting for re-uplink" | "down";
  arrival: number;
  hadContact: boolean;
  lastContactMs: number | null;
  /** JSON. */
  payload: string | null;
  payloadMs: number | null;
  /** When its last row of history was written. */
  savedMs: number | null;
  /** JSON. */
  idle: string | null;
  removed: boolean;
}

/** A machine that registers. */
export interface NewHost {
  id: string;
  name: string;
  ipAddress: string;
  atMs: number;
}

/** A node that is there. `otherName`: what a machine is called from now on that has the node's name. */
export interface PresentNode {
  id: string;
  name: string;
  form: string;
  ipAddress: string;
  otherName: string;
}

/** A host was heard of. */
export interface Contact {
  id: string;
  source: "node" | "sender";
  atMs: number;
  /** JSON. */
  payload: string;
  /** JSON. */
  idle: string | null;
  /** A row of history is written if none was within that time (V-29). */
  saveEveryMs: number;
  /** What is to be told if the host was bad, with `wasBad` as its condition. */
  messages: readonly Statement[];
}

/** What became of a contact. `known`: there is such a host; otherwise nothing was stored. `saved`: a row of history was written. */
export interface ContactOutcome {
  known: boolean;
  saved: boolean;
}

const READ_AT_ONCE = 100;
const COLUMNS =
  "id, name, ip_address, source, status, arrival, had_contact, last_contact, payload, payload_at, saved_at, idle, removed_at, revision";
/** Whoever comes first has all others wait until its transaction has ended. */
const NEXT_REVISION: Statement = { text: "UPDATE vesta_revision SET value = value + 1" };
const REVISION = "(SELECT value FROM vesta_revision)";
const NEXT_ARRIVAL = "(SELECT COALESCE(MAX(arrival), 0) + 1 FROM vesta_host)";

/** A row that somebody else has changed since it was last read here is to be read by everybody. */
const MARK = "CASE WHEN writer <> ? AND revision > ? THEN '' ELSE CAST(? AS TEXT) END";

/** That a host is bad at the moment, and whether it was ever heard of. */
export function wasBad(id: string, hadContact: boolean): Statement {
  return {
    text: "EXISTS (SELECT 1 FROM vesta_host WHERE id = ? AND removed_at = 0 AND status <> 'running' AND had_contact = ?)",
    values: [id, hadContact ? 1 : 0],
  };
}

/** That a host is taken for running, and was not heard of since. */
export function isSilent(id: string, sinceMs: number): Statement {
  return {
    text: "EXISTS (SELECT 1 FROM vesta_host WHERE id = ? AND removed_at = 0 AND status = 'running' AND last_contact < ?)",
    values: [id, sinceMs],
  };
}

/** That a host is there. */
export function isThere(id: string): Statement {
  return { text: "EXISTS (SELECT 1 FROM vesta_host WHERE id = ? AND removed_at = 0)", values: [id] };
}

/**
 * The hosts whose GPUs are shown, which several processes may share (V-5, V-66). Transactions that change hosts come one after the other, so that of two
 * that find the same host changed one is told so. Rejects with a `StoreProblem`.
 */
export class VestaHosts {
  readonly #sql: Sql;
  readonly #writer: string;

  /** `writer`: what marks the rows that this process writes; those of others are read back. */
  constructor(sql: Sql, writer: string) {
    this.#sql = sql;
    this.#writer = writer;
  }

  /**
   * What has changed after a revision, and the revision up to which that is all. Without what this process wrote itself, unless that is asked for too: some
   * of what it does changes rows that it does not know.
   */
  async changedSince(revision: number, ownToo: boolean): Promise<{ revision: number; records: HostRecord[] }> {
    const [row] = await this.#sql.read({ text: "SELECT value FROM vesta_revision" });
    const current = Number(row?.value ?? 0);
    if (current === revision) return { revision, records: [] };
    const records: HostRecord[] = [];
    let after: [SqlValue, SqlValue] = [revision, "\u{10FFFF}"];
    for (;;) {
      const rows: Row[] = await this.#sql.read({
        text: `SELECT ${COLUMNS} FROM vesta_host WHERE (revision, id) > (?, ?)${ownToo ? "" : " AND writer <> ?"} ORDER BY revision, id LIMIT ?`,
        values: [...after, ...(ownToo ? [] : [this.#writer]), READ_AT_ONCE],
      });
      records.push(...rows.map(recordOf));
      const last = rows.at(-1);
      if (last === undefined || rows.length < READ_AT_ONCE) return { revision: current, records };
      after = [last.revision ?? 0, last.id ?? ""];
    }
  }

  /** One host, also one that was removed. */
  async get(id: string): Promise<HostRecord | undefined> {
    const [row] = await this.#sql.read({ text: `SELECT ${COLUMNS} FROM vesta_host WHERE id = ?`, values: [id] });
    return row === undefined ? undefined : recordOf(row);
  }

  /** Adds a machine (V-25). `nameTaken`, `full`: it is not stored. */
  async add(host: NewHost, mostSenders: number, messages: readonly Statement[]): Promise<"ok" | "nameTaken" | "full"> {
    const { id, name, ipAddress, atMs } = host;
    const [, added] = await this.#sql.write([
      NEXT_REVISION,
      {
        text: `INSERT INTO vesta_host (${COLUMNS}, form, writer)
          SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), 'sender', 'running', ${NEXT_ARRIVAL}, 1, CAST(? AS BIGINT),
            NULL, NULL, NULL, NULL, 0, ${REVISION}, CAST(? AS TEXT), CAST(? AS TEXT)
          WHERE NOT EXISTS (SELECT 1 FROM vesta_host WHERE removed_at = 0 AND (name = ? OR form = ?))
            AND (SELECT COUNT(*) FROM vesta_host WHERE source = 'sender' AND removed_at = 0) < ?`,
        values: [id, name, ipAddress, atMs, name, this.#writer, name, name, mostSenders],
      },
      ...messages,
    ]);
    if (added === 1) return "ok";
    const [taken] = await this.#sql.read({
      text: "SELECT 1 AS one FROM vesta_host WHERE removed_at = 0 AND (name = ? OR form = ?)",
      values: [name, name],
    });
    return taken === undefined ? "full" : "nameTaken";
  }

  /** Notes contacts, all or none of them, in this order (V-29). `readUpTo`: the revision up to which this process has read. */
  async noteContacts(readUpTo: number, contacts: readonly Contact[]): Promise<ContactOutcome[]> {
    const statements = contacts.map((contact) => this.#contactStatements(contact, readUpTo));
    const changed = await this.#sql.write([NEXT_REVISION, ...statements.flat()]);
    let at = 1;
    return statements.map(({ length }) => {
      at += length;
      return { known: changed[at - 1] === 1, saved: changed[at - 2] === 1 };
    });
  }

  #contactStatements(
    { id, source, atMs, payload, idle, saveEveryMs, messages }: Contact,
    readUpTo: number,
  ): Statement[] {
    // A row of the future is from a time when the clock was wrong.
    const isDue = "(saved_at IS NULL OR saved_at <= ? OR saved_at > ?)";
    const due = [atMs - saveEveryMs, atMs];
    const isIt = "id = ? AND source = ? AND removed_at = 0";
    return [
      ...messages,
      {
        text: `INSERT INTO vesta_history (host, timestamp, data)
          SELECT id, CAST(? AS BIGINT), CAST(? AS TEXT) FROM vesta_host WHERE ${isIt} AND ${isDue}`,
        values: [atMs, payload, id, source, ...due],
      },
      {
        text: `UPDATE vesta_host SET status = 'running', had_contact = 1, last_contact = ?, payload = ?, payload_at = ?, idle = ?,
            saved_at = CASE WHEN ${isDue} THEN CAST(? AS BIGINT) ELSE saved_at END, revision = ${REVISION}, writer = ${MARK}
          WHERE ${isIt}`,
        values: [atMs, payload, atMs, idle, ...due, atMs, ...this.#mark(readUpTo), id, source],
      },
    ];
  }

  /** Takes a host for down that was not heard of since (V-56); whether it was. `readUpTo`: the revision up to which this process has read. */
  async markDown(id: string, sinceMs: number, readUpTo: number, messages: readonly Statement[]): Promise<boolean> {
    const changed = await this.#sql.write([
      NEXT_REVISION,
      ...messages,
      {
        text: `UPDATE vesta_host SET status = 'down', revision = ${REVISION}, writer = ${MARK}
          WHERE id = ? AND removed_at = 0 AND status = 'running' AND last_contact < ?`,
        values: [...this.#mark(readUpTo), id, sinceMs],
      },
    ]);
    return changed.at(-1) === 1;
  }

  #mark(readUpTo: number): SqlValue[] {
    return [this.#writer, readUpTo, this.#writer];
  }

  /** Watching begins again: who is taken for running and was not heard of since has to report anew (V-11); how many these are. */
  async beginWatching(sinceMs: number, messages: readonly Statement[]): Promise<number> {
    const changed = await this.#sql.write([
      NEXT_REVISION,
      ...messages,
      {
        text: `UPDATE vesta_host SET status = 'waiting for re-uplink', revision = ${REVISION}, writer = ''
          WHERE removed_at = 0 AND status = 'running' AND (last_contact IS NULL OR last_contact < ?)`,
        values: [sinceMs],
      },
    ]);
    return changed.at(-1) ?? 0;
  }

  /** Contacts of the future are from a time when the clock was wrong; they count as made now. */
  async correctFuture(nowMs: number): Promise<void> {
    await this.#sql.write([
      NEXT_REVISION,
      {
        text: `UPDATE vesta_host SET last_contact = ?, revision = ${REVISION}, writer = '' WHERE last_contact > ?`,
        values: [nowMs, nowMs],
      },
    ]);
  }

  /**
   * Notes nodes that are there: new ones, those of another address, and those that have come back. One that was taken for running when it went, and has not
   * been heard of since `silentSinceMs`, has to report anew.
   */
  async notePresent(nodes: readonly PresentNode[], silentSinceMs: number): Promise<void> {
    const statements = nodes.flatMap(({ id, name, form, ipAddress, otherName }): Statement[] => [
      {
        text: `UPDATE vesta_host SET name = ?, form = ?, revision = ${REVISION}, writer = ''
          WHERE name = ? AND source = 'sender' AND removed_at = 0`,
        values: [otherName, otherName, name],
      },
      {
        text: `INSERT INTO vesta_host (${COLUMNS}, form, writer)
          VALUES (?, ?, ?, 'node', 'waiting for re-uplink', ${NEXT_ARRIVAL}, 0, NULL, NULL, NULL, NULL, NULL, 0, ${REVISION}, ?, '')
          ON CONFLICT (id) DO UPDATE SET ip_address = excluded.ip_address, removed_at = 0, revision = excluded.revision, writer = '',
            status = CASE WHEN vesta_host.removed_at > 0 AND vesta_host.status = 'running' AND vesta_host.last_contact < CAST(? AS BIGINT)
              THEN 'waiting for re-uplink' ELSE vesta_host.status END`,
        values: [id, name, ipAddress, form, silentSinceMs],
      },
    ]);
    if (statements.length > 0) await this.#sql.write([NEXT_REVISION, ...statements]);
  }

  /** Takes hosts out of all views; what is kept of them stays. How many of them were there. */
  async remove(ids: readonly string[], atMs: number): Promise<number> {
    const statements = ids.map((id) => ({
      text: `UPDATE vesta_host SET removed_at = ?, revision = ${REVISION}, writer = '' WHERE id = ? AND removed_at = 0`,
      values: [atMs, id],
    }));
    if (statements.length === 0) return 0;
    const [, ...changed] = await this.#sql.write([NEXT_REVISION, ...statements]);
    return changed.reduce((sum, count) => sum + count, 0);
  }

  /** Ids of hosts in order, after one of them; no more than so many. */
  async ids(after: string, most: number): Promise<{ id: string; source: string; removedMs: number }[]> {
    const rows = await this.#sql.read({
      text: "SELECT id, source, removed_at FROM vesta_host WHERE id > ? ORDER BY id LIMIT ?",
      values: [after, most],
    });
    return rows.map(({ id, source, removed_at: removedMs }) => ({
      id: String(id),
      source: String(source),
      removedMs: Number(removedMs),
    }));
  }

  /** Forgets hosts that were removed by that time; any that has come back stays. */
  async forget(ids: readonly string[], removedByMs: number): Promise<void> {
    await this.#sql.write(
      ids.map((id) => ({
        text: "DELETE FROM vesta_host WHERE id = ? AND removed_at > 0 AND removed_at <= ?",
        values: [id, removedByMs],
      })),
    );
  }
}

function recordOf(row: Row): HostRecord {
  return {
    id: String(row.id),
    name: String(row.name),
    ipAddress: String(row.ip_address),
    source: row.source === "node" ? "node" : "sender",
    status: row.status === "running" || row.status === "down" ? row.status : "waiting for re-uplink",
    arrival: Number(row.arrival),
    hadContact: row.had_contact === 1,
    lastContactMs: numberOf(row.last_contact),
    payload: textOf(row.payload),
    payloadMs: numberOf(row.payload_at),
    savedMs: numberOf(row.saved_at),
    idle: textOf(row.idle),
    removed: row.removed_at !== 0,
  };
}

function numberOf(value: SqlValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function textOf(value: SqlValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
