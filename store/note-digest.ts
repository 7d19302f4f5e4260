import { createHash } from "node:crypto";
import { canonicalString, membersOf } from "./json-text.ts";

/** What a note is found by: its name, and its value in canonical JSON. */
export function digestOf(name: string, value: string): string {
  return createHash("sha256")
    .update(`${canonicalString(name)}:${value}`)
    .digest("hex");
}

/** What the members of an object in canonical JSON that are texts are found by. */
export function digestsOf(object: string): Set<string> {
  const texts = [...membersOf(object)].filter(([, value]) => value.startsWith('"'));
  return new Set(texts.map(([name, value]) => digestOf(name, value)));
}
