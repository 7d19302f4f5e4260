import type { PipelineStatus, Task } from "../../crds/generated/types.ts";
import { API_VERSION, PIPELINE } from "../../crds/resources.ts";
import type { KubeClient } from "../../kube/client.ts";
import { collectionPath, objectPath } from "../../kube/resource.ts";

const TASKS: Task[] = ["prepare", "train", "evaluate"].map((name, index, names) => ({
  name,
  image: "registry.example/team/trainer:1.4.2",
  command: ["python", "-m", `team.${name}`],
  args: ["--out", "${TASK_PATH}"],
  ...(index === 0 ? {} : { depends: [names[index - 1] ?? ""] }),
}));
const AT_ONCE = 32;

/** The id of one of the runs. */
export function benchRun(index: number): string {
  return `bench-${String(index).padStart(8, "0")}j`;
}

/** Creates that many runs, each with three tasks and a status as the operator leaves it in the middle of the run. */
export async function createRuns(client: KubeClient, namespace: string, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const name = benchRun(index);
      await client.create(collectionPath(PIPELINE, namespace), {
        apiVersion: API_VERSION,
        kind: PIPELINE.kind,
        metadata: { name },
        spec: { tasks: TASKS, user: "bench" },
      });
      await writeStatus(client, namespace, index, "waiting for train");
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Writes the status of one of the runs, as the operator does when something has changed. */
export async function writeStatus(
  client: KubeClient,
  namespace: string,
  index: number,
  message: string,
): Promise<void> {
  const status = statusOf(benchRun(index), message);
  await client.patch(objectPath(PIPELINE, namespace, benchRun(index), "status"), "merge", { status });
}

function statusOf(run: string, message: string): PipelineStatus {
  return {
    phase: "RUNNING",
    counts: { total: 3, waiting: 1, executing: 1, executed: 1, terminated: 0 },
    message,
    tasks: {
      prepare: {
        state: "executed",
        attempt: 1,
        pod: `${run}--prepare`,
        startTime: "2026-01-02T03:04:05Z",
        completionTime: "2026-01-02T03:05:05Z",
        exitCode: 0,
      },
      train: { state: "executing", attempt: 1, pod: `${run}--train`, startTime: "2026-01-02T03:05:06Z" },
      evaluate: { state: "waiting", reason: "Dependencies", message },
    },
  };
}
