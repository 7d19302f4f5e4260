import type { Json } from "../openapi/operation.ts";
import { type Html, html } from "./html.ts";

const REFERENCE = "#/components/schemas/";

/** A schema in a few words, with links to the named schemas that it uses. */
export function schemaInWords(schema: Json): Html {
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.slice(REFERENCE.length);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  const choices = schema.oneOf ?? schema.anyOf;
  if (Array.isArray(choices)) {
    return html`${choices.map((choice, index) => html`${index === 0 ? "" : " or "}${schemaInWords(choice as Json)}`)}`;
  }
  if (Array.isArray(schema.enum)) return html`one of ${schema.enum.map(String).filter(Boolean).join(", ")}`;
  const types = [schema.type ?? "anything"].flat().map(String);
  if (types.includes("array") && schema.items !== undefined) {
    return html`list of ${schemaInWords(schema.items as Json)}${types.includes("null") ? " or null" : ""}`;
  }
  if (schema.properties !== undefined) return html`object with ${keys(schema)}`;
  return html`${types.join(" or ")}`;
}

function keys(schema: Json): Html {
  const entries = Object.entries(schema.properties as Record<string, Json>);
  return html`${entries.map(([name, value], index) => html`${index === 0 ? "" : ", "}<code>${name}</code> (${schemaInWords(value)})`)}`;
}

/** A named schema as a table of its keys. */
export function schemaTable(name: string, schema: Json): Html {
  const required = new Set(schema.required as string[] | undefined);
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>);
  const rows = properties.map(
    ([key, value]) => html`<tr>
<td><code>${key}</code>${required.has(key) ? "" : " (may be absent)"}</td>
<td>${schemaInWords(value)}</td>
<td>${typeof value.description === "string" ? value.description : ""}</td>
</tr>
`,
  );
  return html`<section id="schema-${name}">
<h3>${name}</h3>
<p>${typeof schema.description === "string" ? schema.description : ""}</p>
${properties.length === 0 ? html`<p>${schemaInWords(schema)}</p>` : html`<table>\n${rows}</table>`}
</section>
`;
}
