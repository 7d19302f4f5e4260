import { type Node, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { type Keys, type Shape, snakeCase, TASK_KEYS } from "../../crds/main-yml-keys.ts";
import { plainType } from "../../crds/yaml-scalar.ts";

/** Longest list of scalars, in characters of JSON, that is written on one line. */
const MAX_LINE = 100;

/** A task of the API as a mapping of `main.yml`: known keys in snake_case and in the order of the documentation. */
export function taskNode(values: ReadonlyMap<string, unknown>): YAMLMap {
  const known = Object.keys(TASK_KEYS).filter((key) => values.has(key));
  const unknown = [...values.keys()].filter((key) => !Object.hasOwn(TASK_KEYS, key));
  return mapNode(
    [...known, ...unknown].map((key) => [key, values.get(key)]),
    TASK_KEYS,
  );
}

/** The key of a task as it is written in `main.yml`. */
export function keyNode(key: string, keys: Keys = TASK_KEYS): Scalar {
  return textNode(Object.hasOwn(keys, key) ? snakeCase(key) : key);
}

/** A JSON value as it is written in `main.yml`, so that reading it by the rules of YAML 1.1 gives the same again. */
export function valueNode(value: unknown, shape?: Shape): Node {
  if (Array.isArray(value)) {
    const seq = new YAMLSeq();
    const item = shape?.kind === "one or many" || shape?.kind === "list" ? shape.item : shape;
    seq.items = value.map((entry) => valueNode(entry, item));
    seq.flow = value.every((entry) => typeof entry !== "object") && JSON.stringify(value).length <= MAX_LINE;
    return seq;
  }
  if (value !== null && typeof value === "object") {
    const inner = shape?.kind === "one or many" || shape?.kind === "list" ? shape.item : shape;
    return mapNode(Object.entries(value), inner?.kind === "object" ? inner.keys : {});
  }
  if (typeof value === "string") return textNode(value);
  if (typeof value === "number" && shape?.kind === "mode" && Number.isInteger(value) && value >= 0)
    return plainNode(value === 0 ? "0" : `0${value.toString(8)}`);
  if (typeof value === "number") return plainNode(numberText(value));
  return plainNode(value === null || value === undefined ? "~" : String(value));
}

function mapNode(entries: Iterable<readonly [string, unknown]>, keys: Keys): YAMLMap {
  const map = new YAMLMap();
  for (const [key, value] of entries) {
    const shape = Object.hasOwn(keys, key) ? keys[key] : undefined;
    map.items.push(new Pair(keyNode(key, keys), valueNode(value, shape)));
  }
  return map;
}

function plainNode(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.PLAIN;
  return scalar;
}

/** In quotes where a reader would take it for something else than text. */
function textNode(text: string): Scalar {
  const scalar = new Scalar(text);
  if (plainType(text) !== "text" || text === "<<" || /[^\x20-\x7e\n]/.test(text)) scalar.type = Scalar.QUOTE_DOUBLE;
  else scalar.type = text.includes("\n") ? Scalar.BLOCK_LITERAL : Scalar.PLAIN;
  return scalar;
}

/** YAML 1.1 knows a number with an exponent only by its point and the exponent's sign. */
function numberText(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  const [mantissa = "", exponent = ""] = text.split("e");
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}e${exponent}`;
}
