import { camelCase, isSingular, type Keys, knownKey, type Shape, TASK_KEYS } from "../../crds/main-yml-keys.ts";
import { TextProblem } from "../../crds/problem.ts";

/** A task of a request, its known keys in camelCase and plural; a key that is null is to be absent from the file (O-102). */
export interface TaskUpdate {
  name: string;
  values: ReadonlyMap<string, unknown>;
}

/** Keys that follow from others; a client that sends back what it got sends them too (O-145). */
const IGNORED = "id";
/** Deepest nesting that is written into a file. */
const MAX_DEPTH = 32;

/**
 * Reads a task of a PUT request: camelCase and snake_case, singular and plural, nulls in it left out. Throws a `TextProblem` for what cannot be
 * written into a `main.yml` at all; whether it is right is for the check of the file.
 */
export function readTaskUpdate(value: unknown): TaskUpdate {
  if (!isObject(value)) throw new TextProblem("must be an object");
  checkDepth(value, 0);
  const values = readKeys(value, TASK_KEYS);
  values.delete(IGNORED);
  const name = values.get("name");
  if (typeof name !== "string") throw new TextProblem("name must be a string");
  return { name, values };
}

/** The keys of an object by their names in the file's view; nulls are kept here. */
function readKeys(value: Record<string, unknown>, keys: Keys): Map<string, unknown> {
  const found = new Map<string, { spelling: string; value: unknown }>();
  for (const [spelling, raw] of Object.entries(value)) {
    const known = knownKey(spelling, keys);
    const name = known ?? spelling;
    const shape = known === undefined ? undefined : keys[known];
    const entry = { spelling, value: raw === null ? null : canonical(raw, shape) };
    const other = found.get(name);
    if (other === undefined || other.value === null) found.set(name, entry);
    else if (entry.value !== null) {
      const twice = camelCase(other.spelling) === camelCase(spelling);
      if (twice && JSON.stringify(other.value) !== JSON.stringify(entry.value))
        throw new TextProblem(`${spelling} says something else than ${other.spelling}; send one of the two`);
      if (isSingular(spelling)) found.set(name, entry);
    }
  }
  return new Map([...found].map(([name, entry]) => [name, entry.value]));
}

/** A value in the form in which the file's view shows it: texts as text, nulls in mappings left out. */
function canonical(value: unknown, shape: Shape | undefined): unknown {
  switch (shape?.kind) {
    case "text":
    case "texts":
    case "selector":
    case "outputs":
      return withoutNulls(value, (scalar) =>
        typeof scalar === "number" || typeof scalar === "boolean" ? `${scalar}` : scalar,
      );
    case "one or many":
    case "list":
      if (!Array.isArray(value)) return canonical(value, shape.item);
      return value.map((item) => (item === null ? null : canonical(item, shape.item)));
    case "object":
      if (!isObject(value)) return value;
      return Object.fromEntries([...readKeys(value, shape.keys)].filter(([, inner]) => inner !== null));
    case "mode":
      return typeof value === "string" && /^0o?[0-7]{1,4}$/.test(value)
        ? Number.parseInt(value.replace(/^0o?/, ""), 8)
        : value;
    default:
      return withoutNulls(value, (scalar) => scalar);
  }
}

function withoutNulls(value: unknown, scalar: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, scalar));
  if (!isObject(value)) return scalar(value);
  const kept = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutNulls(inner, scalar)]));
}

function checkDepth(value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) throw new TextProblem(`is nested more than ${MAX_DEPTH} levels deep`);
  if (value === null || typeof value !== "object") return;
  for (const inner of Object.values(value)) checkDepth(inner, depth + 1);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
