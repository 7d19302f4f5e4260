import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT, textOf } from "../../support/documents.ts";

const PAGE = "docs/explanation/security-model.md";
const security = suite("the security model");

/** The rows of the table of threats: what could go wrong, what is done, and which tests show it. */
const rows = (/^\| threat \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)/m.exec(textOf(PAGE))?.[1] ?? "")
  .trim()
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()));

security("each threat has a test that is there", () => {
  assert.ok(rows.length >= 15, `${rows.length} rows`);
  for (const [, threat = "", done = "", shown = ""] of rows) {
    assert.ok(done.length > 20, threat);
    const named = [...shown.matchAll(/`([\w/-]+)`/g)].map((match) => match[1] ?? "");
    assert.ok(named.length > 0, `${threat} names no test`);
    for (const name of named) assert.ok(existsSync(join(ROOT, "test", `${name}.test.ts`)), `${threat}: ${name}`);
  }
});

security.run();
