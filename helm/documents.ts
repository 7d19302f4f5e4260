import * as yaml from "js-yaml";
import { isSection, type JsonSchema, type Section, type Value, type Values } from "./value.ts";

const WIDTH = 120;

/** `values.yaml`: every value with what it means above it. */
export function valuesYaml(values: Values): string {
  return `${yamlOf(values, 0).join("\n")}\n`;
}

function yamlOf(values: Values, depth: number): string[] {
  const indent = "  ".repeat(depth);
  return Object.entries(values).flatMap(([name, node]) => {
    const comment = wrapped(node.help, WIDTH - indent.length - 2).map((line) => `${indent}# ${line}`);
    const gap = depth === 0 ? [""] : [];
    if (isSection(node)) return [...gap, ...comment, `${indent}${name}:`, ...yamlOf(node.values, depth + 1)];
    const dumped = yaml.dump({ [name]: node.fallback }, { lineWidth: -1 }).trimEnd();
    return [...gap, ...comment, ...dumped.split("\n").map((line) => indent + line)];
  });
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length >= width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** `values.schema.json`: what is not a value of the chart is refused. */
export function valuesSchema(values: Values): string {
  // Helm itself gives these to a chart that is a part of another.
  const inherited = {
    global: { type: "object", description: "Values of all charts, where this one is a part of another." },
  };
  const root = objectSchema(values, inherited);
  return `${JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", title: "Values of the chart odin", ...root }, undefined, 2)}\n`;
}

function objectSchema(values: Values, further: Record<string, JsonSchema> = {}): JsonSchema {
  const properties = Object.entries(values).map(([name, node]) => [name, schemaOf(node)] as const);
  return { type: "object", additionalProperties: false, properties: { ...further, ...Object.fromEntries(properties) } };
}

function schemaOf(node: Value | Section): JsonSchema {
  return { description: node.help, ...(isSection(node) ? objectSchema(node.values) : node.schema) };
}

/** `files/value-shapes.yaml`: what texts must look like, for templates/checks.yaml, which says it in words. */
export function valueShapes(values: Values): string {
  return yaml.dump(shapesOf(values, ""), { lineWidth: -1 });
}

function shapesOf(values: Values, prefix: string): object[] {
  return Object.entries(values).flatMap(([name, node]) => {
    if (isSection(node)) return shapesOf(node.values, `${prefix}${name}.`);
    return node.shape === undefined ? [] : [{ value: `${prefix}${name}`, ...node.shape }];
  });
}

/** The reference page. */
export function valuesPage(values: Values, header: string): string {
  return `${header}

# Values of the Helm chart

What \`helm install\` and \`helm upgrade\` of \`helm/odin\` take with \`--set\` and \`--values\`. A name that is not here is refused, and so
are values that do not go together; the message says what to change.

| value | default | meaning |
|---|---|---|
${rowsOf(values, "").join("\n")}
`;
}

function rowsOf(values: Values, prefix: string): string[] {
  return Object.entries(values).flatMap(([name, node]) => {
    const path = `${prefix}${name}`;
    if (isSection(node)) return [`| **\`${path}\`** | | ${cell(node.help)} |`, ...rowsOf(node.values, `${path}.`)];
    return [
      `| \`${path}\` | ${node.fallback === "" ? "" : `\`${cell(JSON.stringify(node.fallback))}\``} | ${cell(node.help)}${wordsOf(node)} |`,
    ];
  });
}

function wordsOf({ schema, help }: Value): string {
  const words = Array.isArray(schema.enum) ? (schema.enum as string[]) : [];
  const missing = words.filter((word) => !help.includes(`\`${word}\``));
  return missing.length === 0 ? "" : ` One of ${words.map((word) => `\`${word}\``).join(", ")}.`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
