import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./documents.ts";
import { CHART, helmDone } from "./helm.ts";

/** Where the cases are: `NAME.values.yaml`, and what the chart makes of it in `NAME.yaml`. */
export const CASES = join(ROOT, "test/golden/helm");
/** Namespace of every case's release. */
export const CASE_NAMESPACE = "odin-system";

/** Names of all cases. */
export function chartCases(): string[] {
  return readdirSync(CASES)
    .filter((name) => name.endsWith(".values.yaml"))
    .map((name) => name.slice(0, -".values.yaml".length))
    .sort();
}

/** What the chart makes of a case, without a cluster. */
export function rendered(name: string, namespace = CASE_NAMESPACE): Promise<string> {
  return helmDone([
    "template",
    "odin",
    CHART,
    "--namespace",
    namespace,
    "--values",
    join(CASES, `${name}.values.yaml`),
  ]);
}
