import type { PipelineStatus } from "../../../crds/generated/types.ts";
import { until } from "../../support/deadline.ts";
import { SST2_TASKS } from "../../unit/api/odin/sample.ts";
import type { FacadeStage } from "./facade-stage.ts";

/** Runs that the examples of the OpenAPI document name: one to look at, two to stop, one that has ended. */
const RUNNING = ["sst2-4k2m9xq1j", "sst2-7w0c3v5tj", "sst2-0f6h8k2zj"];
const ENDED = "sst2-0000ended0j";
const VERSION = "0123456789abcdef0123456789abcdef01234567";
const WAIT_MS = 60_000;

/** Makes, in an empty namespace, everything that the document's examples take to be there, and waits until it is served. */
export async function buildExamplesWorld(stage: FacadeStage): Promise<void> {
  const job = await stage.applyJob("sst2", { tasks: SST2_TASKS, files: { "sst2.yml": "dataset: SST2\n" } });
  const snapshot = await stage.freeze(job);
  for (const run of RUNNING) {
    await stage.createRun(run, { job: "sst2", user: "dpressel" });
    await stage.createPod(run, "sst2");
    await stage.setStatus(run, runningStatus(run, snapshot));
  }
  await stage.createRun(ENDED, { job: "sst2" });
  await stage.setStatus(ENDED, endedStatus(snapshot));
  const [shown = ""] = RUNNING;
  await stage.kubeletEvent(
    `${shown}--sst2`,
    {
      type: "Normal",
      reason: "BackOff",
      message: 'Back-off pulling image "meadml/mead2-gpu:latest"',
      time: "2026-01-02T03:04:10Z",
    },
    "gpu-1",
  );
  await stage.kubeletEvent(
    `${shown}--sst2`,
    { type: "Warning", reason: "Failed", message: "Error: ImagePullBackOff", time: "2026-01-02T03:04:20Z" },
    "gpu-1",
  );
  await until(() => isServed(stage, shown), WAIT_MS, { describe: "the examples' objects are served" });
  for (const run of RUNNING) await stage.untilPodSeen(run, `${run}--sst2`);
}

interface Shown {
  id: string;
  status: string;
  tasks: { image?: string }[];
}

async function isServed(stage: FacadeStage, shown: string): Promise<boolean> {
  const list = (await stage.get("/v1/pipelines")).json.pipelines as Shown[];
  const states = new Map(list.map(({ id, status }) => [id, status]));
  // The tasks of all of them come from the snapshot, which has a watch of its own like everything else here.
  const areWhole = list.every(({ tasks }) => tasks.length === 2 && tasks.every(({ image }) => image !== undefined));
  const { events } = (await stage.get(`/v1/resources/${shown}--sst2/events`)).json as { events: unknown[] };
  return (
    RUNNING.every((id) => states.get(id) === "RUNNING") &&
    states.get(ENDED) === "TERMINATED" &&
    areWhole &&
    (await stage.get("/v1/jobs/sst2")).status === 200 &&
    events.length === 2
  );
}

function runningStatus(run: string, snapshot: string): PipelineStatus {
  return {
    phase: "RUNNING",
    job: "sst2",
    version: VERSION,
    snapshot,
    counts: { total: 2, waiting: 1, executing: 1, executed: 0, terminated: 0 },
    message: "waiting for sst2",
    tasks: {
      sst2: { state: "executing", attempt: 1, pod: `${run}--sst2`, startTime: "2026-01-02T03:04:06.244Z" },
      after: { state: "waiting", reason: "Dependencies", message: "waiting for sst2" },
    },
  };
}

function endedStatus(snapshot: string): PipelineStatus {
  return {
    phase: "TERMINATED",
    job: "sst2",
    version: VERSION,
    snapshot,
    completionTime: "2026-01-02T03:05:00Z",
    counts: { total: 2, waiting: 2, executing: 0, executed: 0, terminated: 0 },
    message: "cancelled by dpressel",
    tasks: { sst2: { state: "waiting", reason: "NotStarted" }, after: { state: "waiting", reason: "NotStarted" } },
  };
}
