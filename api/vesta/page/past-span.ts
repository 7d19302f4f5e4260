import type { HistorySpan } from "../../../store/vesta-history.ts";
import type { Query } from "../../query.ts";
import { textParameter } from "../parameters.ts";
import { badRequest } from "../vesta-error.ts";

/** Digits of seconds that are far beyond every date, and exact as milliseconds. */
const SECONDS = /^-?\d{1,12}$/;

/**
 * The time that `from` and `to` ask for, the whole seconds of both included. They are seconds since 1970, or below 0 so many before now; without them there is
 * no bound. Throws the 400 of V-20 for what is no number: unlike the original's parameters these are never replaced by a default.
 */
export function pastSpan(query: Query, nowMs: number): HistorySpan {
  const from = secondsOf(query, "from", nowMs) ?? 0;
  const to = secondsOf(query, "to", nowMs);
  if (to === undefined) return { fromMs: from * 1000, toMs: Number.MAX_SAFE_INTEGER };
  if (from > to) throw badRequest("from: is after to, so that no time is between them");
  return { fromMs: from * 1000, toMs: to * 1000 + 999 };
}

function secondsOf(query: Query, name: string, nowMs: number): number | undefined {
  const text = textParameter(query, name);
  if (text === "") return undefined;
  if (!SECONDS.test(text)) {
    throw badRequest(`${name}: must be a whole number of seconds since 1970, or below 0 of seconds before now`);
  }
  const seconds = Number(text);
  return seconds < 0 ? Math.floor(nowMs / 1000) + seconds : seconds;
}
