import type { Budget } from "./budget.ts";
import { roundCommon } from "./round.ts";
import { type Place, TemplateProblem } from "./template-problem.ts";
import { Float, isList, isMapping, isTrue, numberOf, numberText, textOf, Undefined, type Value } from "./value.ts";

/** Where a filter stands, and what it may use up. */
export interface FilterUse {
  place: Place;
  budget: Budget;
}

/** A filter: the names of its parameters, and what it does. Arguments that were not given are undefined. */
export interface Filter {
  parameters: readonly string[];
  /** How many of them must be given. */
  needed?: number;
  apply(value: Value, given: readonly (Value | undefined)[], use: FilterUse): Value;
}

/** Largest precision of `round`. */
const MAX_PRECISION = 15;
const MAX_INDENT = 8;
const INTEGER = /^[+-]?\d+(?:_\d+)*$/;
const NUMBER = /^[+-]?(?:(?:\d+(?:_\d+)*)(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
/** Longest text that is read as a number. */
const MAX_NUMBER_LENGTH = 400;

/** All filters there are (O-154); they do what Jinja's do. */
export const FILTERS: Readonly<Record<string, Filter>> = {
  default: {
    parameters: ["default_value", "boolean"],
    apply: (value, [fallback = "", always = false]) =>
      value instanceof Undefined || (isTrue(always) && !isTrue(value)) ? fallback : value,
  },
  lower: { parameters: [], apply: (value, _, use) => shown(value, use).toLowerCase() },
  upper: { parameters: [], apply: (value, _, use) => shown(value, use).toUpperCase() },
  trim: {
    parameters: ["chars"],
    apply: (value, [characters], use) => {
      const text = shown(value, use);
      return characters === undefined || characters === null ? text.trim() : trimmed(text, textAt(characters, use));
    },
  },
  replace: {
    parameters: ["old", "new", "count"],
    needed: 2,
    apply: (value, [old = "", by = "", count], use) =>
      replaced(shown(value, use), shown(old, use), shown(by, use), count ?? null, use),
  },
  join: {
    parameters: ["d"],
    apply: (value, [separator = ""], use) => {
      const between = shown(separator, use);
      const items = itemsOf(value, use);
      const texts = items.map((item) => shown(item, use));
      const length = texts.reduce((sum, text) => sum + text.length, 0) + between.length * Math.max(items.length - 1, 0);
      use.budget.length(use.place, length);
      return texts.join(between);
    },
  },
  length: {
    parameters: [],
    apply: (value, _, use) => {
      if (value instanceof Undefined) return 0;
      if (typeof value === "string") return [...charge(value, use)].length;
      if (isList(value)) return value.length;
      if (isMapping(value)) return Object.keys(value).length;
      throw new TemplateProblem(use.place, "length needs a text, a list or a mapping");
    },
  },
  int: {
    parameters: ["default"],
    apply: (value, [fallback = 0], use) => {
      if (typeof value === "string" && INTEGER.test(value.trim())) return whole(Number(withoutMarks(value)), use);
      const number = parsedNumber(value, use);
      return number === undefined || !Number.isFinite(number) ? fallback : whole(Math.trunc(number), use);
    },
  },
  float: {
    parameters: ["default"],
    apply: (value, [fallback = Float.of(0)], use) => {
      const number = parsedNumber(value, use);
      return number === undefined ? fallback : Float.of(number);
    },
  },
  round: {
    parameters: ["precision", "method"],
    apply: (value, [precision = 0, method = "common"], use) => {
      const number = value instanceof Undefined ? undefined : numberOf(value);
      if (number === undefined) throw new TemplateProblem(use.place, "round needs a number");
      const digits = typeof precision === "number" && Number.isInteger(precision) ? precision : -1;
      if (digits < 0 || digits > MAX_PRECISION)
        throw new TemplateProblem(use.place, `the precision must be a whole number from 0 to ${MAX_PRECISION}`);
      // A number without a fraction stays one.
      if (method === "common" && typeof value === "boolean") return number;
      if (method === "common" && typeof value === "number" && Number.isInteger(value)) return value;
      if (method === "common") return Float.of(roundCommon(number, digits));
      if (method !== "ceil" && method !== "floor")
        throw new TemplateProblem(use.place, "the method must be common, ceil or floor");
      return Float.of(Math[method](number * 10 ** digits) / 10 ** digits);
    },
  },
  tojson: {
    parameters: ["indent"],
    apply: (value, [indent], use) => {
      const spaces = indent === undefined || indent === null ? undefined : Number(numberOf(indent));
      if (spaces !== undefined && !(Number.isInteger(spaces) && spaces >= 0 && spaces <= MAX_INDENT))
        throw new TemplateProblem(use.place, `the indent must be a whole number from 0 to ${MAX_INDENT}`);
      return charge(safeJson(json(value, spaces, 0, use)), use);
    },
  },
};

function charge(text: string, { budget, place }: FilterUse): string {
  budget.length(place, text.length);
  return text;
}

function shown(value: Value, use: FilterUse): string {
  if (isList(value)) use.budget.length(use.place, value.length);
  return charge(textOf(value), use);
}

function textAt(value: Value, { place }: FilterUse): string {
  if (typeof value !== "string") throw new TemplateProblem(place, "the argument must be a text");
  return value;
}

function trimmed(text: string, characters: string): string {
  const taken = new Set(characters);
  const kept = [...text];
  let start = 0;
  let end = kept.length;
  while (start < end && taken.has(kept[start] ?? "")) start++;
  while (end > start && taken.has(kept[end - 1] ?? "")) end--;
  return kept.slice(start, end).join("");
}

function replaced(text: string, old: string, by: string, count: Value, use: FilterUse): string {
  const most = count === null ? Number.POSITIVE_INFINITY : numberOf(count);
  if (most === undefined) throw new TemplateProblem(use.place, "the count must be a number");
  // Where nothing is looked for, it is found around every character.
  const parts = old === "" ? ["", ...text, ""] : text.split(old);
  const times = Math.min(most < 0 ? Number.POSITIVE_INFINITY : most, parts.length - 1);
  use.budget.length(use.place, text.length + times * by.length);
  let result = parts[0] ?? "";
  for (let index = 1; index < parts.length; index++) result += (index <= times ? by : old) + parts[index];
  return result;
}

/** What a loop over a value goes through; mappings give their keys. */
export function itemsOf(value: Value, { place, budget }: FilterUse): readonly Value[] {
  if (value instanceof Undefined) return [];
  if (isList(value)) return value;
  if (isMapping(value)) return Object.keys(value);
  if (typeof value === "string") {
    budget.length(place, value.length);
    return [...value];
  }
  throw new TemplateProblem(place, "a list or a mapping is needed");
}

function withoutMarks(text: string): string {
  return text.trim().replaceAll("_", "");
}

function parsedNumber(value: Value, { place }: FilterUse): number | undefined {
  if (value instanceof Undefined) throw new TemplateProblem(place, `${value.name} is undefined`);
  if (typeof value !== "string") return numberOf(value);
  const text = value.trim();
  if (text.length <= MAX_NUMBER_LENGTH && NUMBER.test(text)) return Number(withoutMarks(text));
  if (/^[+-]?(?:inf|infinity)$/i.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[+-]?nan$/i.test(text) ? Number.NaN : undefined;
}

function whole(value: number, { place }: FilterUse): number {
  if (!Number.isSafeInteger(value)) throw new TemplateProblem(place, "the number is too large");
  return value + 0;
}

/** JSON with sorted keys in the form of Python. */
function json(value: Value, indent: number | undefined, depth: number, use: FilterUse): string {
  use.budget.step(use.place);
  if (value instanceof Undefined) throw new TemplateProblem(use.place, `${value.name} is undefined`);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return charge(asciiJson(value), use);
  if (typeof value === "number" || value instanceof Float) return numberText(value);
  const parts = isList(value)
    ? value.map((item) => json(item, indent, depth + 1, use))
    : Object.keys(value)
        .sort()
        .map(
          (key) =>
            `${asciiJson(key)}: ${json((value as { [key: string]: Value })[key] ?? null, indent, depth + 1, use)}`,
        );
  const [open, close] = isList(value) ? "[]" : "{}";
  if (parts.length === 0) return `${open}${close}`;
  if (indent === undefined) return `${open}${parts.join(", ")}${close}`;
  const line = `\n${" ".repeat(indent * (depth + 1))}`;
  return charge(`${open}${line}${parts.join(`,${line}`)}\n${" ".repeat(indent * depth)}${close}`, use);
}

function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Without characters that mean something in HTML, as Jinja writes it. */
function safeJson(text: string): string {
  return text.replace(/[<>&']/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
