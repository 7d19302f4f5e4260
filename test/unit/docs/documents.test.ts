import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { REASONS } from "../../../crds/reasons.ts";
import { kindFactsOf, TASK_KINDS } from "../../../crds/task-kinds.ts";
import { VARIABLES } from "../../../crds/variables.ts";
import { blocksOf, documents, ROOT, textOf } from "../../support/documents.ts";

const documentation = suite("the documentation");

/** Anchors as GitHub makes them from headings. */
function anchorsOf(document: string): Set<string> {
  const headings = [...textOf(document).matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? "");
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

documentation("every link inside the project leads somewhere", () => {
  const broken: string[] = [];
  for (const document of documents()) {
    const text = textOf(document).replaceAll(/^```[\s\S]*?^```$|`[^`\n]*`/gm, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? document : join(dirname(document), path);
      if (!existsSync(join(ROOT, file)) || (anchor !== undefined && !anchorsOf(file).has(anchor))) {
        broken.push(`${document}: ${target}`);
      }
    }
  }
  assert.equal(broken, []);
});

documentation("every YAML block can be read", () => {
  const blocks = documents()
    .flatMap(blocksOf)
    .filter(({ language }) => language === "yaml");
  assert.ok(blocks.length > 0);
  for (const { document, text } of blocks) {
    try {
      yaml.loadAll(text);
    } catch (error) {
      assert.unreachable(`${document}: ${error}`);
    }
  }
});

documentation("every reason for waiting is explained", () => {
  const page = textOf("docs/how-to/see-why-a-task-waits.md");
  const waiting = Object.entries(REASONS).filter(([, reason]) => reason.class === "waiting");
  assert.equal(
    waiting.map(([name]) => name).filter((name) => !page.includes(`\`${name}\``)),
    [],
  );
});

documentation("every variable is explained, and no other", () => {
  const page = textOf("docs/how-to/write-a-pipeline.md");
  const table = page.slice(page.indexOf("| variable |"), page.indexOf("An unknown name"));
  const explained = [...table.matchAll(/`\$([A-Z_]+)`/g)].map((match) => match[1] ?? "");
  assert.equal([...new Set(explained)].sort(), [...VARIABLES].sort());
});

documentation("every npm script that it names is there", () => {
  const { scripts } = JSON.parse(textOf("package.json"));
  const named = documents().flatMap((document) =>
    [...textOf(document).matchAll(/\bnpm run ([\w:-]+)/g)].map((match) => [document, match[1] ?? ""] as const),
  );
  assert.equal(
    named.filter(([, script]) => !(script in scripts)),
    [],
  );
});

documentation("every kind of task is explained, with its container and what to install", () => {
  const page = textOf("docs/how-to/run-distributed-training.md");
  for (const kind of TASK_KINDS) {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${kind}\``)) ?? "";
    const { container, resources } = kindFactsOf({ resourceType: kind });
    assert.ok(row.includes(`\`${container}\``), `${kind}: container ${container}`);
    for (const { group, version } of resources.slice(0, 1))
      if (group !== "") assert.ok(row.includes(`${group}/${version}`), `${kind}: ${group}/${version}`);
  }
});
documentation.run();
