import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blocksOf, documents, ROOT } from "../../support/documents.ts";

const test = suite("names of Services");

/** Names of the Services in YAML text that may hold several objects; text that is no YAML (a template) is searched line by line. */
function serviceNames(text: string): string[] {
  try {
    return loadAll(text).flatMap((object) => {
      const { kind, metadata } = (object ?? {}) as { kind?: unknown; metadata?: { name?: unknown } };
      return kind === "Service" ? [String(metadata?.name)] : [];
    });
  } catch {
    return /^kind: Service$/m.test(text) ? [...text.matchAll(/^ {2}name: (\S+)$/gm)].map(([, name]) => name ?? "") : [];
  }
}

test("O-1: no manifest and no document has a Service called odin, whose variables would break clients in pods", () => {
  const files = readdirSync(ROOT, { withFileTypes: true })
    .filter(({ name }) => !/^(\..*|node_modules|dist)$/.test(name))
    .flatMap((place) =>
      place.isDirectory()
        ? readdirSync(join(ROOT, place.name), { recursive: true, encoding: "utf8" }).map((path) =>
            join(place.name, path),
          )
        : [place.name],
    )
    .filter((path) => /\.(ya?ml|tpl)$/.test(path));
  assert.ok(files.length > 10);
  const found = [
    ...files.map((path) => [path, readFileSync(join(ROOT, path), "utf8")] as const),
    ...documents().flatMap((path) => blocksOf(path).map(({ text }) => [path, text] as const)),
  ];
  for (const [path, text] of found) assert.not.ok(serviceNames(text).includes("odin"), path);
});

test("the search finds what it looks for", () => {
  assert.equal(serviceNames("kind: Service\nmetadata:\n  name: odin\n"), ["odin"]);
  assert.equal(serviceNames("kind: Pod\nmetadata: {name: a}\n---\nkind: Service\nmetadata: {name: odin-http}\n"), [
    "odin-http",
  ]);
  assert.equal(serviceNames("{{ if .x }}\nkind: Service\nmetadata:\n  name: odin\n{{ end }}\n"), ["odin"]);
});

test.run();
