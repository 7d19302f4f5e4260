/** One step of a JSON Patch (RFC 6902). */
export interface Operation {
  op: "add" | "remove" | "replace";
  path: string;
  value?: unknown;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Whether JSON would have the key: those that are undefined are left out of it. */
function isSet(object: Record<string, unknown>, key: string): boolean {
  return Object.hasOwn(object, key) && object[key] !== undefined;
}

/** One segment of a JSON pointer (RFC 6901). */
function pointer(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => equal(item, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
}

/**
 * The steps that turn `before` into `after` (both JSON values), no larger than what changed: objects key by key, lists as rings that lose
 * entries at the front and gain them at the end. Empty if nothing changed.
 */
export function difference(before: unknown, after: unknown, path = ""): Operation[] {
  if (equal(before, after)) return [];
  if (isObject(before) && isObject(after)) return objectDifference(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) return ringDifference(before, after, path);
  return [{ op: "replace", path, value: after }];
}

function objectDifference(before: Record<string, unknown>, after: Record<string, unknown>, path: string): Operation[] {
  const operations: Operation[] = [];
  for (const key of Object.keys(before)) {
    if (isSet(before, key) && !isSet(after, key)) operations.push({ op: "remove", path: `${path}/${pointer(key)}` });
  }
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const inner = `${path}/${pointer(key)}`;
    if (!isSet(before, key)) operations.push({ op: "add", path: inner, value });
    else operations.push(...smaller(difference(before[key], value, inner), { op: "replace", path: inner, value }));
  }
  return operations;
}

/** A value with more entries is never worth replacing as a whole, nor worth being written down to find that out. */
const MAX_REPLACED = 32;

/** A record of which most fields changed is cheaper to replace than to edit. */
function smaller(steps: Operation[], whole: Operation): Operation[] {
  const { value } = whole;
  if (isObject(value) && Object.keys(value).length > MAX_REPLACED) return steps;
  return steps.length > 1 && JSON.stringify(steps).length > JSON.stringify([whole]).length ? [whole] : steps;
}

function ringDifference(before: readonly unknown[], after: readonly unknown[], path: string): Operation[] {
  const dropped = before.findIndex((entry) => sameEntry(entry, after[0]));
  const start = dropped < 0 ? before.length : dropped;
  const kept = before.slice(start);
  if (kept.length > after.length || !kept.every((entry, index) => sameEntry(entry, after[index]))) {
    return [{ op: "replace", path, value: after }];
  }
  return [
    ...Array.from({ length: start }, (): Operation => ({ op: "remove", path: `${path}/0` })),
    ...kept.flatMap((entry, index) => difference(entry, after[index], `${path}/${index}`)),
    ...after.slice(kept.length).map((value): Operation => ({ op: "add", path: `${path}/-`, value })),
  ];
}

/** Entries with an `id` or a `type` are the same entry when that is equal, whatever else changed. */
function sameEntry(a: unknown, b: unknown): boolean {
  if (!isObject(a) || !isObject(b)) return equal(a, b);
  if (a.id !== undefined || b.id !== undefined) return a.id === b.id;
  return a.type === b.type;
}
