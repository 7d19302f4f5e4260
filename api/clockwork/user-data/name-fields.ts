import { ClockworkError } from "../clockwork-error.ts";

/** Longest id of a job and longest name of a cluster that notes are kept for (C-50). */
const MOST_CHARACTERS = 256;

/** A name in a JSON body, by its value in canonical JSON: a number counts as its text. Undefined if it is absent or null; throws for other types. */
export function nameIn(members: ReadonlyMap<string, string>, field: string): string | undefined {
  const json = members.get(field);
  if (json === undefined || json === "null") return undefined;
  if (json.startsWith('"')) return String(JSON.parse(json));
  if (!/^[-0-9]/.test(json)) throw new ClockworkError(400, `Expected ${field} to be a string.`);
  return json;
}

/** A name that has to be there, and is not too long (C-50, C-51). */
export function requiredName(name: string | undefined, field: string): string {
  if (name === undefined) throw new ClockworkError(400, `Missing argument ${field}.`);
  // Twice as many code units may be that many characters.
  if (name.length > 2 * MOST_CHARACTERS || [...name].length > MOST_CHARACTERS) {
    throw new ClockworkError(400, `Expected ${field} to be a string of at most ${MOST_CHARACTERS} characters.`);
  }
  return name;
}
