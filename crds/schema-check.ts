import type { Problem } from "./problem.ts";
import type { Schema } from "./schema.ts";

/** A Kubernetes quantity; the API server checks only that it is a text or a number, the pod would be refused. */
const QUANTITY = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE])?$/;
const MAX_PROBLEMS = 20;

/**
 * What a value breaks of the part of the schema that the API server would check at admission: types, bounds, patterns and required keys. For values
 * that never pass the API server as a custom resource, such as the tasks in a ConfigMap. Unknown keys are passed over.
 */
export function schemaProblems(value: unknown, schema: Schema, path: string): Problem[] {
  const problems: Problem[] = [];
  check(value, schema, path, problems);
  return problems;
}

function check(value: unknown, schema: Schema, path: string, problems: Problem[]): void {
  if (problems.length >= MAX_PROBLEMS) return;
  const fail = (detail: string): void => {
    problems.push({ path, detail });
  };
  if (schema["x-kubernetes-int-or-string"]) {
    if (!(typeof value === "string" || typeof value === "number") || !QUANTITY.test(String(value)))
      fail(`${shown(value)} is not a quantity like 500m, 2 or 4Gi`);
    return;
  }
  switch (schema.type) {
    case "string":
      if (typeof value === "string") checkText(value, schema, fail);
      else fail("must be a text");
      return;
    case "integer":
      checkInteger(value, schema, fail);
      return;
    case "boolean":
      if (typeof value !== "boolean") fail("must be true or false");
      return;
    case "array":
      if (Array.isArray(value)) checkList(value, schema, path, problems, fail);
      else fail("must be a list");
      return;
    case "object":
      if (isMapping(value)) checkMapping(value, schema, path, problems, fail);
      else fail("must be a mapping");
  }
}

function checkList(
  value: readonly unknown[],
  schema: Schema,
  path: string,
  problems: Problem[],
  fail: (detail: string) => void,
): void {
  if (value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY))
    fail(`has ${value.length} entries; the most is ${schema.maxItems}`);
  if (value.length < (schema.minItems ?? 0)) fail("must not be empty");
  for (const [index, item] of value.entries())
    if (schema.items) check(item, schema.items, `${path}[${index}]`, problems);
}

function checkText(value: string, schema: Schema, fail: (detail: string) => void): void {
  if (schema.enum && !schema.enum.includes(value)) {
    fail(`${shown(value)} is not one of ${schema.enum.filter((choice) => choice !== "").join(", ")}`);
  } else if (value.length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) {
    fail(`has ${value.length} characters; the most is ${schema.maxLength}`);
  } else if (value.length < (schema.minLength ?? 0)) {
    fail("must not be empty");
  } else if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) {
    fail(`${shown(value)} does not match ${schema.pattern}`);
  }
}

function checkInteger(value: unknown, schema: Schema, fail: (detail: string) => void): void {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) fail("must be a whole number");
  else if (schema.minimum !== undefined && value < schema.minimum) fail(`is ${value}; the least is ${schema.minimum}`);
  else if (schema.maximum !== undefined && value > schema.maximum) fail(`is ${value}; the most is ${schema.maximum}`);
}

function checkMapping(
  value: Record<string, unknown>,
  schema: Schema,
  path: string,
  problems: Problem[],
  fail: (detail: string) => void,
): void {
  for (const key of schema.required ?? []) {
    if (value[key] === undefined) problems.push({ path: `${path}.${key}`, detail: `${key} is needed` });
  }
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  if (schema.additionalProperties && entries.length > (schema.maxProperties ?? Number.POSITIVE_INFINITY))
    fail(`has ${entries.length} entries; the most is ${schema.maxProperties}`);
  for (const [key, inner] of entries) {
    const own =
      schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : schema.additionalProperties;
    if (own) check(inner, own, `${path}.${key}`, problems);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
