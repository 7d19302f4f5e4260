import { until } from "./deadline.ts";
import { monitoringDefinitions } from "./kind-definitions.ts";
import { kubectl, kubectlWithInput } from "./kubectl.ts";

const WAIT_MS = 120_000;

/** Makes kinds of the Prometheus operator known to the API server of the tests; returns the names of their definitions. */
export async function installMonitoringKinds(...plurals: string[]): Promise<string[]> {
  const definitions = await monitoringDefinitions(...plurals);
  const names = definitions.map(({ metadata }) => metadata.name);
  // Server-side: they are too large for the annotation that kubectl would make.
  const input = definitions.map((definition) => JSON.stringify(definition)).join("\n---\n");
  await kubectlWithInput(input, ["apply", "--server-side", "-f", "-"]);
  // Not `kubectl wait`: it fails for an object that has no conditions yet.
  const established = '{range .items[*]}{.status.conditions[?(@.type=="Established")].status} {end}';
  const look = (): Promise<string> =>
    kubectl("get", "customresourcedefinitions", ...names, "-o", `jsonpath=${established}`);
  await until(look, WAIT_MS, {
    describe: "the kinds of the Prometheus operator are known",
    accept: (said) => said.trim() === names.map(() => "True").join(" "),
  });
  return names;
}

/** Takes them, and all objects of them, away again. */
export async function removeMonitoringKinds(names: readonly string[]): Promise<void> {
  if (names.length > 0) await kubectl("delete", "customresourcedefinitions", ...names, "--ignore-not-found");
}
