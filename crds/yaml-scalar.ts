/** What a plain scalar is by the rules of YAML 1.1, which `main.yml` follows (O-120). */
export type ScalarType = "null" | "bool" | "int" | "float" | "timestamp" | "text";

const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const NULL = /^(?:~|null|Null|NULL|)$/;
const INT = /^[-+]?(?:0b[01_]+|0[0-7_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*)$/;
const SEXAGESIMAL = /^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const TIMESTAMP =
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?$/;
/** Longest text that is looked at as a number: no number anybody means is longer. */
const MAX_NUMBER_LENGTH = 100;

/** The type of a plain scalar (one without quotes). */
export function plainType(text: string): ScalarType {
  if (NULL.test(text)) return "null";
  if (TRUE.test(text) || FALSE.test(text)) return "bool";
  if (text.length > MAX_NUMBER_LENGTH) return "text";
  if (INT.test(text) || SEXAGESIMAL.test(text)) return "int";
  if (FLOAT.test(text)) return "float";
  return TIMESTAMP.test(text) ? "timestamp" : "text";
}

/**
 * The value of a plain scalar as JSON can hold it: dates, infinities and whole numbers that JSON would round stay the text they are.
 */
export function plainValue(text: string): string | number | boolean | null {
  const type = plainType(text);
  switch (type) {
    case "null":
      return null;
    case "bool":
      return TRUE.test(text);
    case "int": {
      const value = wholeNumber(text);
      return Number.isSafeInteger(value) ? value : text;
    }
    case "float": {
      const value = text.includes(":") ? sexagesimal(text) : Number(text.replaceAll("_", ""));
      return Number.isFinite(value) ? value : text;
    }
    case "timestamp":
    case "text":
      return text;
  }
}

function wholeNumber(text: string): number {
  const digits = text.replaceAll("_", "");
  if (digits.includes(":")) return sexagesimal(digits);
  const sign = digits.startsWith("-") ? -1 : 1;
  const unsigned = digits.replace(/^[-+]/, "");
  if (/^0[bx]/.test(unsigned)) return sign * Number(unsigned);
  return sign * (unsigned.startsWith("0") ? Number.parseInt(unsigned, 8) : Number(unsigned));
}

/** `1:30` is ninety: a number in base 60. */
function sexagesimal(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  const parts = text.replaceAll("_", "").replace(/^[-+]/, "").split(":");
  return sign * parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}
