import { readFile } from "node:fs/promises";
import { PIPELINE } from "../../../crds/resources.ts";
import { CONFIG_MAP, POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject } from "../../../kube/resource.ts";
import { childrenOf } from "../../../local/process-identity.ts";
import { type BenchCluster, NAMESPACE } from "../engine/cluster.ts";
import type { OdinSystem } from "../engine/odin-system.ts";
import { openSockets, processUsage } from "../engine/process-usage.ts";
import type { SoakSample } from "./samples.ts";

const MOST_COMPLAINTS = 20;
/** Kinds that the operator watches and that belong to runs. */
const OF_RUNS = new Set(["pods", "pipelines.odin.io", "configmaps"]);
/** Put there by Kubernetes in every namespace. */
const NOT_OURS = new Set(["kube-root-ca.crt"]);
/** Levels of pino from which on something is wrong. */
const ERROR_LEVEL = 50;

/** Looks at the operator's process now, when so many runs have ended. */
export type OperatorProbe = (finished: number) => Promise<SoakSample>;

/** The probe of an operator; its clock starts now. */
export function operatorProbe(operator: OdinSystem): OperatorProbe {
  const beganAt = performance.now();
  return async (finished) => {
    const metrics = await metricsOf(operator);
    const pid = operator.pid();
    return {
      seconds: (performance.now() - beganAt) / 1000,
      finished,
      heapMb: (metrics.get("nodejs_heap_size_used_bytes") ?? Number.NaN) / 1e6,
      rssMb: residentBytes(pid) / 1e6,
      sockets: openSockets(pid),
      cached: sumOf(cachedObjects(metrics)),
    };
  };
}

function residentBytes(pid: number): number {
  const own = processUsage(pid)?.rssBytes ?? Number.NaN;
  return childrenOf(pid).reduce((sum, child) => sum + (processUsage(child.pid)?.rssBytes ?? 0), own);
}

/** What is there of runs now, by kind: in the cluster, and in the caches of the operator. */
export async function objectsLeft(
  { client }: BenchCluster,
  operator: OdinSystem,
): Promise<{ leftInCluster: Record<string, number>; leftInCaches: Record<string, number>; total: number }> {
  const leftInCluster: Record<string, number> = {};
  for (const resource of [PIPELINE, POD, CONFIG_MAP]) {
    const { items } = await client.listAll<KubeObject>(collectionPath(resource, NAMESPACE));
    leftInCluster[resource.plural] = items.filter(({ metadata }) => !NOT_OURS.has(metadata.name)).length;
  }
  const leftInCaches = cachedObjects(await metricsOf(operator));
  return { leftInCluster, leftInCaches, total: sumOf(leftInCluster) + sumOf(leftInCaches) };
}

/** What the operator's informers hold of runs; nodes stay, and events go when the API server forgets them. */
function cachedObjects(metrics: ReadonlyMap<string, number>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, value] of metrics) {
    const resource = /^odin_informer_objects\{resource="([^"]+)"\}$/.exec(name)?.[1];
    if (resource !== undefined && OF_RUNS.has(resource)) counts[resource] = value;
  }
  return counts;
}

async function metricsOf(operator: OdinSystem): Promise<Map<string, number>> {
  const text = await (await fetch(operator.metricsAddress)).text();
  const lines = text.matchAll(/^([a-z]\w*(?:\{[^}]*\})?) (\S+)$/gm);
  return new Map([...lines].map(([, name = "", value]) => [name, Number(value)]));
}

/** Lines of the log at level error or above, and what is not a line of the log at all, such as a stack that Node has printed. */
export async function complaintsOf(log: string): Promise<string[]> {
  const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line.trim() !== "");
  return lines
    .filter((line) => {
      try {
        return (JSON.parse(line) as { level?: number }).level !== undefined && levelOf(line) >= ERROR_LEVEL;
      } catch {
        return true;
      }
    })
    .slice(0, MOST_COMPLAINTS);
}

function levelOf(line: string): number {
  const { level } = JSON.parse(line) as { level: number | string };
  return typeof level === "number" ? level : ({ error: 50, fatal: 60 }[level] ?? 0);
}

function sumOf(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
