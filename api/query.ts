import { invalid } from "./errors.ts";

/** Query values as Koa parses them: a list where a name occurs more than once. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The one value of a name; undefined if it is absent or empty. Throws a 422 if there are several. */
export function queryText(query: Query, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") throw invalid(name, "is given more than once");
  return value;
}

/** A boolean as the clients write it; absent or empty is false (O-8). */
export function queryBoolean(query: Query, name: string): boolean {
  switch (queryText(query, name)) {
    case undefined:
    case "False":
    case "false":
    case "0":
      return false;
    case "True":
    case "true":
    case "1":
      return true;
    default:
      throw invalid(name, "must be True, False, true, false, 1 or 0");
  }
}

/** A whole number within bounds; undefined if absent. */
export function queryInteger(query: Query, name: string, min: number, max: number): number | undefined {
  const text = queryText(query, name);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw invalid(name, `must be a whole number from ${min} to ${max}`);
  return value;
}
