import type { Summaries } from "./targets.ts";
import type { WorkloadId } from "./workloads.ts";

/** Workloads that have all their tasks in the cluster as soon as it takes them. */
const BURSTS: readonly WorkloadId[] = ["W1", "Jobs", "W2", "W3", "W6"];

/**
 * How far each burst goes towards what the box can do at all, as bare pods of the same measurement show it, as a paragraph; none where they were not
 * measured.
 */
export function limitText(summaries: Summaries): string[] {
  const { Pods } = summaries;
  if (Pods === undefined) return [];
  const shares = BURSTS.flatMap((id) => {
    const measured = summaries[id];
    if (measured === undefined) return [];
    const share = (100 * measured.tasksPerSecond) / Pods.tasksPerSecond;
    const cost = measured.apiServerCpu / Pods.apiServerCpu;
    return [
      `${id} ${share.toFixed(0)} % of it, at ${cost.toFixed(2)} times the API server's processor time for a task`,
    ];
  });
  const limit = `This box's own limit is ${Pods.tasksPerSecond.toFixed(1)} bare pods a second, at ${Pods.apiServerCpu.toFixed(1)} CPU-s of the API server for 1,000.`;
  return [shares.length === 0 ? limit : `${limit} Beside that: ${shares.join("; ")}.`];
}
