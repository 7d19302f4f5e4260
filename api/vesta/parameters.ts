import type { Query } from "../query.ts";

/** The first value of a parameter; an absent one is empty. */
export function textParameter(query: Query, name: string): string {
  const [value = ""] = [query[name] ?? []].flat();
  return value;
}

const FALSE = new Set(["", "false", "0", "no", "off"]);

/** A boolean (V-17): absent, empty, `false`, `0`, `no` and `off` in any case are false, every other text is true. */
export function booleanParameter(query: Query, name: string): boolean {
  return !FALSE.has(textParameter(query, name).toLowerCase());
}

/** A whole number, or `fallback` where the parameter is absent or none (V-17). */
export function integerParameter(query: Query, name: string, fallback: number): number {
  const value = textParameter(query, name).trim();
  if (!/^[+-]?\d+$/.test(value)) return fallback;
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}
