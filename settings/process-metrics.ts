import { readFileSync } from "node:fs";
import { Gauge, type Registry } from "prom-client";

/** What runs in a process; `odin all` is both, each on its own address. */
export type Part = "operator" | "api";

/**
 * Metrics by which a process is known to be there: `odin_build_info`, which is 1 as long as it answers and by whose absence its end is noticed
 * whatever the scraping job is called, and `odin_ready`, which is what /readyz says. `isReady` is asked when the metrics are read.
 */
export function processMetrics(registry: Registry, part: Part, isReady: () => boolean): void {
  const registers = [registry];
  new Gauge({
    name: "odin_build_info",
    help: "1 while the process runs; part says which one it is, version of which release.",
    labelNames: ["part", "version"],
    registers,
  }).set({ part, version: productVersion() }, 1);
  new Gauge({
    name: "odin_ready",
    help: "1 while the process is ready to do its work, as /readyz says; else 0.",
    labelNames: ["part"],
    registers,
    collect() {
      this.set({ part }, isReady() ? 1 : 0);
    },
  });
}

/** The version in package.json, which stands beside `dist`; `unknown` where it cannot be read. */
function productVersion(): string {
  try {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    const { version } = JSON.parse(text) as { version?: unknown };
    return typeof version === "string" ? version : "unknown";
  } catch {
    return "unknown";
  }
}
