import { NAME_OR_NONE, type Shape } from "./shape.ts";

/** JSON Schema, as far as values need it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One value of the chart: what it means, what it is if nobody says, and what it may be. */
export interface Value {
  help: string;
  fallback: unknown;
  schema: JsonSchema;
  /** What the text, or each of the texts, must look like. */
  shape?: Shape;
}

/** Values that belong together, below one key. */
export interface Section {
  help: string;
  values: Values;
}

/** A tree of values, in the order in which they are shown. */
export interface Values {
  readonly [name: string]: Value | Section;
}

/** Whether a node of the tree has others below it. */
export function isSection(node: Value | Section): node is Section {
  return "values" in node;
}

/** Values below one key. */
export function section(help: string, values: Values): Section {
  return { help, values };
}

/** A text; by default the empty one, which always means: not set. */
export function text(help: string, fallback = "", shape?: Shape): Value {
  return { help, fallback, schema: { type: "string" }, ...(shape === undefined ? {} : { shape }) };
}

/** The name of an object; empty: none. */
export function objectName(help: string): Value {
  return text(help, "", NAME_OR_NONE);
}

/** Yes or no. */
export function flag(help: string, fallback: boolean): Value {
  return { help, fallback, schema: { type: "boolean" } };
}

/** A whole number. */
export function integer(help: string, fallback: number, minimum: number, maximum: number): Value {
  return { help, fallback, schema: { type: "integer", minimum, maximum } };
}

/** One of some words. */
export function choice(help: string, fallback: string, words: readonly string[]): Value {
  return { help, fallback, schema: { type: "string", enum: words } };
}

/** A list of texts. */
export function texts(help: string, fallback: readonly string[] = [], shape?: Shape): Value {
  const items = { type: "string", minLength: 1 };
  return {
    help,
    fallback,
    schema: { type: "array", uniqueItems: true, items },
    ...(shape === undefined ? {} : { shape }),
  };
}

/** Names to texts, such as labels. */
export function textMap(help: string): Value {
  return { help, fallback: {}, schema: { type: "object", additionalProperties: { type: "string" } } };
}

/** An object that goes to Kubernetes as it is; the API server judges what is in it. */
export function passedOn(help: string, fallback: object = {}): Value {
  return { help, fallback, schema: { type: "object" } };
}

/** A list of objects that go to Kubernetes as they are. */
export function listPassedOn(help: string, fallback: readonly object[] = []): Value {
  return { help, fallback, schema: { type: "array", items: { type: "object" } } };
}
