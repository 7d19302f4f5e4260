import type { Example, Json, Operation } from "../openapi/operation.ts";
import { type Html, html } from "./html.ts";
import { schemaInWords } from "./schema-view.ts";

const CREDENTIAL = {
  always: "Needs a credential.",
  never: "Needs no credential.",
  reads: "Needs a credential unless the server's setting opens reads.",
} as const;

/** One operation: what it is, a form that sends it, its replies and its examples. */
export function operationView(key: string, operation: Operation): Html {
  const [method = "", path = ""] = key.split(" ");
  const { summary, auth, parameters = [], body, reply, examples } = operation;
  const first = examples.find(({ status = 200 }) => status === 200);
  return html`<details class="operation" id="${anchorOf(key)}">
<summary><b class="method ${method}">${method.toUpperCase()}</b> <code>${path}</code> <span>${summary}</span></summary>
<p>${CREDENTIAL[auth]}</p>
<form data-method="${method.toUpperCase()}" data-path="${path}">
${parameters.map((parameter) => parameterField(key, parameter, first))}
${body === undefined ? "" : bodyField(key, body, first)}
<button>Send</button> <button type="button" class="stop" hidden>Stop</button>
<output></output>
</form>
<h4>Reply</h4>
<ul>
${Object.entries(reply).map(([type, media]) => html`<li><code>${type}</code>: ${schemaInWords((media as { schema: Json }).schema)}</li>\n`)}
</ul>
${examples.map((example) => exampleView(key, example))}
</details>
`;
}

/** Where on the page an operation is. */
export function anchorOf(key: string): string {
  return key.replaceAll(/[^a-z]+/gi, "-").replaceAll(/^-|-$/g, "");
}

function parameterField(key: string, parameter: Json, example: Example | undefined): Html {
  const name = String(parameter.name);
  const id = `${anchorOf(key)}-${name}`;
  const value = parameter.in === "path" ? example?.parameters?.[name] : undefined;
  const needed = parameter.in === "path" ? html` required` : "";
  return html`<label for="${id}"><code>${name}</code> ${schemaInWords(parameter.schema as Json)}. ${String(parameter.description)}</label>
<input id="${id}" name="${name}" data-in="${String(parameter.in)}" value="${value === undefined ? "" : String(value)}"${needed}>
`;
}

function bodyField(key: string, body: Json, example: Example | undefined): Html {
  const id = `${anchorOf(key)}-body`;
  const types = Object.keys(body);
  const [first = ""] = types;
  const text = example === undefined || (example.bodyType ?? first) !== first ? "" : shown(example.body);
  const schemas = Object.values(body).slice(0, 1) as { schema: Json }[];
  return html`<label for="${id}">Body, ${types[0] ?? ""}: ${schemas.map(({ schema }) => schemaInWords(schema))}</label>
<textarea id="${id}" data-in="body" data-type="${first}" rows="6" spellcheck="false">${text}</textarea>
`;
}

function exampleView(key: string, { summary, parameters, body, status = 200, reply }: Example): Html {
  const [method = "", path = ""] = key.split(" ");
  const values = Object.entries(parameters ?? {}).map(([name, value]) => `${name}=${value}`);
  return html`<details class="example">
<summary>Example: ${summary}</summary>
<pre>${method.toUpperCase()} ${path}${values.length === 0 ? "" : `   ${values.join("  ")}`}${body === undefined ? "" : `\n\n${shown(body)}`}</pre>
<p>${String(status)}</p>
<pre>${shown(reply)}</pre>
</details>
`;
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
