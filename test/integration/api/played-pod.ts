import { until } from "../../support/deadline.ts";
import type { FacadeStage } from "./facade-stage.ts";

const WAIT_MS = 60_000;

/** Says that a pod runs, as a kubelet would, once it is there. */
export async function startPod(stage: FacadeStage, pod: string): Promise<void> {
  await setStatus(stage, pod, { phase: "Running" });
}

/** Says that a pod has ended, as a kubelet would, once it is there. */
export async function endPod(
  stage: FacadeStage,
  pod: string,
  phase: "Succeeded" | "Failed" = "Succeeded",
  exitCode = phase === "Succeeded" ? 0 : 1,
): Promise<void> {
  const now = new Date().toISOString();
  const reason = phase === "Succeeded" ? "Completed" : "Error";
  const terminated = { exitCode, reason, startedAt: now, finishedAt: now };
  const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } };
  await setStatus(stage, pod, { phase, containerStatuses: [container] });
}

async function setStatus(stage: FacadeStage, pod: string, status: object): Promise<void> {
  const path = `/api/v1/namespaces/${stage.namespace}/pods/${pod}`;
  await until(() => stage.client.get(path), WAIT_MS, { describe: `pod ${pod} is there` });
  await stage.client.patch(`${path}/status`, "strategic", { status });
}
