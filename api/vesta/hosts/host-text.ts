/** Longest text of a host that is kept, in characters (V-15). */
const MAX_CHARACTERS = 256;

/**
 * What would move the cursor, break the line or turn its direction: C0, DEL and C1, the line and paragraph separators, and the characters that embed, override or
 * isolate a direction (V-15).
 */
const CONTROL = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069";
const CONTROLS = new RegExp(`[${CONTROL}]`, "g");
const LONE_SURROGATES = /\p{Surrogate}/gu;
const NOT_IN_NAMES = new RegExp(`[.,\\-@[\\]:;/\\s${CONTROL}]`, "gu");

/** A text of a host as it is stored: bounded, on one line, and without anything that a terminal would obey (V-15). */
export function hostText(text: string): string {
  return cut(text, MAX_CHARACTERS).replace(LONE_SURROGATES, "\u{FFFD}").replace(CONTROLS, "?");
}

/** The first `most` characters of a text, counted by code points. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  let units = 0;
  for (const character of text.slice(0, 2 * most)) {
    if (most-- === 0) break;
    units += character.length;
  }
  return text.slice(0, units);
}

/** A name with everything replaced that a name of a machine may not have (V-26). */
export function withoutSigns(name: string): string {
  return name.replace(LONE_SURROGATES, "\u{FFFD}").replace(NOT_IN_NAMES, "_");
}
