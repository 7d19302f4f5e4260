import type { OwnedEntry } from "../../../store/mlbench-metrics.ts";
import { momentOf } from "../dates.ts";
import type { CollectedPod } from "./collected-pod.ts";

const MIB = 2 ** 20;

/**
 * The points that a kubelet's summary has of pods (M-62), with the times of its samples. Whatever is missing, or is not what it should be, gives no point.
 * Throws where the text is no JSON object.
 */
export function summaryEntries(text: string, pods: readonly CollectedPod[]): OwnedEntry[] {
  const summary = asObject(parsed(text));
  if (summary === undefined) throw new Error("what it sent is no summary");
  const wanted = new Map(pods.map((pod) => [pod.uid, pod]));
  const entries: OwnedEntry[] = [];
  for (const one of asList(summary.pods)) {
    const stats = asObject(one);
    const uid = asObject(stats?.podRef)?.uid;
    const pod = typeof uid === "string" ? wanted.get(uid) : undefined;
    if (stats === undefined || pod === undefined) continue;
    wanted.delete(pod.uid);
    const container = asList(stats.containers)
      .map(asObject)
      .find((each) => each?.name === pod.container);
    const add = (name: string, sample: unknown, field: string, unit: number, cumulative: boolean): void => {
      const { time, [field]: value } = asObject(sample) ?? {};
      const date = typeof time === "string" ? momentOf(time) : undefined;
      if (date === undefined || typeof value !== "number" || !Number.isFinite(value) || value < 0) return;
      entries.push({ owner: `pod:${pod.uid}`, name, date, value: String(value / unit), metadata: "", cumulative });
    };
    add("cpu", container?.cpu, "usageNanoCores", 1e9, false);
    add("memory", container?.memory, "usageBytes", MIB, false);
    add("network_in", stats.network, "rxBytes", MIB, true);
    add("network_out", stats.network, "txBytes", MIB, true);
  }
  return entries;
}

/** Undefined for what is no JSON: the error of that would repeat what was sent. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return value === null || typeof value !== "object" || Array.isArray(value)
    ? undefined
    : (value as Record<string, unknown>);
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
