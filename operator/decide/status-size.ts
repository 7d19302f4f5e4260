import type { TaskStatus } from "../../crds/generated/types.ts";
import { MAX_MESSAGE, MAX_RESULTS_BYTES } from "../../crds/limits.ts";
import { LEAST_TEXT_BYTES } from "../../crds/run-size.ts";
import { bounded } from "./message.ts";
import type { TaskView } from "./run.ts";

/** Most bytes of one character of a message. */
const BYTES_PER_CHARACTER = 3;
/** Longest message, in characters, that anybody puts in a record. */
const LONGEST_MESSAGE = MAX_MESSAGE + 56;

type Records = Record<string, TaskStatus>;

/**
 * The records as they are written: results and messages are kept up to what the run's object has room for, so that it never grows too large (F-26).
 * What is written already stays as it is. New results are kept in the order of the definition; a new message is cut to what is left when every task that has
 * none yet has had its least.
 */
export function withinBudget(
  tasks: readonly TaskView[],
  before: Records | undefined,
  textBytes: number | undefined,
): Records {
  const most = textBytes ?? Number.POSITIVE_INFINITY;
  const least = tasks.length * LEAST_TEXT_BYTES;
  const { records, resultBytes } = withinResults(
    tasks,
    before ?? {},
    Math.min(MAX_RESULTS_BYTES, Math.max(0, most - least) * 0.7),
  );
  // Nearly every run has room for the longest messages that there can be.
  if (tasks.length * LONGEST_MESSAGE * BYTES_PER_CHARACTER + resultBytes <= most) return records;
  return withinMessages(records, before ?? {}, most - resultBytes);
}

function withinResults(
  tasks: readonly TaskView[],
  before: Records,
  most: number,
): { records: Records; resultBytes: number } {
  const isWritten = (name: string, result: string | undefined): boolean =>
    result !== undefined && before[name]?.result === result;
  let resultBytes = 0;
  for (const { task, record } of tasks)
    if (isWritten(task.name, record.result)) resultBytes += resultSize(record.result ?? "");
  const records: Records = {};
  for (const { task, record } of tasks) {
    const bytes = record.result === undefined ? 0 : resultSize(record.result);
    if (isWritten(task.name, record.result)) {
      records[task.name] = record;
    } else if (record.result !== undefined && resultBytes + bytes > most) {
      const { result: _, ...rest } = record;
      const message = `result not kept: the run has room for ${Math.floor(most)} bytes of results`;
      records[task.name] = { ...rest, message };
    } else {
      resultBytes += bytes;
      records[task.name] = record;
    }
  }
  return { records, resultBytes };
}

/** A result is a text inside a text: quotes and the like take two bytes there. */
function resultSize(result: string): number {
  return Buffer.byteLength(JSON.stringify(result));
}

function withinMessages(records: Records, before: Records, most: number): Records {
  let left = most;
  let without = 0;
  const fresh: string[] = [];
  for (const [name, { message }] of Object.entries(records)) {
    const written = before[name]?.message;
    if (message === undefined) without += 1;
    else if (written !== undefined && isSame(written, message)) left -= Buffer.byteLength(written);
    else fresh.push(name);
  }
  const result: Records = {};
  let ahead = fresh.length;
  for (const [name, record] of Object.entries(records)) {
    const { message } = record;
    const written = before[name]?.message;
    result[name] = record;
    if (message === undefined) continue;
    if (written !== undefined && isSame(written, message)) {
      if (written !== message) result[name] = { ...record, message: written };
      continue;
    }
    ahead -= 1;
    const allowed = Math.max(LEAST_TEXT_BYTES, left - (without + ahead) * LEAST_TEXT_BYTES);
    const cut = cutTo(message, allowed);
    if (cut !== message) result[name] = { ...record, message: cut };
    left -= Buffer.byteLength(cut);
  }
  return result;
}

/** Whether what is written is the message, cut or not. */
function isSame(written: string, message: string): boolean {
  return written === message || (written.endsWith("…") && message.startsWith(written.slice(0, -1)));
}

function cutTo(message: string, bytes: number): string {
  const all = Buffer.byteLength(message);
  if (all <= bytes) return message;
  // Characters of several bytes are cut as if all were the longest.
  const perCharacter = all === message.length ? 1 : BYTES_PER_CHARACTER;
  return bounded(message, Math.max(1, Math.floor((bytes - "…".length * 3) / perCharacter) + 1));
}
