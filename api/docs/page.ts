import { allOperations, openApiDocument, SECTIONS } from "../openapi/document.ts";
import type { Json } from "../openapi/operation.ts";
import { html } from "./html.ts";
import { operationView } from "./operation-view.ts";
import { schemaTable } from "./schema-view.ts";

/**
 * The page that shows the OpenAPI document to people and lets them try each operation. Made from the document alone; needs
 * nothing but its own style sheet and script, and can be read without the script.
 */
export function docsPage(): string {
  const operations = [...allOperations()];
  const sections = Object.keys(SECTIONS)
    .map((name) => ({ name, entries: operations.filter(([, { section }]) => section === name) }))
    .filter(({ entries }) => entries.length > 0);
  const { schemas } = (openApiDocument() as { components: { schemas: Record<string, Json> } }).components;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Odin API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/page.css">
<script type="module" src="docs/try-it.js"></script>
</head>
<body>
<header>
<h1>Odin API</h1>
<p>Machine-learning pipelines on Kubernetes. For programs: <a href="openapi.json">openapi.json</a>.</p>
<form id="login">
<label for="username">User</label> <input id="username" autocomplete="username" required>
<label for="password">Password</label> <input id="password" type="password" autocomplete="current-password" required>
<button>Log in</button>
<output></output>
</form>
</header>
<nav>
${[...sections.map(({ name }) => name), "schemas"].map((name, index) => html`${index === 0 ? "" : " · "}<a href="#${idOf(name)}">${name}</a>`)}
</nav>
<main>
${sections.map(
  ({ name, entries }) => html`<h2 id="${idOf(name)}">${name}</h2>
${entries.map(([key, operation]) => operationView(key, operation))}
`,
)}
<h2 id="schemas">schemas</h2>
${Object.entries(schemas).map(([name, schema]) => schemaTable(name, schema))}
</main>
</body>
</html>
`.text;
}

function idOf(section: string): string {
  return section.replaceAll(" ", "-");
}
