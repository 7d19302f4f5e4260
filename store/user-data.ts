import { createHash, randomUUID } from "node:crypto";
import { canonicalString } from "./json-text.ts";
import { Merger, type Place } from "./merger.ts";
import { digestOf } from "./note-digest.ts";
import { type Applied, type Change, type Changed, type ObjectWork, objectWorkHere } from "./object-change.ts";
import type { Sql, Statement } from "./sql.ts";

/** Whose notes, and about which job; no such job need be there (C-50). */
export interface PropsKey {
  email: string;
  jobId: string;
  clusterName: string;
}

/** Rows that one statement writes. */
const AT_ONCE = 200;

/** A record as it was read; without a token there was none. */
interface PropsRead {
  object: string;
  size: number;
  token: string | undefined;
}

/**
 * What users store with jobs: the dict that a job's owner shows to everybody, and each caller's own props (C-48 to C-58). Objects come and go as
 * canonical JSON. Changes of one object happen one after the other, also those of other processes. Rejects with a `StoreProblem`; nothing is half
 * stored then.
 */
export class UserData {
  readonly #sql: Sql;
  readonly #dicts: Merger<{ object: string }>;
  readonly #props: Merger<PropsRead>;

  /** `work`: what carries out the changes; megabytes of small members take seconds. */
  constructor(sql: Sql, work: ObjectWork = objectWorkHere, patience: { patienceMs?: number } = {}) {
    this.#sql = sql;
    this.#dicts = new Merger(work, patience);
    this.#props = new Merger(work, { digests: true, ...patience });
  }

  /** A caller's props of a job; `{}` if he has none. */
  async props(key: PropsKey): Promise<string> {
    return (await this.#read(idOf(key))).object;
  }

  /** A user's props of some jobs, in their order; undefined for those on which he has none. */
  async propsOf(email: string, jobs: readonly Omit<PropsKey, "email">[]): Promise<(string | undefined)[]> {
    const ids = jobs.map(({ jobId, clusterName }) => idOf({ email, jobId, clusterName }));
    const found = new Map<string, string>();
    for (const some of inPieces(ids)) {
      const text = `SELECT id, props FROM clockwork_prop WHERE id IN (${marks(some, "?")})`;
      for (const { id, props } of await this.#sql.read({ text, values: some })) found.set(String(id), String(props));
    }
    return ids.map((id) => found.get(id));
  }

  /** Merges members into a caller's props of a job. All his records together may have `quota` characters. */
  async setProps(key: PropsKey, updates: string, quota: number): Promise<Changed> {
    return await this.#changeProps(key, quota, { kind: "merge", updates });
  }

  /** Removes members from a caller's props of a job: a name or a list of them, in canonical JSON; those that are not there do no harm. */
  async deleteProps(key: PropsKey, names: string): Promise<void> {
    await this.#changeProps(key, Number.MAX_SAFE_INTEGER, { kind: "remove", names });
  }

  /** E-mails of all users who have props. */
  async owners(): Promise<string[]> {
    const rows = await this.#sql.read({ text: "SELECT email FROM clockwork_prop_owner" });
    return rows.map(({ email }) => String(JSON.parse(String(email))));
  }

  /** Forgets all props of a user (C-55). */
  async forgetUser(email: string): Promise<void> {
    const values = [canonicalString(email)];
    const ids = "SELECT id FROM clockwork_prop WHERE email = ?";
    await this.#sql.write([
      lockOwner(email),
      { text: `DELETE FROM clockwork_prop_value WHERE prop_id IN (${ids})`, values },
      { text: "DELETE FROM clockwork_prop WHERE email = ?", values },
      { text: "DELETE FROM clockwork_prop_owner WHERE email = ?", values },
    ]);
  }

  /** Merges members into the dict of a job (C-48); undefined if the job is not kept any more. */
  async updateUserDict(podUid: string, updates: string): Promise<Changed | undefined> {
    return await this.#dicts.change(podUid, this.#dictOf(podUid), { kind: "merge", updates });
  }

  #dictOf(podUid: string): Place<{ object: string }> {
    return {
      id: podUid,
      read: async () => {
        const text = "SELECT user_dict FROM clockwork_job WHERE pod_uid = ?";
        const [row] = await this.#sql.read({ text, values: [podUid] });
        return row === undefined ? undefined : { object: String(row.user_dict) };
      },
      write: async (read, { object }) => {
        const text = "UPDATE clockwork_job SET user_dict = ? WHERE pod_uid = ? AND user_dict = ?";
        const [changed] = await this.#sql.write([{ text, values: [object, podUid, read.object] }]);
        return changed === 1 ? "stored" : "changed";
      },
    };
  }

  /** One user's changes wait for each other, so that they cannot take all connections. */
  async #changeProps(key: PropsKey, quota: number, change: Change): Promise<Changed> {
    const id = idOf(key);
    const place: Place<PropsRead> = {
      id: `${id} ${quota}`,
      read: () => this.#read(id),
      write: async (before, applied) => {
        const token = randomUUID();
        const [, stored] = await this.#sql.write(propsStatements({ ...key, id, applied, token, before, quota }));
        if (stored === 1) return "stored";
        // Refused because somebody else was faster, or, if nobody was, for the quota.
        return (await this.#read(id)).token === before.token ? "overQuota" : "changed";
      },
    };
    const changed = await this.#props.change(key.email, place, change);
    if (changed === undefined) throw new Error("there is always a place for props");
    return changed;
  }

  async #read(id: string): Promise<PropsRead> {
    const text = "SELECT props, size, token FROM clockwork_prop WHERE id = ?";
    const [row] = await this.#sql.read({ text, values: [id] });
    if (row === undefined) return { object: "{}", size: 0, token: undefined };
    return { object: String(row.props), size: Number(row.size), token: String(row.token) };
  }
}

/**
 * The condition on `clockwork_job` that the user of that e-mail, or anybody, noted exactly that text under that name for the job on its cluster.
 * `isLookedUp`: the jobs are to be found by it, and not by something else.
 */
export function propCondition(
  { email, name, content }: { email?: string; name: string; content: string },
  isLookedUp: boolean,
): Required<Statement> {
  const whose = email === undefined ? "" : " AND email = ?";
  const noted = `FROM clockwork_prop_value WHERE digest = ?${whose}`;
  const values = [digestOf(name, canonicalString(content)), ...(email === undefined ? [] : [canonicalString(email)])];
  // The jobs are found by their ids; the second half tells apart those of one id, and is nothing that an index could be thought to have.
  const ofIds = isLookedUp ? `job_id IN (SELECT job_id ${noted}) AND ` : "";
  return {
    text: `${ofIds}(job_id || '', cluster_name || '') IN (SELECT job_id, cluster_name ${noted})`,
    values: isLookedUp ? [...values, ...values] : values,
  };
}

interface Written extends PropsKey {
  id: string;
  applied: Applied;
  token: string;
  before: PropsRead;
  quota: number;
}

/**
 * One transaction: whoever has locked the owner's row finds what the writer before him has left. The second statement stores the record if it is what
 * was read and the quota allows it; all others do something only if it did, which the new token tells.
 */
function propsStatements(written: Written): Statement[] {
  const { id, email, jobId, clusterName, applied, token, before, quota } = written;
  const { object, size } = applied;
  const owner = canonicalString(email);
  const added = size - before.size;
  const within = "(SELECT size FROM clockwork_prop_owner WHERE email = ?) + CAST(? AS BIGINT) <= CAST(? AS BIGINT)";
  const isStored = "EXISTS (SELECT 1 FROM clockwork_prop WHERE id = ? AND token = ?)";
  const store: Statement =
    before.token === undefined
      ? {
          text: `INSERT INTO clockwork_prop (id, email, job_id, cluster_name, props, size, token)
            SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT)
            WHERE NOT EXISTS (SELECT 1 FROM clockwork_prop WHERE id = ?) AND ${within}`,
          values: [
            ...[id, owner, canonicalString(jobId), canonicalString(clusterName), object, size, token],
            ...[id, owner, added, quota],
          ],
        }
      : {
          text: `UPDATE clockwork_prop SET props = ?, size = ?, token = ? WHERE id = ? AND token = ? AND ${within}`,
          values: [object, size, token, id, before.token, owner, added, quota],
        };
  return [
    lockOwner(email),
    store,
    {
      text: `UPDATE clockwork_prop_owner SET size = size + ? WHERE email = ? AND ${isStored}`,
      values: [added, owner, id, token],
    },
    ...valueStatements(written),
    // What is empty is not kept.
    { text: "DELETE FROM clockwork_prop WHERE id = ? AND token = ? AND props = '{}'", values: [id, token] },
    { text: "DELETE FROM clockwork_prop_owner WHERE email = ? AND size = 0", values: [owner] },
  ];
}

/** Brings the rows by which notes are found up to date. */
function valueStatements({ id, email, jobId, clusterName, applied, token }: Written): Statement[] {
  // A job that is found has an id and a cluster as they stand here; texts that need escapes name none.
  const [owner, ofJob, ofCluster] = [email, jobId, clusterName].map(canonicalString);
  const searchable = ofJob === `"${jobId}"` && ofCluster === `"${clusterName}"`;
  if (owner === undefined || !searchable) return [];
  const isStored = "EXISTS (SELECT 1 FROM clockwork_prop WHERE id = ? AND token = ?)";
  const removed = inPieces(applied.removed).map((some) => ({
    text: `DELETE FROM clockwork_prop_value WHERE prop_id = ? AND digest IN (${marks(some, "?")}) AND ${isStored}`,
    values: [id, ...some, id, token],
  }));
  const whose = "CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)";
  const added = inPieces(applied.added).map((some) => ({
    text: `INSERT INTO clockwork_prop_value (digest, prop_id, email, job_id, cluster_name)
      SELECT noted.column1, ${whose} FROM (VALUES ${marks(some, "(CAST(? AS TEXT))")}) AS noted WHERE ${isStored}`,
    values: [id, owner, jobId, clusterName, ...some, id, token],
  }));
  return [...removed, ...added];
}

/** Makes the owner's row if there is none, and keeps everybody else from it until the transaction ends. */
function lockOwner(email: string): Statement {
  return {
    text: `INSERT INTO clockwork_prop_owner (email, size) VALUES (?, 0)
      ON CONFLICT (email) DO UPDATE SET size = clockwork_prop_owner.size`,
    values: [canonicalString(email)],
  };
}

function idOf({ email, jobId, clusterName }: PropsKey): string {
  return createHash("sha256").update([email, jobId, clusterName].map(canonicalString).join(",")).digest("hex");
}

function inPieces<T>(items: readonly T[]): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) pieces.push(items.slice(at, at + AT_ONCE));
  return pieces;
}

function marks(items: readonly unknown[], mark: string): string {
  return items.map(() => mark).join(", ");
}
