import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { facadeMetrics } from "../../../api/metric-list.ts";
import { operatorMetrics } from "../../../operator/metric-list.ts";
import { ROOT, textOf } from "../../support/documents.ts";
import { promtool } from "../../support/promtool.ts";
import { skip } from "../../support/skip.ts";
import type { AlertCase } from "./alert-case.ts";
import { ALERT_CASES } from "./cases.ts";

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook_url: string };
}

const RULES = join(ROOT, "helm/odin/alerts.yaml");
const { groups } = yaml.load(await readFile(RULES, "utf8")) as { groups: { name: string; rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = suite("the alerts");

alerts("promtool finds nothing wrong with the rules", async () => {
  const result = await promtool(["check", "rules", "--lint=all", "--lint-fatal", RULES]);
  if ("cannot" in result) return skip("promtool finds nothing wrong with the rules", result.cannot);
  assert.is(result.exitCode, 0, result.output);
  assert.match(result.output, `${rules.length} rules found`);
});

alerts("each alert is tested where it fires and where it is silent, and no other is", () => {
  const names = rules.map(({ alert }) => alert);
  assert.equal([...new Set(names)], names);
  for (const name of names) {
    const cases = ALERT_CASES.filter(({ alert }) => alert === name);
    assert.ok(
      cases.some(({ fires }) => fires.length > 0),
      `${name} fires in no test`,
    );
    assert.ok(
      cases.some(({ fires }) => fires.length === 0),
      `${name} is silent in no test`,
    );
  }
  assert.equal(
    ALERT_CASES.filter(({ alert }) => !names.includes(alert)),
    [],
  );
});

alerts("each is about metrics that there are", () => {
  const known = new Set(
    [operatorMetrics(), facadeMetrics()].flatMap((one) => one.getMetricsAsArray().map(({ name }) => name)),
  );
  for (const { alert, expr } of rules) {
    const named = [...expr.matchAll(/\bodin_\w+/g)].map(([name]) => name.replace(/_(bucket|count|sum)$/, ""));
    assert.ok(named.length > 0, alert);
    for (const name of named)
      assert.ok(known.has(name) || known.has(`${name}_count`), `${alert} asks for ${name}, which nothing serves`);
  }
});

alerts("each says what it is, how bad, and where it is explained; the text names only labels that it has", () => {
  for (const { alert, labels, annotations } of rules) {
    assert.match(labels.severity, /^(critical|warning)$/, alert);
    assert.is(annotations.runbook_url, `docs/runbook/${alert}.md`);
    const labelsOf = ALERT_CASES.filter((one) => one.alert === alert).flatMap(({ fires }) =>
      fires.flatMap(Object.keys),
    );
    for (const text of [annotations.summary, annotations.description]) {
      assert.match(text, /\.$/, `${alert}: ${text}`);
      for (const [, label = ""] of text.matchAll(/\$labels\.(\w+)/g))
        assert.ok(labelsOf.includes(label), `${alert}: ${label}`);
    }
  }
});

alerts("each has a page in the runbook, each page an alert, and the list of pages all of them", async () => {
  const pages = (await readdir(join(ROOT, "docs/runbook"))).filter((name) => name !== "README.md").sort();
  const wanted = rules.map(({ alert }) => `${alert}.md`).sort();
  assert.equal(pages, wanted);
  const list = textOf("docs/runbook/README.md");
  for (const { alert, labels } of rules) {
    assert.match(list, `| [${alert}](${alert}.md) | ${labels.severity} |`);
    const text = textOf(`docs/runbook/${alert}.md`);
    for (const heading of [`# ${alert}`, "## What users feel", "## First look", "## Mend", "## Escalate"])
      assert.ok(text.includes(`${heading}\n`), `${alert}.md has no heading "${heading}"`);
  }
});

/** A case as promtool reads it: alerts are told by the series that Prometheus writes for them. */
function promtoolTest({ alert, series, at, fires }: AlertCase): object {
  const severity = rules.find((rule) => rule.alert === alert)?.labels.severity ?? "";
  const samples = fires.map((labels) => {
    const all = { ...labels, alertname: alert, alertstate: "firing", severity };
    const text = Object.entries(all).map(([name, value]) => `${name}="${value}"`);
    return { labels: `ALERTS{${text.join(",")}}`, value: 1 };
  });
  return {
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      { expr: `ALERTS{alertname="${alert}",alertstate="firing"}`, eval_time: at, exp_samples: samples },
    ],
  };
}

async function runTests(cases: readonly AlertCase[]): ReturnType<typeof promtool> {
  const directory = await mkdtemp(join(tmpdir(), "odin-alerts-"));
  try {
    const file = { rule_files: [RULES], evaluation_interval: "1m", tests: cases.map(promtoolTest) };
    await writeFile(join(directory, "test.yaml"), JSON.stringify(file));
    return await promtool(["test", "rules", join(directory, "test.yaml")]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

// One run for all of them is quick; where it fails each case runs alone, so that its own title fails.
const together = await runTests(ALERT_CASES);
for (const one of ALERT_CASES) {
  const title = `${one.alert} ${one.fires.length > 0 ? "fires" : "is silent"} when ${one.when}`;
  alerts(title, async () => {
    const result = "cannot" in together || together.exitCode === 0 ? together : await runTests([one]);
    if ("cannot" in result) return skip(title, result.cannot);
    assert.is(result.exitCode, 0, result.output);
  });
}

alerts.run();
