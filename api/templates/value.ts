/** What a template works with: JSON, and what Jinja has besides. */
export type Value = null | boolean | number | string | readonly Value[] | Mapping | Float | Undefined;

/** A JSON object; only its own keys count. */
export interface Mapping {
  readonly [key: string]: Value;
}

/** A number with a fraction of nothing (`3.0`), which is shown as such; other numbers say themselves what they are. */
export class Float {
  readonly value: number;

  private constructor(value: number) {
    this.value = value;
  }

  /** A number that came from a calculation with fractions. */
  static of(value: number): number | Float {
    return Number.isInteger(value) ? new Float(value) : value;
  }
}

/** The value of a variable or key that is not there: empty where it is shown, an error where something is asked of it. */
export class Undefined {
  /** What is not there, for the message. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** The number that a value is; undefined for other values. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === "boolean") return Number(value);
  if (value instanceof Float) return value.value;
  return typeof value === "number" ? value : undefined;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMapping(value: Value): value is Mapping {
  return (
    typeof value === "object" &&
    value !== null &&
    !isList(value) &&
    !(value instanceof Float || value instanceof Undefined)
  );
}

/** Whether a condition holds: empty texts, lists and mappings, zero, none and what is undefined do not. */
export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === "string" || isList(value)) return value.length > 0;
  const number = numberOf(value);
  if (number !== undefined) return number !== 0;
  return !isMapping(value) || Object.keys(value).length > 0;
}

/** A value as Jinja writes it into the output: Python's `str`. */
export function textOf(value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof Undefined) return "";
  return pythonText(value);
}

/** Python's `repr`: how values look inside of lists and mappings. Lists of texts and numbers in this form are YAML too. */
function pythonText(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quotedText(value);
  if (value instanceof Undefined) return "Undefined";
  if (typeof value === "number" || value instanceof Float) return numberText(value);
  if (isList(value)) return `[${value.map(pythonText).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, inner]) => `${quotedText(key)}: ${pythonText(inner)}`)
    .join(", ")}}`;
}

/** A number as Python writes it. */
export function numberText(value: number | Float): string {
  const number = typeof value === "number" ? value : value.value;
  if (Number.isNaN(number)) return "nan";
  if (!Number.isFinite(number)) return number > 0 ? "inf" : "-inf";
  if (typeof value === "number" && Number.isInteger(number)) return BigInt(number).toString();
  const [mantissa = "", exponentText = "0"] = number.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const digits = String(Math.abs(exponent)).padStart(2, "0");
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${digits}`;
  }
  if (Number.isInteger(number)) return Object.is(number, -0) ? "-0.0" : `${number}.0`;
  // Down to 1e-6 JavaScript writes numbers out as well; from 1e-4 on so does Python.
  return String(number);
}

const REPR_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

function quotedText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\\n\r\t'"\x00-\x1f\x7f-\xa0\xad]/g, (character) => {
    if (character === quote) return `\\${quote}`;
    if (character === "'" || character === '"') return character;
    return REPR_ESCAPES[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return quote + body + quote;
}
