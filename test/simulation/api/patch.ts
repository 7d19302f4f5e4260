import { same } from "./stored.ts";

interface Step {
  op: string;
  path: string;
  value?: unknown;
}

/** Thrown where a JSON Patch does not apply to the object as it is. */
export class DoesNotApply extends Error {}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Applies a JSON Patch (RFC 6902) to `document`, which it changes. */
export function jsonPatch(document: Record<string, unknown>, steps: readonly Step[]): void {
  for (const { op, path, value } of steps) {
    const keys = path
      .split("/")
      .slice(1)
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = keys.pop();
    if (last === undefined) throw new DoesNotApply("the whole document cannot be patched");
    let holder: unknown = document;
    for (const key of keys) {
      holder = Array.isArray(holder) ? holder[Number(key)] : isObject(holder) ? holder[key] : undefined;
      if (holder === undefined || holder === null) throw new DoesNotApply(`${path}: nothing is there`);
    }
    if (Array.isArray(holder)) patchList(holder, op, last, value, path);
    else if (isObject(holder)) patchMap(holder, op, last, value, path);
    else throw new DoesNotApply(`${path}: its holder is no object`);
  }
}

function patchList(list: unknown[], op: string, key: string, value: unknown, path: string): void {
  const index = key === "-" ? list.length : Number(key);
  const isThere = Number.isInteger(index) && index >= 0 && index < list.length;
  if (op === "add" && (isThere || index === list.length)) list.splice(index, 0, value);
  else if (op === "remove" && isThere) list.splice(index, 1);
  else if (op === "replace" && isThere) list[index] = value;
  else if (op !== "test" || !isThere || !same(list[index], value)) throw new DoesNotApply(`${op} ${path}`);
}

function patchMap(map: Record<string, unknown>, op: string, key: string, value: unknown, path: string): void {
  const isThere = Object.hasOwn(map, key);
  if (op === "add" || (op === "replace" && isThere)) map[key] = value;
  else if (op === "remove" && isThere) delete map[key];
  else if (op !== "test" || !isThere || !same(map[key], value)) throw new DoesNotApply(`${op} ${path}`);
}

/** Applies a JSON Merge Patch (RFC 7386) to `document`, which it changes. */
export function mergePatch(document: Record<string, unknown>, patch: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete document[key];
    else if (isObject(value)) {
      const below = isObject(document[key]) ? document[key] : {};
      mergePatch(below, value);
      document[key] = below;
    } else document[key] = value;
  }
}
