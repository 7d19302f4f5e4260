import { ApplicationError, echoed } from "./mlbench-error.ts";

/** An object or a list of JSON in the place of a value: its text. */
export interface Structured {
  json: string;
}

/** Values of fields; what is structured as its text, so that nothing is large that has many parts. */
export type FieldValues = Readonly<Record<string, string | number | boolean | Structured>>;

/** The named fields of a parsed body that are given and not null. Keys that objects inherit do not count. */
export function fieldValues(body: Readonly<Record<string, unknown>>, names: readonly string[]): FieldValues {
  const values: Record<string, FieldValues[string]> = {};
  for (const name of names) {
    const value = Object.hasOwn(body, name) ? body[name] : undefined;
    if (value === undefined || value === null) continue;
    if (typeof value === "object") values[name] = { json: JSON.stringify(value) };
    else if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") values[name] = value;
  }
  return values;
}

/**
 * The fields of a body, whether they came as JSON or as texts of a form (M-5). Each reader returns undefined for a field that is absent, and throws a 400 that names field and value for one of another kind (M-10).
 */
export class Fields {
  readonly #values: FieldValues;

  constructor(values: FieldValues) {
    this.#values = values;
  }

  /** The value as it was parsed. */
  raw(name: string): FieldValues[string] | undefined {
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  /** A text as it is, also an empty one; numbers and booleans of JSON as it writes them. */
  text(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    throw badValue(name, value, "no text");
  }

  /** A whole number that a JavaScript number holds exactly. An empty text is absent. */
  integer(name: string): number | undefined {
    const value = this.raw(name);
    if (isAbsent(value)) return undefined;
    const number = typeof value === "string" && /^[+-]?\d+$/.test(value.trim()) ? Number(value) : value;
    if (!Number.isSafeInteger(number)) throw badValue(name, value, "no whole number");
    return number as number;
  }

  /** A finite number. An empty text is absent. */
  number(name: string): number | undefined {
    const value = this.raw(name);
    if (isAbsent(value)) return undefined;
    const isDecimal = typeof value === "string" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim());
    const number = isDecimal ? Number(value) : value;
    if (typeof number !== "number" || !Number.isFinite(number)) throw badValue(name, value, "no number");
    return number;
  }

  /** True for `true` of JSON and the texts `true`, `True` and `1`; all else and absence are false (M-5). */
  boolean(name: string): boolean {
    const value = this.raw(name);
    return value === true || value === "true" || value === "True" || value === "1";
  }
}

/** The value of a required field; throws the 400 for one that is missing (M-10). */
export function supplied<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw new ApplicationError(400, `${name} has to be supplied`);
  return value;
}

/** The 400 for a field whose value is not what it should be: `num_workers: "many" is no whole number` (M-10). */
export function badValue(name: string, value: unknown, what: string): ApplicationError {
  return new ApplicationError(400, `${name}: ${echoed(value)} is ${what}`);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || (typeof value === "string" && value.trim() === "");
}
