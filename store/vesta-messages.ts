import { randomUUID } from "node:crypto";
import type { Row, Sql, SqlValue, Statement } from "./sql.ts";

/** A message as it is put into the queue. */
export interface NewMessage {
  /** Where it goes: messages to one target are delivered in their order. */
  target: string;
  /** What it says, as JSON; no secret. */
  body: string;
  madeAt: number;
}

/** A message that waits. */
export interface WaitingMessage extends NewMessage {
  id: number;
  /** Its name, unique for ever. */
  key: string;
  /** Tries that ended without being accepted. */
  tries: number;
  /** Whether a try may have been accepted although we never heard so. */
  unsure: boolean;
}

/** What became of a message: `gone` is one that was accepted, or that was given up. */
export type MessageState = { state: "waiting" | "gone" } | { state: "refused"; problem: string };

const WAITING = 0;
const REFUSED = 1;
const INSERT_COLUMNS = "message_key, target, body, made_at, next_at, tries, begun_at, unsure, state, problem";
const PROBLEM_CHARACTERS = 500;

/** The statement that puts a message into the queue, for a transaction of something else, with which it then happens or not. */
export function messageInsertion({ target, body, madeAt }: NewMessage, key: string = randomUUID()): Statement {
  return {
    text: `INSERT INTO vesta_message (${INSERT_COLUMNS}) VALUES (?, ?, ?, ?, 0, 0, 0, 0, ${WAITING}, '')`,
    values: [key, target, body, madeAt],
  };
}

/** The same for a transaction in which it is to happen only where a condition holds. */
export function messageInsertionIf({ target, body, madeAt }: NewMessage, when: Statement): Statement {
  return {
    text: `INSERT INTO vesta_message (${INSERT_COLUMNS})
      SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), 0, 0, 0, 0, ${WAITING}, '' WHERE ${when.text}`,
    values: [randomUUID(), target, body, madeAt, ...(when.values ?? [])],
  };
}

/** The queue of messages to Slack, and what is done once only. Rejects with a `StoreProblem`. Times are milliseconds since 1970. */
export class VestaMessages {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Puts a message at the end of the queue and resolves with its key when it is on the disk. */
  async put(message: NewMessage): Promise<string> {
    const key = randomUUID();
    await this.#sql.write([messageInsertion(message, key)]);
    return key;
  }

  /** Puts a message for the happening of that name, unless that has had its own already; whether it was the first. Both in one transaction. */
  async putOnce(name: string, message: NewMessage): Promise<boolean> {
    const claim = randomUUID();
    const [first] = await this.#sql.write([
      {
        text: "INSERT INTO vesta_once (name, at, claim) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
        values: [name, message.madeAt, claim],
      },
      insertionIfClaimed(message, name, claim),
    ]);
    return first === 1;
  }

  /**
   * Puts a message for a moment of something that comes again and again, unless this or a later moment has had its own; whether it did. What has
   * never been seen begins `from`: earlier moments get none.
   */
  async putForMoment(name: string, { from, at }: { from: number; at: number }, message: NewMessage): Promise<boolean> {
    const claim = randomUUID();
    const [, moved] = await this.#sql.write([
      {
        text: "INSERT INTO vesta_once (name, at, claim) VALUES (?, ?, '') ON CONFLICT (name) DO NOTHING",
        values: [name, from],
      },
      { text: "UPDATE vesta_once SET at = ?, claim = ? WHERE name = ? AND at < ?", values: [at, claim, name, at] },
      insertionIfClaimed(message, name, claim),
    ]);
    return moved === 1;
  }

  /** Of each target the oldest message that waits, if its time has come and nobody is at it. */
  async heads(now: number, begunBefore: number): Promise<WaitingMessage[]> {
    const rows = await this.#sql.read({
      text: `SELECT id, message_key, target, body, made_at, tries, unsure FROM vesta_message
        WHERE id IN (SELECT MIN(id) FROM vesta_message WHERE state = ${WAITING} GROUP BY target)
          AND next_at <= ? AND begun_at < ? ORDER BY id LIMIT 100`,
      values: [now, begunBefore],
    });
    return rows.map(messageOf);
  }

  /** When the next message may be tried; undefined if none waits. */
  async nextAt(): Promise<number | undefined> {
    const [row] = await this.#sql.read({
      text: `SELECT MIN(next_at) AS next FROM vesta_message
        WHERE id IN (SELECT MIN(id) FROM vesta_message WHERE state = ${WAITING} GROUP BY target)`,
    });
    return typeof row?.next === "number" ? row.next : undefined;
  }

  /**
   * Notes that a try begins, before it does; false if somebody else has begun one since `begunBefore`, or if the message waits no longer. One whose last try has
   * no outcome may have been accepted, and is unsure from then on.
   */
  async begin(id: number, now: number, begunBefore: number): Promise<boolean> {
    const [count] = await this.#sql.write([
      {
        text: `UPDATE vesta_message SET unsure = CASE WHEN begun_at > 0 THEN 1 ELSE unsure END, begun_at = ?
          WHERE id = ? AND state = ${WAITING} AND begun_at < ?`,
        values: [now, id, begunBefore],
      },
    ]);
    return count === 1;
  }

  /** One that waits, as it is now. */
  async waiting(id: number): Promise<WaitingMessage | undefined> {
    const [row] = await this.#sql.read({
      text: `SELECT id, message_key, target, body, made_at, tries, unsure FROM vesta_message WHERE id = ? AND state = ${WAITING}`,
      values: [id],
    });
    return row && messageOf(row);
  }

  /** The message was accepted, or there is nothing left to be said. */
  async done(id: number): Promise<void> {
    await this.#sql.write([{ text: "DELETE FROM vesta_message WHERE id = ?", values: [id] }]);
  }

  /** The message is never going to be accepted. It stays for a while, for whoever asks. */
  async refuse(id: number, problem: string): Promise<void> {
    const text = `UPDATE vesta_message SET state = ${REFUSED}, begun_at = 0, problem = ? WHERE id = ?`;
    await this.#sql.write([{ text, values: [problem.slice(0, PROBLEM_CHARACTERS), id] }]);
  }

  /** The message is to be tried again, not before `nextAt`. */
  async retry(id: number, nextAt: number, unsure: boolean): Promise<void> {
    const text = `UPDATE vesta_message SET tries = tries + 1, begun_at = 0, next_at = ?,
      unsure = CASE WHEN ? = 1 THEN 1 ELSE unsure END WHERE id = ?`;
    await this.#sql.write([{ text, values: [nextAt, unsure ? 1 : 0, id] }]);
  }

  /** What became of the message of that key. */
  async state(key: string): Promise<MessageState> {
    const [row] = await this.#sql.read({
      text: "SELECT state, problem FROM vesta_message WHERE message_key = ?",
      values: [key],
    });
    if (row === undefined) return { state: "gone" };
    return row.state === REFUSED ? { state: "refused", problem: String(row.problem) } : { state: "waiting" };
  }

  /** How many messages wait. */
  async count(): Promise<number> {
    const [row] = await this.#sql.read({
      text: `SELECT COUNT(*) AS number FROM vesta_message WHERE state = ${WAITING}`,
    });
    return Number(row?.number ?? 0);
  }

  /** Gives up what was made before `madeBefore`, and of the rest all but the `most` newest; how many of those still waited. Nothing that is being tried is touched. */
  async giveUp({
    madeBefore,
    most,
    begunBefore,
  }: {
    madeBefore: number;
    most: number;
    begunBefore: number;
  }): Promise<number> {
    const [last] = await this.#sql.read({
      text: `SELECT id FROM vesta_message WHERE state = ${WAITING} ORDER BY id DESC LIMIT 1 OFFSET ?`,
      values: [most],
    });
    const [waiting = 0] = await this.#sql.write([
      {
        text: `DELETE FROM vesta_message WHERE state = ${WAITING} AND (made_at < ? OR id <= ?) AND begun_at < ?`,
        values: [madeBefore, last?.id ?? 0, begunBefore],
      },
      { text: `DELETE FROM vesta_message WHERE state = ${REFUSED} AND made_at < ?`, values: [madeBefore] },
    ]);
    return waiting;
  }

  /** Forgets happenings of that beginning of their names from before `at`, and all but the `most` newest of them. */
  async forgetOnce(beginning: string, at: number, most: number): Promise<void> {
    const condition = "name >= ? AND name < ?";
    const values: SqlValue[] = [beginning, `${beginning}~`];
    const [last] = await this.#sql.read({
      text: `SELECT at FROM vesta_once WHERE ${condition} ORDER BY at DESC LIMIT 1 OFFSET ?`,
      values: [...values, most],
    });
    const upTo = Math.max(at - 1, Number(last?.at ?? 0));
    await this.#sql.write([
      { text: `DELETE FROM vesta_once WHERE ${condition} AND at <= ?`, values: [...values, upTo] },
    ]);
  }
}

function insertionIfClaimed(message: NewMessage, name: string, claim: string): Statement {
  return messageInsertionIf(message, {
    text: "EXISTS (SELECT 1 FROM vesta_once WHERE name = ? AND claim = ?)",
    values: [name, claim],
  });
}

function messageOf(row: Row): WaitingMessage {
  return {
    id: Number(row.id),
    key: String(row.message_key),
    target: String(row.target),
    body: String(row.body),
    madeAt: Number(row.made_at),
    tries: Number(row.tries),
    unsure: row.unsure === 1,
  };
}
