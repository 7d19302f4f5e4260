import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { facadeMetrics } from "../../../api/metric-list.ts";
import { ROWS } from "../../../cli/dashboard/rows.ts";
import { operatorMetrics } from "../../../operator/metric-list.ts";
import { ROOT } from "../../support/documents.ts";

interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}
interface Shown {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: Place;
  datasource?: { uid: string };
  fieldConfig?: { defaults: { unit: string } };
  targets?: { refId: string; expr: string; legendFormat: string }[];
}

const dashboard = suite("the dashboard");
const { panels, templating } = JSON.parse(await readFile(join(ROOT, "helm/odin/dashboards/odin.json"), "utf8")) as {
  panels: Shown[];
  templating: { list: { name: string }[] };
};
const shown = panels.filter(({ type }) => type !== "row");

dashboard("each panel says what it shows, in which unit, and of the data source and the part that are chosen", () => {
  assert.equal(
    templating.list.map(({ name }) => name),
    ["datasource", "namespace", "job"],
  );
  assert.is(shown.length, ROWS.flatMap(({ panels: inside }) => inside).length);
  for (const { title, description = "", fieldConfig, datasource, targets = [] } of shown) {
    assert.match(description, /^[A-Z0-9a-z].{15,}\.$/, title);
    assert.ok(fieldConfig?.defaults.unit, title);
    assert.is(datasource?.uid, "${datasource}", title);
    assert.ok(targets.length > 0, title);
    for (const { expr, legendFormat } of targets) {
      assert.ok(expr.includes('namespace=~"$namespace",job=~"$job"') || expr.includes("ALERTS{"), `${title}: ${expr}`);
      assert.not.match(expr, "$of");
      assert.ok(legendFormat !== "", title);
    }
  }
});

dashboard("panels have ids of their own and do not lie on one another", () => {
  assert.is(new Set(panels.map(({ id }) => id)).size, panels.length);
  const overlap = (a: Place, b: Place): boolean =>
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  for (const [index, one] of panels.entries()) {
    assert.ok(one.gridPos.x + one.gridPos.w <= 24, one.title);
    for (const other of panels.slice(index + 1))
      assert.not(overlap(one.gridPos, other.gridPos), `${one.title} and ${other.title}`);
  }
});

dashboard("each asks for metrics that there are, and for labels that these have", () => {
  const known = new Map<string, readonly string[]>();
  for (const registry of [operatorMetrics(), facadeMetrics()]) {
    for (const metric of registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[])
      for (const suffix of ["", "_bucket", "_count", "_sum"])
        if (!known.has(metric.name + suffix)) known.set(metric.name + suffix, metric.labelNames);
  }
  const always = ["namespace", "pod", "instance", "job", "le", "part", "alertname", "alertstate"];
  for (const { title, targets = [] } of shown) {
    for (const { expr } of targets) {
      for (const [, name = "", selector = ""] of expr.matchAll(/\b(odin_\w+)\{([^}]*)\}/g)) {
        const labels = known.get(name);
        assert.ok(labels !== undefined, `${title} asks for ${name}, which nothing serves`);
        for (const [, label = ""] of selector.matchAll(/(\w+)(?:=~|!~|!=|=)"/g))
          assert.ok(always.includes(label) || labels.includes(label), `${title}: ${name} has no label ${label}`);
        const [, by = ""] = /\bby \(([^)]*)\)/.exec(expr) ?? [];
        for (const label of by.split(", ").filter((one) => one !== ""))
          assert.ok(always.includes(label) || labels.includes(label), `${title}: ${name} has no label ${label}`);
      }
    }
  }
});

dashboard.run();
