import { measureOf, membersOf, objectOf } from "./json-text.ts";
import { digestsOf } from "./note-digest.ts";

/** Largest object that is stored, by `measureOf` (C-57). */
export const MAX_OBJECT_SIZE = 2 * 1024 * 1024;
/** Characters that changes which are written together may make of each object beyond the first. */
const MOST_CHARACTERS_TOGETHER = 4 * 1024 * 1024;

/** A change of an object, with what it brings in canonical JSON: an object whose members win, or a name or a list of names that go. */
export type Change = { kind: "merge"; updates: string } | { kind: "remove"; names: string };

/** What became of a change: the whole object after it, in canonical JSON, or why nothing was stored. Sizes are those of `measureOf`. */
export type Changed =
  | { kind: "stored"; object: string }
  | { kind: "tooLarge"; previous: number; updates: number }
  | { kind: "overQuota" };

/** Changes of one object, in canonical JSON. */
export interface ChangeRequest {
  object: string;
  changes: readonly Change[];
  /** Whether the digests of its notes are wanted. */
  digests: boolean;
}

/** What the first of the changes, as many as are no great work, made of the object, one after the other. */
export interface Applied {
  results: Changed[];
  object: string;
  /** By `measureOf`; of the empty object 0. */
  size: number;
  /** Digests of notes that are there now and were not, and the other way round. */
  added: readonly string[];
  removed: readonly string[];
}

/** Carries out changes of objects, wherever that is done. */
export interface ObjectWork {
  change(request: ChangeRequest): Promise<Applied>;
}

/** Does it here and now. */
export const objectWorkHere: ObjectWork = { change: async (request) => changeObject(request) };

/** Carries out as many of the changes as go together, at least one. */
export function changeObject({ object: before, changes, digests }: ChangeRequest): Applied {
  const results: Changed[] = [];
  let members = membersOf(before);
  let object = before;
  let characters = 0;
  for (const change of changes) {
    if (characters > MOST_CHARACTERS_TOGETHER) break;
    const changed = new Map(members);
    apply(change, changed);
    const after = objectOf(changed);
    characters += after.length;
    if (after !== object && isTooLarge(after)) {
      const updates = change.kind === "merge" ? change.updates : "{}";
      results.push({ kind: "tooLarge", previous: measureOf(object), updates: measureOf(updates) });
      continue;
    }
    results.push({ kind: "stored", object: after });
    members = changed;
    object = after;
  }
  const size = object === "{}" ? 0 : measureOf(object);
  if (!digests || object === before) return { results, object, size, added: [], removed: [] };
  const [old, now] = [digestsOf(before), digestsOf(object)];
  const added = [...now].filter((digest) => !old.has(digest));
  return { results, object, size, added, removed: [...old].filter((digest) => !now.has(digest)) };
}

function apply(change: Change, members: Map<string, string>): void {
  if (change.kind === "merge") {
    for (const [name, value] of membersOf(change.updates)) members.set(name, value);
    return;
  }
  const names: unknown = JSON.parse(change.names);
  // What is no text names nothing (C-53).
  for (const name of Array.isArray(names) ? names : [names]) if (typeof name === "string") members.delete(name);
}

function isTooLarge(object: string): boolean {
  // Printing adds at most one blank to each character.
  return 2 * object.length > MAX_OBJECT_SIZE && measureOf(object) > MAX_OBJECT_SIZE;
}
