import type { Panel, Row } from "./panel.ts";

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
const SELECTION = 'namespace=~"$namespace",job=~"$job"';
const WIDTH = 24;
/** Width and height of a panel on Grafana's grid. */
const SIZES = { stat: { w: 4, h: 4 }, timeseries: { w: 8, h: 8 } } as const;

/** A dashboard as Grafana (10 and later) exports and imports it. Where the ids and places come from makes no difference as long as the rows stay as they are. */
export function grafanaDashboard(rows: readonly Row[]): object {
  const panels: object[] = [];
  let y = 0;
  for (const { title, panels: inside } of rows) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of inside) {
      const { w, h } = SIZES[panel.kind];
      if (x + w > WIDTH) {
        x = 0;
        y += height;
        height = 0;
      }
      panels.push({ id: panels.length + 1, gridPos: { x, y, w, h }, ...grafanaPanel(panel) });
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  return {
    uid: "odin",
    title: "Odin",
    description: "Runs of odin, its operator, its REST API and the GPUs of the cluster.",
    tags: ["odin", "kubernetes"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "",
    annotations: { list: [] },
    links: [],
    templating: {
      list: [
        datasourceVariable(),
        labelVariable("namespace", "odin_build_info"),
        labelVariable("job", 'odin_build_info{namespace=~"$namespace"}'),
      ],
    },
    panels,
  };
}

/** A query as Prometheus gets it: with the selection by the variables of the dashboard. */
export function selected(expr: string): string {
  return expr.replaceAll("$of", SELECTION);
}

function grafanaPanel({ title, description, kind, unit, queries, stacked, bad, emptyBecause }: Panel): object {
  const isStat = kind === "stat";
  return {
    type: kind,
    title,
    description: emptyBecause === undefined ? description : `${description} Nothing is shown where ${emptyBecause}.`,
    datasource: DATASOURCE,
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource: DATASOURCE,
      expr: selected(expr),
      legendFormat: legend === "" ? "__auto" : legend,
      editorMode: "code",
      range: !isStat,
      instant: isStat,
    })),
    fieldConfig: {
      defaults: {
        unit,
        ...(isStat ? {} : { min: 0 }),
        color: { mode: isStat ? "thresholds" : "palette-classic" },
        thresholds: { mode: "absolute", steps: steps(bad) },
        custom: isStat
          ? {}
          : {
              lineWidth: 1,
              fillOpacity: stacked ? 40 : 5,
              stacking: { mode: stacked ? "normal" : "none", group: "A" },
              spanNulls: false,
            },
      },
      overrides: [],
    },
    options: isStat
      ? {
          colorMode: "value",
          graphMode: "none",
          textMode: "auto",
          reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
        }
      : {
          legend: { displayMode: "list", placement: "bottom", showLegend: true, calcs: [] },
          tooltip: { mode: "multi", sort: "desc" },
        },
  };
}

function steps(bad: Panel["bad"]): object[] {
  if (bad === undefined) return [{ color: "text", value: null }];
  if ("above" in bad)
    return [
      { color: "green", value: null },
      { color: "red", value: bad.above },
    ];
  return [
    { color: "red", value: null },
    { color: "green", value: bad.below },
  ];
}

function datasourceVariable(): object {
  return {
    name: "datasource",
    label: "Data source",
    type: "datasource",
    query: "prometheus",
    hide: 0,
    refresh: 1,
    regex: "",
    options: [],
    includeAll: false,
    multi: false,
  };
}

function labelVariable(name: string, series: string): object {
  return {
    name,
    label: name === "job" ? "Job" : "Namespace",
    type: "query",
    datasource: DATASOURCE,
    query: { query: `label_values(${series}, ${name})`, refId: name },
    refresh: 2,
    sort: 1,
    includeAll: true,
    allValue: ".*",
    multi: true,
    current: { text: "All", value: "$__all" },
    hide: 0,
    regex: "",
    options: [],
  };
}
