import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FILTERS } from "../../../api/templates/filters.ts";
import { renderTemplate } from "../../../api/templates/render.ts";
import type { Mapping } from "../../../api/templates/value.ts";
import { checkMainFile } from "../../../crds/main-yml.ts";
import { snakeCase, TASK_KEYS } from "../../../crds/main-yml-keys.ts";
import { blocksOf, documents, textOf } from "../../support/documents.ts";

const test = suite("main.yml in the documentation");
const PAGE = "docs/how-to/write-main-yml.md";

test("every main.yml that is shown can be run", () => {
  const shown = documents()
    .flatMap(blocksOf)
    .filter(({ language }) => language === "yml");
  assert.ok(shown.length > 0);
  for (const { document, text } of shown) assert.equal(checkMainFile(text).problems, [], document);
});

test("every template that is shown gives a main.yml that can be run with the context below it", () => {
  const blocks = blocksOf(PAGE);
  const templates = blocks.flatMap((block, index) =>
    block.language === "jinja" ? [[block, blocks[index + 1]] as const] : [],
  );
  assert.ok(templates.length > 0);
  for (const [template, context] of templates) {
    const { file, problems } = checkMainFile(
      renderTemplate(template.text, JSON.parse(context?.text ?? "{}") as Mapping),
    );
    assert.equal(problems, []);
    assert.ok(file.tasks.length > 1);
  }
});

test("O-121: every key of a task is in the table, and every filter", () => {
  const page = textOf(PAGE);
  const keys = page.slice(page.indexOf("| key |"), page.indexOf("## When it is wrong"));
  assert.equal(
    Object.keys(TASK_KEYS).filter((key) => !keys.includes(`\`${snakeCase(key)}\``)),
    [],
  );
  assert.equal(
    Object.keys(FILTERS).filter((filter) => !page.includes(`\`${filter}\``)),
    [],
  );
});
test.run();
