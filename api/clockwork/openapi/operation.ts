/** A piece of the document: a JSON Schema, a parameter, a media type. */
export type Json = Record<string, unknown>;

/** One operation of the Clockwork API. */
export interface ClockworkOperation {
  summary: string;
  /** Values of the query and of the path. */
  parameters?: readonly Json[];
  /** Schema of the body by media type. */
  body?: Json;
  /** Schema of the answer. */
  reply: Json;
  /** Texts of the errors that only this operation has, by status. */
  errors?: Readonly<Record<number, readonly string[]>>;
  /** Whether only a credential of the Odin view counts (C-15). */
  odinOnly?: boolean;
}

/** Operations by `method path`, the path below either prefix. */
export type ClockworkOperations = Readonly<Record<string, ClockworkOperation>>;

/** A reference to a schema of the document. */
export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

export const TEXT: Json = { type: "string" };

/** A list of things of one schema. */
export const listOf = (name: string): Json => ({ type: "array", items: ref(name) });

/** One thing of a schema, or an empty object where there is none. */
export const oneOrNone = (name: string): Json => ({
  anyOf: [ref(name), { type: "object", additionalProperties: false }],
});

/** A value of the query. */
export const query = (name: string, description: string, schema: Json = TEXT, required = false): Json => ({
  name,
  in: "query",
  description,
  required,
  schema,
});
