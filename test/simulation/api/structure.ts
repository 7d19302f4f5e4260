import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as yaml from "js-yaml";
import type { Stored } from "./stored.ts";

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  maxLength?: number;
  minLength?: number;
  maxItems?: number;
  maxProperties?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-int-or-string"?: boolean;
}

const DIRECTORY = resolve(import.meta.dirname, "../../../../crds/generated");
const schemas = new Map<string, Schema>();

function schemaOf(plural: string): Schema {
  let schema = schemas.get(plural);
  if (schema === undefined) {
    const definition = yaml.load(readFileSync(resolve(DIRECTORY, `${plural}.odin.io.yaml`), "utf8")) as {
      spec: { versions: { schema: { openAPIV3Schema: Schema } }[] };
    };
    schema = definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};
    schemas.set(plural, schema);
  }
  return schema;
}

/** Drops from a custom resource what its definition does not know, as the API server does without a word. */
export function prune(plural: string, object: Stored): void {
  const { properties = {} } = schemaOf(plural);
  for (const part of ["spec", "status"] as const) {
    const schema = properties[part];
    if (schema !== undefined && object[part] !== undefined) pruneValue(object[part], schema);
  }
}

function pruneValue(value: unknown, schema: Schema): void {
  if (Array.isArray(value)) {
    for (const item of value) if (schema.items !== undefined) pruneValue(item, schema.items);
    return;
  }
  if (value === null || typeof value !== "object" || schema["x-kubernetes-preserve-unknown-fields"]) return;
  const map = value as Record<string, unknown>;
  for (const [key, inner] of Object.entries(map)) {
    const below = schema.properties?.[key] ?? schema.additionalProperties;
    if (typeof below === "object") pruneValue(inner, below);
    else if (below !== true) delete map[key];
  }
}

/** The first thing that a custom resource's spec or status breaks of its definition; rules in CEL are not judged. */
export function structureProblem(plural: string, object: Stored): string | undefined {
  const { properties = {} } = schemaOf(plural);
  for (const part of ["spec", "status"] as const) {
    const schema = properties[part];
    if (schema === undefined || object[part] === undefined) continue;
    const problem = problemOf(object[part], schema, part);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOf(value: unknown, schema: Schema, path: string): string | undefined {
  if (schema["x-kubernetes-int-or-string"]) return undefined;
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `${path}: Unsupported value: "${value}"`;
  switch (schema.type) {
    case "string": {
      if (typeof value !== "string") return `${path}: Invalid value: must be of type string`;
      const length = [...value].length;
      if (length > (schema.maxLength ?? length))
        return `${path}: Too long: may not be more than ${schema.maxLength} bytes`;
      if (length < (schema.minLength ?? 0)) return `${path}: Invalid value: too short`;
      if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
        return `${path}: Invalid value: should match '${schema.pattern}'`;
      return undefined;
    }
    case "integer":
      if (!Number.isInteger(value)) return `${path}: Invalid value: must be of type integer`;
      if ((value as number) < (schema.minimum ?? Number.NEGATIVE_INFINITY)) return `${path}: Invalid value: too small`;
      return (value as number) > (schema.maximum ?? Number.POSITIVE_INFINITY) ? `${path}: too large` : undefined;
    case "boolean":
      return typeof value === "boolean" ? undefined : `${path}: Invalid value: must be of type boolean`;
    case "array": {
      if (!Array.isArray(value)) return `${path}: Invalid value: must be of type array`;
      if (value.length > (schema.maxItems ?? value.length)) return `${path}: Too many: ${value.length}`;
      return first(
        value.entries(),
        ([index, item]) => schema.items && problemOf(item, schema.items, `${path}[${index}]`),
      );
    }
    case "object": {
      if (value === null || typeof value !== "object") return `${path}: Invalid value: must be of type object`;
      const map = value as Record<string, unknown>;
      const missing = schema.required?.find((key) => map[key] === undefined);
      if (missing !== undefined) return `${path}.${missing}: Required value`;
      if (Object.keys(map).length > (schema.maxProperties ?? Number.POSITIVE_INFINITY)) return `${path}: Too many`;
      return first(Object.entries(map), ([key, inner]) => {
        const below = schema.properties?.[key] ?? schema.additionalProperties;
        return typeof below === "object" ? problemOf(inner, below, `${path}.${key}`) : undefined;
      });
    }
    default:
      return undefined;
  }
}

function first<T>(items: Iterable<T>, problem: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
