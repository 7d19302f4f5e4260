/** A piece of the document: a JSON Schema, a parameter, a media type. */
export type Json = Record<string, unknown>;

/**
 * One request of an operation and the answer that a real server gives to it. The test that sends every example expects this
 * answer exactly, but for the places that `varies` names.
 */
export interface Example {
  summary: string;
  /** Values of the path's and the query's parameters, by name. */
  parameters?: Readonly<Record<string, string | number | boolean>>;
  /** The body: a value that is sent in the operation's media type, text as it is. */
  body?: unknown;
  /** Media type of the body; left out: the operation's first. */
  bodyType?: string;
  /** Status of the answer; left out: 200. */
  status?: number;
  /** The answer: JSON, or the text where the media type is text. */
  reply: unknown;
  /** Media type of the answer; left out: the operation's first, or the one of errors. */
  replyType?: string;
  /** Dotted paths into the reply whose values differ each time (`pipelines.*.id`; `*` stands for every entry of a list). */
  varies?: readonly string[];
}

/** One operation of the document: what a route takes, gives and refuses. */
export interface Operation {
  summary: string;
  /** Whether a credential is always, never or by the setting needed. */
  auth: "always" | "never" | "reads";
  parameters?: readonly Json[];
  /** Schema of the body by media type. */
  body?: Json;
  /** Whether no body is a body, too: an empty one. */
  bodyOptional?: boolean;
  /** Schema of the answer by media type. */
  reply: Json;
  /** Error statuses beyond those that every operation has. */
  errors: readonly number[];
  examples: readonly Example[];
}

/** The operations of one family of routes, by `method path`, and the schemas that only they need, by name. */
export interface Section {
  operations: Readonly<Record<string, Operation>>;
  schemas: Readonly<Record<string, Json>>;
}

/** A reference to a schema of any section. */
export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

/** A body or an answer in JSON. */
export const json = (schema: Json): Json => ({ "application/json": { schema } });

/** A reply with one key that holds a list of a schema. */
export const listOf = (key: string, name: string): Json => ({
  type: "object",
  required: [key],
  additionalProperties: false,
  properties: { [key]: { type: "array", items: ref(name) } },
});

/** A body with one key that holds one of a schema; keys that the server does not know are ignored. */
export const bodyWith = (key: string, name: string): Json => ({
  type: "object",
  required: [key],
  properties: { [key]: ref(name) },
});

/** A reply with one key that holds one of a schema. */
export const oneOf = (key: string, name: string): Json => ({
  type: "object",
  required: [key],
  additionalProperties: false,
  properties: { [key]: ref(name) },
});

/** A query value; an empty one counts as absent (O-8). */
export const query = (name: string, description: string, schema: Json): Json => ({
  name,
  in: "query",
  description,
  schema,
  allowEmptyValue: true,
});

/** A query value that is a boolean as the clients write it (O-8). */
export const booleanQuery = (name: string, description: string): Json =>
  query(name, description, { type: "string", enum: ["True", "False", "true", "false", "1", "0", ""] });

/** The query value `q` (O-90). */
export const SEARCH = query("q", "Case-insensitive substring; * stands for any run of characters.", { type: "string" });

/** A text in the path. */
export const inPath = (name: string, description: string): Json => ({
  name,
  in: "path",
  required: true,
  description,
  schema: { type: "string" },
});
