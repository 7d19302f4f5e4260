/** What Python prints of a value in these APIs: texts, lists and maps of them (M-17, M-48, M-65). */
export type Printable = string | readonly Printable[] | { readonly [key: string]: Printable };

/** A value as Python's `str` writes lists and maps, and `repr` texts: `{'app': 'mlbench'}`, `['a', 'b']`. Keys come in ascending order (M-17). */
export function printout(value: Printable): string {
  if (typeof value === "string") return textPrintout(value);
  if (isList(value)) return `[${value.map(printout).join(", ")}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${textPrintout(key)}: ${printout(one)}`).join(", ")}}`;
}

function isList(value: Printable): value is readonly Printable[] {
  return Array.isArray(value);
}

/** In single quotes, unless it holds those and no double ones. */
function textPrintout(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let shown = "";
  for (const character of text) shown += character === quote ? `\\${quote}` : escaped(character);
  return quote + shown + quote;
}

const NAMED: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** What cannot be printed as its code: controls, separators other than the blank, what is unassigned, and lone surrogates. */
function escaped(character: string): string {
  const named = NAMED[character];
  if (named !== undefined) return named;
  if (character === " " || !/[\p{C}\p{Z}]/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
