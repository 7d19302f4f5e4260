import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/documents.ts";

const PAGE = "docs/performance.md";

/** Replaces the part of docs/performance.md between `<!-- name -->` and `<!-- /name -->`. Throws where the page has no such part. */
export function replaceSection(name: string, text: string): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const path = join(ROOT, PAGE);
  const page = readFileSync(path, "utf8");
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${PAGE} has no place for the numbers: ${begin} … ${end}`);
  writeFileSync(path, `${page.slice(0, from)}${begin}\n${text.trimEnd()}\n${page.slice(to)}`);
  process.stdout.write(`wrote ${PAGE}\n`);
}
