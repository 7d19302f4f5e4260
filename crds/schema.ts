/** A rule in the Common Expression Language that the API server evaluates at admission. */
export interface Rule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: "FieldValueInvalid" | "FieldValueForbidden" | "FieldValueRequired" | "FieldValueDuplicate";
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/**
 * The part of the structural OpenAPI v3 schema of Kubernetes that our resources use.
 * `typeName` is ours: it names the TypeScript interface and is left out of the YAML.
 */
export interface Schema {
  type?: "object" | "array" | "string" | "integer" | "boolean";
  description: string;
  typeName?: string;
  properties?: Record<string, Schema>;
  required?: readonly string[];
  additionalProperties?: Schema;
  items?: Schema;
  enum?: readonly string[];
  default?: unknown;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  "x-kubernetes-validations"?: readonly Rule[];
  "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  "x-kubernetes-list-map-keys"?: readonly string[];
  "x-kubernetes-map-type"?: "atomic" | "granular";
  "x-kubernetes-int-or-string"?: true;
  "x-kubernetes-preserve-unknown-fields"?: true;
}

/** One column of `kubectl get`. */
export interface PrinterColumn {
  name: string;
  type: "string" | "integer" | "date";
  jsonPath: string;
  description: string;
  priority?: number;
}

/** All that is needed to write the CustomResourceDefinition of one kind, its type and its reference page. */
export interface Kind {
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  summary: string;
  spec: Schema;
  status: Schema;
  rules: readonly Rule[];
  columns: readonly PrinterColumn[];
}

/** A text field; unbounded texts make the cost of admission rules unbounded, so a length is always given. */
export function text(description: string, maxLength: number, more: Partial<Schema> = {}): Schema {
  return { type: "string", description, maxLength, ...more };
}

export function integer(description: string, more: Partial<Schema> = {}): Schema {
  return { type: "integer", description, ...more };
}

export function flag(description: string): Schema {
  return { type: "boolean", description };
}

export function list(description: string, items: Schema, maxItems: number, more: Partial<Schema> = {}): Schema {
  return { type: "array", description, items, maxItems, "x-kubernetes-list-type": "atomic", ...more };
}

export function object(
  description: string,
  properties: Record<string, Schema>,
  required: readonly string[] = [],
  more: Partial<Schema> = {},
): Schema {
  return { type: "object", description, properties, ...(required.length > 0 ? { required } : {}), ...more };
}

export function map(description: string, values: Schema, maxProperties: number, more: Partial<Schema> = {}): Schema {
  return { type: "object", description, additionalProperties: values, maxProperties, ...more };
}

/** A time as the API server writes it: RFC 3339. */
export function time(description: string): Schema {
  return { type: "string", format: "date-time", description };
}

/** A Kubernetes quantity such as `500m`, `2` or `4Gi`. */
export function quantity(description: string): Schema {
  return { description, "x-kubernetes-int-or-string": true };
}
