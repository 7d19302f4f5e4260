import type { Pipeline, PipelineStatus } from "../../../crds/generated/types.ts";
import { podName } from "../../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { type BenchCluster, NAMESPACE } from "./cluster.ts";

const AT_ONCE = 32;
const ENDED = "2026-01-02T03:05:05Z";

/** Label of the runs that were there before: whoever looks at those that are measured need not read them all. */
export const FINISHED = "bench-finished";

/** Creates runs of one task that ended long ago, their pods gone, as the operator leaves them. */
export async function createFinishedRuns(
  { client }: BenchCluster,
  count: number,
  onProgress: (created: number) => void,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const name = `finished-${String(index).padStart(6, "0")}`;
      const { metadata } = await client.create<Pipeline>(collectionPath(PIPELINE, NAMESPACE), {
        apiVersion: API_VERSION,
        kind: PIPELINE.kind,
        metadata: { name, labels: { [FINISHED]: "true" } },
        spec: { tasks: [{ name: "t0", image: "simulated", command: ["run"] }], user: "bench" },
      });
      const path = objectPath(PIPELINE, NAMESPACE, name, "status");
      await client.patch(path, "merge", { status: statusOf(name, metadata.generation ?? 1) });
      onProgress(index + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function statusOf(run: string, generation: number): PipelineStatus {
  const startTime = "2026-01-02T03:04:05Z";
  const conditions = [
    {
      type: "Complete",
      status: "True",
      reason: "Succeeded",
      message: "all tasks succeeded",
      lastTransitionTime: ENDED,
    },
  ] as PipelineStatus["conditions"];
  return {
    phase: "DONE",
    progress: "1/1",
    reason: "Succeeded",
    ...(conditions === undefined ? {} : { conditions }),
    startTime,
    completionTime: ENDED,
    counts: { total: 1, waiting: 0, executing: 0, executed: 1, terminated: 0 },
    tasks: {
      t0: { state: "executed", attempt: 1, pod: podName(run, "t0", 1), startTime, completionTime: ENDED, exitCode: 0 },
    },
    events: [
      { id: "1", type: "Normal", reason: "Started", message: "the run was started", time: startTime },
      { id: "2", type: "Normal", reason: "Completed", message: "all tasks have ended", time: ENDED },
    ],
    eventCount: 2,
    observedGeneration: generation,
  };
}
