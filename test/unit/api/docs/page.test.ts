import { suite } from "uvu";
import * as assert from "uvu/assert";
import { html } from "../../../../api/docs/html.ts";
import { docsPage } from "../../../../api/docs/page.ts";
import { docsRoutes } from "../../../../api/docs/routes.ts";
import { schemaInWords } from "../../../../api/docs/schema-view.ts";
import { allOperations, openApiDocument } from "../../../../api/openapi/document.ts";
import { send, serve } from "../served.ts";

const test = suite("api documentation page");
const page = docsPage();

test("values are escaped, HTML and lists are put in as they are, undefined is nothing", () => {
  const inner = html`<b>${"<&>\"'"}</b>`;
  assert.is(html`${inner}${[inner, 1, "x"]}${undefined}.`.text.length > 0, true);
  assert.is(inner.text, "<b>&lt;&amp;&gt;&quot;&#39;</b>");
  assert.is(html`${[html`<i></i>`, 1, "<"]}${undefined}`.text, "<i></i>1&lt;");
});

test("every operation and every schema is on it, and every link in it leads somewhere", () => {
  for (const [key] of allOperations()) {
    const [method = "", path = ""] = key.split(" ");
    assert.ok(page.includes(`<form data-method="${method.toUpperCase()}" data-path="${path}">`), key);
  }
  const { components } = openApiDocument() as { components: { schemas: object } };
  for (const name of Object.keys(components.schemas)) assert.ok(page.includes(`<section id="schema-${name}">`), name);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assert.is(new Set(ids).size, ids.length, "an id is given twice");
  for (const [, target = ""] of page.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.includes(target), target);
});

test("schemas are told in words", () => {
  assert.is(schemaInWords({ $ref: "#/components/schemas/Job" }).text, '<a href="#schema-Job">Job</a>');
  assert.is(schemaInWords({ type: "array", items: { type: "string" } }).text, "list of string");
  assert.is(schemaInWords({ type: ["integer", "null"] }).text, "integer or null");
  assert.is(schemaInWords({ enum: ["Yes", "No", ""] }).text, "one of Yes, No");
  assert.is(schemaInWords({ const: true }).text, "<code>true</code>");
});

test("nothing on it comes from elsewhere or runs inline, and the policy allows nothing else", async () => {
  assert.not.match(page, /(?:src|href|action)="(?:https?:)?\/\//);
  assert.not.match(page, / on\w+="|<script>|<style|style="/);
  const served = await serve(docsRoutes(), { publicReads: "none" });
  try {
    for (const [path, type] of [
      ["/docs", "text/html; charset=utf-8"],
      ["/docs/page.css", "text/css; charset=utf-8"],
      ["/docs/try-it.js", "text/javascript; charset=utf-8"],
    ] as const) {
      const { status, headers, text } = await send(served.port, "GET", path);
      assert.equal([status, headers["content-type"], text.length > 500], [200, type, true]);
      assert.match(String(headers["content-security-policy"]), /^default-src 'none'; script-src 'self'; /);
      assert.not.match(String(headers["content-security-policy"]), /unsafe|\*/);
      assert.is(headers["x-content-type-options"], "nosniff");
    }
  } finally {
    await served.listener.close(0);
  }
});

test.run();
