import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CHART, helmDone, objectsOf, type Rendered } from "../../support/helm.ts";
import { whyNoDefinitions } from "../../support/kind-definitions.ts";
import { kubectlDryRun } from "../../support/kubectl.ts";
import { installMonitoringKinds, removeMonitoringKinds } from "../../support/monitoring-kinds.ts";
import { RuleAdmission } from "../../support/rule-admission.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";

const monitors = suite("objects for the Prometheus operator");
const reason = await whyNoDefinitions();
let namespace: TemporaryNamespace;
let admission: RuleAdmission | undefined;
let names: string[] = [];
monitors.before(async () => {
  try {
    namespace = await temporaryNamespace("monitors");
    names = await installMonitoringKinds("podmonitors", "servicemonitors", "prometheusrules");
    admission = await RuleAdmission.start(namespace.name);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
monitors.after(async () => {
  await admission?.remove();
  await removeMonitoringKinds(names);
  await namespace?.remove();
});

interface Rules {
  groups: { rules: { expr: string }[] }[];
}

/** What the chart makes for the Prometheus operator with these values. */
async function rendered(...values: string[]): Promise<Rendered[]> {
  const wanted = ["podMonitor", "serviceMonitor", "prometheusRule"].map((name) => `metrics.${name}.enabled=true`);
  // A render that cannot see the cluster makes no key of its own.
  const set = [...wanted, ...values, "auth.existingSecret=login"].flatMap((value) => ["--set", value]);
  const objects = objectsOf(await helmDone(["template", "odin", CHART, "--namespace", namespace.name, ...set]));
  return objects.filter(({ apiVersion }) => apiVersion.startsWith("monitoring.coreos.com/"));
}

for (const [how, values] of [
  ["as they come", []],
  ["in one pod", ["combined=true"]],
  ["with HTTPS", ["api.tls.existingSecret=certificate"]],
  ["with a runbook elsewhere", ["metrics.prometheusRule.runbookUrl=https://git.example.org/{alert}.md"]],
] as const) {
  monitors(`its own definitions and its own admission take the chart's monitors and alerts, ${how}`, async () => {
    const objects = await rendered(...values);
    assert.equal(objects.map(({ kind }) => kind).sort(), ["PodMonitor", "PrometheusRule", "ServiceMonitor"]);
    const said = await kubectlDryRun(undefined, ...objects);
    assert.not.match(said, /Warning/);
  });
}

monitors("its own admission is asked, for it refuses a rule that Prometheus would not understand", async () => {
  const [rule] = (await rendered()).filter(({ kind }) => kind === "PrometheusRule") as (Rendered & { spec: Rules })[];
  assert.ok(rule);
  const [first] = rule.spec.groups[0]?.rules ?? [];
  assert.ok(first);
  first.expr = "sum(odin_build_info";
  const refused = await kubectlDryRun(undefined, rule).catch((error: Error) => error.message);
  assert.match(refused, /"OdinOperatorDown": could not parse expression/);
});

if (reason === undefined) monitors.run();
else skip("file", reason);
