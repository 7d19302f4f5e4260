import { untilEstablished } from "./established-kinds.ts";
import { monitoringDefinitions } from "./kind-definitions.ts";
import { kubectl, kubectlWithInput } from "./kubectl.ts";

/** Makes kinds of the Prometheus operator known to the API server of the tests; returns the names of their definitions. */
export async function installMonitoringKinds(...plurals: string[]): Promise<string[]> {
  const definitions = await monitoringDefinitions(...plurals);
  const names = definitions.map(({ metadata }) => metadata.name);
  // Server-side: they are too large for the annotation that kubectl would make.
  const input = definitions.map((definition) => JSON.stringify(definition)).join("\n---\n");
  await kubectlWithInput(input, ["apply", "--server-side", "-f", "-"]);
  await untilEstablished(names);
  return names;
}

/** Takes them, and all objects of them, away again. */
export async function removeMonitoringKinds(names: readonly string[]): Promise<void> {
  if (names.length > 0) await kubectl("delete", "customresourcedefinitions", ...names, "--ignore-not-found");
}
