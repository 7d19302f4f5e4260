/** A value that is JSON text already, with its keys sorted: what is stored is shown digit for digit (C-54). */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * A value as compact JSON with the keys of every object sorted by code point (C-5); keys without a value are left out. Throws for what JSON has no
 * word for: NaN, infinities, functions.
 */
export function jsonText(value: unknown): string {
  if (value instanceof JsonText) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => byCodePoint(a, b));
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${jsonText(field)}`).join(",")}}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`${value} cannot be written as JSON`);
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new Error(`a ${typeof value} cannot be written as JSON`);
  return text;
}

/** Compares texts by code point, as both databases and Python do; `<` compares by UTF-16 unit, which puts U+FFFD after an emoji. */
export function byCodePoint(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let at = 0; at < end; at++) {
    const one = a.charCodeAt(at);
    const other = b.charCodeAt(at);
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

/** Surrogates stand for what comes after every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
