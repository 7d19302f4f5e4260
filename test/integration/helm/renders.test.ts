// timeout: 1500
/**
 * What the chart makes of the values in test/golden/helm, without a cluster. UPDATE_GOLDEN=1 rewrites the outputs; their diff is part of a review.
 * Left out of them is what the chart only passes on: the definitions, the alerts and the dashboards.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CASES, chartCases, rendered } from "../../support/chart-cases.ts";
import { ROOT, textOf } from "../../support/documents.ts";
import { CHART, helm, objectsOf, type Rendered } from "../../support/helm.ts";

const update = process.argv.includes("-u") || process.env.UPDATE_GOLDEN === "1";
const PASSED_ON = /^# Source: odin\/templates\/(?:crds|alerts|dashboards)\.yaml$/m;
const LOGIN = ["--set", "auth.existingSecret=login"];
const DEFINITION = "CustomResourceDefinition";

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

interface PodSpec {
  automountServiceAccountToken: boolean;
  hostNetwork?: boolean;
  securityContext: Record<string, unknown>;
  containers: Record<string, unknown>[];
}

const renders = suite("renders of the chart");
const texts = new Map<string, string>();
const objects = (name: string): Rendered[] => objectsOf(texts.get(name) ?? "");
renders.before(async () => {
  try {
    for (const name of chartCases()) texts.set(name, await rendered(name));
  } catch (error) {
    console.error(error);
    throw error;
  }
});

renders("there are six value sets or more", () => {
  assert.ok(texts.size >= 6, [...texts.keys()].join(", "));
});

renders("helm lint finds nothing in the chart with its own values or with any set", async () => {
  const values = [[], ...chartCases().map((name) => ["--values", join(CASES, `${name}.values.yaml`)])];
  for (const given of values) {
    const { exitCode, stdout, stderr } = await helm(["lint", "--strict", CHART, ...given]);
    assert.is(exitCode, 0, `${given.join(" ")}: ${stdout}${stderr}`);
  }
});

for (const name of chartCases()) {
  renders(`the render of ${name} is the one that was reviewed`, () => {
    // Documents are told apart by their comments too, so the text is compared and not the objects.
    const shown = (texts.get(name) ?? "")
      .split(/^---$/m)
      .filter((document) => !PASSED_ON.test(document) && document.trim() !== "")
      .join("---");
    const file = join(CASES, `${name}.yaml`);
    if (update) writeFileSync(file, shown);
    assert.ok(existsSync(file), `${file} is missing; write it with UPDATE_GOLDEN=1 and review it`);
    assert.fixture(shown, readFileSync(file, "utf8"));
  });
}

renders("the definitions are those of this version, and outlive the release unless that is not wanted", () => {
  for (const [name, kept] of [
    ["defaults", true],
    ["outside", false],
  ] as const) {
    const definitions = objects(name).filter(({ kind }) => kind === DEFINITION);
    assert.is(definitions.length, 2);
    for (const { metadata, spec } of definitions) {
      const source = yaml.load(textOf(`crds/generated/${metadata.name}.yaml`)) as Rendered;
      assert.equal(spec, source.spec, metadata.name);
      assert.is(metadata.annotations?.["helm.sh/resource-policy"], kept ? "keep" : undefined);
    }
  }
  assert.equal(
    objects("one-namespace").filter(({ kind }) => kind === DEFINITION),
    [],
  );
});

renders("what an administrator of the cluster has to make for one of a namespace can be rendered alone", async () => {
  const only = ["--show-only", "templates/crds.yaml", "--show-only", "templates/user-roles.yaml"];
  const { exitCode, stdout, stderr } = await helm(["template", "odin", CHART, ...LOGIN, ...only]);
  assert.is(exitCode, 0, stderr);
  assert.equal(
    objectsOf(stdout).map(({ kind }) => kind),
    [DEFINITION, DEFINITION, "ClusterRole", "ClusterRole", "ClusterRole"],
  );
});

renders("M-70, M-71, M-75: MLBench has its rights only where it is switched on, and only where its runs are", () => {
  const named = (name: string, kind: string, object: RegExp) =>
    objects(name).filter(({ kind: one, metadata }) => one === kind && object.test(metadata.name));
  for (const kind of ["Service", "Role", "ClusterRole", "ServiceAccount"])
    assert.is(named("defaults", kind, /mlbench/).length, 0, kind);
  const rights = (kind: string, object: RegExp): string[] =>
    named("mlbench", kind, object).flatMap(({ metadata, rules = [] }) =>
      (rules as { resources: string[]; verbs: string[] }[]).map(
        ({ resources, verbs }) => `${metadata.namespace ?? "*"}: ${resources.join()} ${verbs.join()}`,
      ),
    );
  assert.equal(rights("Role", /worker-sa$/), ["benchmarks: pods get,list"]);
  assert.equal(rights("Role", /-mlbench-label$/), ["odin-system: pods list,patch"]);
  assert.equal(rights("ClusterRole", /-mlbench$/), ["*: nodes/stats,nodes/metrics get"]);
  const [readers] = named("mlbench", "ClusterRoleBinding", /-mlbench$/);
  assert.equal((readers as unknown as { subjects: object[] }).subjects, [
    { kind: "ServiceAccount", name: "odin-mlbench-kubelets", namespace: "odin-system" },
  ]);
  assert.equal(rights("Role", /-mlbench-kubelets$/), ["odin-system: serviceaccounts/token create"]);
  const ofRuns = rights("Role", /-mlbench$/);
  assert.ok(ofRuns.includes("benchmarks: pods/exec get,create"), ofRuns.join("; "));
  for (const right of ofRuns) assert.match(right, /^benchmarks: (?!secrets)/);
  const [service] = named("mlbench", "Service", /^worn-mouse-mlbench-master$/);
  const { app, component } = service?.metadata.labels ?? {};
  assert.equal([app, component], ["mlbench", "master"]);
  const { ports = [] } = (service?.spec ?? {}) as { ports?: { port: number }[] };
  assert.equal(
    ports.map(({ port }) => port),
    [80],
  );
});

renders("the alerts and the dashboards are the chart's own files", () => {
  const made = objects("production");
  const alerts = yaml.load(textOf("helm/odin/alerts.yaml")) as object;
  const text = JSON.stringify(alerts).replaceAll(
    /docs\/runbook\/(\w+)\.md/g,
    (_, name) => `https://docs.example.org/odin/$v1/${name}/`,
  );
  assert.equal(
    made.filter(({ kind }) => kind === "PrometheusRule").map(({ spec }) => spec),
    [JSON.parse(text)],
  );
  const directory = join(CHART, "dashboards");
  const files = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith(".json")) : [];
  const dashboards = made.filter(({ metadata }) => metadata.labels?.grafana_dashboard === "1");
  const data = Object.assign({}, ...dashboards.map((map) => map.data)) as Record<string, string>;
  assert.equal(Object.keys(data).sort(), files.sort());
  for (const name of files)
    assert.equal(JSON.parse(data[name] ?? ""), JSON.parse(readFileSync(join(directory, name), "utf8")), name);
});

renders("the links of the alerts are paths of the project where nobody says where the runbook is", async () => {
  const only = ["--show-only", "templates/alerts.yaml", "--set", "metrics.prometheusRule.enabled=true"];
  const render = (...more: string[]) => helm(["template", "odin", CHART, ...LOGIN, ...only, ...more]);
  const { exitCode, stdout, stderr } = await render();
  assert.is(exitCode, 0, stderr);
  assert.equal(objectsOf(stdout)[0]?.spec, yaml.load(textOf("helm/odin/alerts.yaml")));
  for (const wrong of ["docs/{alert}.md", "https://docs.example.org/odin", 'https://docs.example.org/"{alert}']) {
    const refused = await render("--set", `metrics.prometheusRule.runbookUrl=${wrong.replace(/[{}"]/g, "\\$&")}`);
    assert.is(refused.exitCode, 1, wrong);
    assert.match(refused.stderr, /runbookUrl/);
  }
});

renders("the chart has the version of the program", () => {
  const { version } = JSON.parse(textOf("package.json"));
  const chart = yaml.load(readFileSync(join(ROOT, "helm/odin/Chart.yaml"), "utf8")) as Record<string, string>;
  assert.equal([chart.version, chart.appVersion], [version, version]);
});

renders("no right is given by a wildcard, and every rule says what it is for", () => {
  for (const [name, text] of texts) {
    const roles = text.split(/^---$/m).filter((document) => /^kind: (Cluster)?Role$/m.test(document));
    assert.ok(roles.length >= 3, name);
    for (const role of roles) {
      const [object] = objectsOf(role) as (Rendered & { rules: Rule[] })[];
      assert.ok(object !== undefined);
      for (const rule of object.rules)
        assert.not.ok(
          [rule.apiGroups, rule.resources, rule.verbs].flat().some((word) => word.includes("*")),
          `${name}, ${object.metadata.name}: ${JSON.stringify(rule)}`,
        );
      // A comment stands for the rules below it until the next one.
      assert.match(role, /\nrules:\n\s+# /, `${name}, ${object.metadata.name} begins without a comment`);
    }
  }
});

renders("what is only of a namespace stays there where nobody asks for more", () => {
  const ofCluster = objects("one-namespace").filter(({ metadata }) => metadata.namespace === undefined);
  assert.equal(
    ofCluster.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    [],
  );
});

renders("every object says what it is part of, and every pod holds to the restricted profile", () => {
  for (const name of texts.keys()) {
    for (const { kind, metadata, spec } of objects(name)) {
      assert.is(metadata.labels?.["app.kubernetes.io/instance"], "odin", `${name}: ${kind} ${metadata.name}`);
      if (kind !== "Deployment") continue;
      const pod = (spec as { template: { spec: PodSpec } }).template.spec;
      assert.is(pod.hostNetwork, undefined);
      assert.is(pod.securityContext.runAsNonRoot, true);
      assert.equal(pod.securityContext.seccompProfile, { type: "RuntimeDefault" });
      for (const container of pod.containers) {
        assert.equal(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) assert.ok(container[probe], probe);
      }
    }
  }
});

renders("no environment variable is given twice", () => {
  for (const name of texts.keys()) {
    for (const { kind, metadata, spec } of objects(name)) {
      if (kind !== "Deployment") continue;
      const pod = (spec as { template: { spec: { containers: { env: { name: string }[] }[] } } }).template.spec;
      const names = pod.containers.flatMap(({ env }) => env.map((variable) => variable.name));
      assert.equal(names, [...new Set(names)], `${name}: ${metadata.name}`);
    }
  }
});
renders.run();
