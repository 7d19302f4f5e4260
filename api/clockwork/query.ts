import type { Context } from "koa";

/** Named texts of a request: its query, or the fields of its body. Of a repeated name the first counts. */
export interface Parameters {
  get(name: string): string | null | undefined;
}

/** The query's parameters; `+` and `%20` are blanks, and what is no good escape stands for itself (C-7). */
export function queryOf(ctx: Context): Parameters {
  const known = ctx.state.clockworkQuery as URLSearchParams | undefined;
  if (known !== undefined) return known;
  const parameters = new URLSearchParams(ctx.querystring);
  ctx.state.clockworkQuery = parameters;
  return parameters;
}

/** A text as it is, also an empty one; undefined if it is not given. */
export function text(parameters: Parameters, name: string): string | undefined {
  return parameters.get(name) ?? undefined;
}

const MOST = 2n ** 53n;

/** A whole number; undefined if it is not given, is no number in decimal digits, or is beyond ±2^53 (C-7). */
export function integer(parameters: Parameters, name: string): number | undefined {
  return integerOf(parameters.get(name) ?? "");
}

/** The whole number that a text is, with blanks around and a sign; undefined for anything else and beyond ±2^53 (C-7). */
export function integerOf(given: string): number | undefined {
  if (!/^\s*[+-]?[0-9]+\s*$/.test(given)) return undefined;
  // As a Number the first one beyond would be rounded to the last one within.
  const value = BigInt(given.trim());
  return value >= -MOST && value <= MOST ? Number(value) : undefined;
}

/** A list, split at commas, without blanks and empty pieces; undefined if no piece is left (C-7). */
export function list(parameters: Parameters, name: string): string[] | undefined {
  const pieces = (parameters.get(name) ?? "").split(",").map((piece) => piece.replace(/\s+/g, ""));
  const left = pieces.filter((piece) => piece !== "");
  return left.length === 0 ? undefined : left;
}

/** `true` or `1` in any case; all else is false (C-7). */
export function boolean(parameters: Parameters, name: string): boolean {
  return /^(true|1)$/i.test(parameters.get(name) ?? "");
}
