import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CHART, helmDone, objectsOf } from "../../support/helm.ts";
import { monitoringDefinitions, whyNoDefinitions } from "../../support/kind-definitions.ts";
import { kubectl, kubectlDryRun, kubectlWithInput } from "../../support/kubectl.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";

const monitors = suite("objects for the Prometheus operator");
const reason = await whyNoDefinitions();
let namespace: TemporaryNamespace;
let names: string[] = [];
monitors.before(async () => {
  try {
    namespace = await temporaryNamespace("monitors");
    const definitions = await monitoringDefinitions("podmonitors", "servicemonitors", "prometheusrules");
    names = definitions.map(({ metadata }) => metadata.name);
    // Server-side: they are too large for the annotation that kubectl would make.
    const input = definitions.map((definition) => JSON.stringify(definition)).join("\n---\n");
    await kubectlWithInput(input, ["apply", "--server-side", "-f", "-"]);
    for (const name of names)
      await kubectl("wait", "--for=condition=Established", `customresourcedefinition/${name}`, "--timeout=120s");
  } catch (error) {
    console.error(error);
    throw error;
  }
});
monitors.after(async () => {
  if (names.length > 0) await kubectl("delete", "customresourcedefinitions", ...names, "--ignore-not-found");
  await namespace?.remove();
});

for (const [how, values] of [
  ["as they come", []],
  ["in one pod", ["combined=true"]],
  ["with HTTPS", ["api.tls.existingSecret=certificate"]],
] as const) {
  monitors(`its own definitions take the chart's monitors and alerts, ${how}`, async () => {
    const wanted = ["podMonitor", "serviceMonitor", "prometheusRule"].map((name) => `metrics.${name}.enabled=true`);
    // A render that cannot see the cluster makes no key of its own.
    const set = [...wanted, ...values, "auth.existingSecret=login"].flatMap((value) => ["--set", value]);
    const rendered = objectsOf(await helmDone(["template", "odin", CHART, "--namespace", namespace.name, ...set]));
    const objects = rendered.filter(({ apiVersion }) => apiVersion.startsWith("monitoring.coreos.com/"));
    assert.equal(objects.map(({ kind }) => kind).sort(), ["PodMonitor", "PrometheusRule", "ServiceMonitor"]);
    const said = await kubectlDryRun(undefined, ...objects);
    assert.not.match(said, /Warning/);
  });
}

if (reason === undefined) monitors.run();
else skip("file", reason);
