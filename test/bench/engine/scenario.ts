import { PIPELINE } from "../../../crds/resources.ts";
import { collectionPath, type KubeObject } from "../../../kube/resource.ts";
import { type Step, silentProgress } from "../../../local/progress.ts";
import { type BenchCluster, NAMESPACE, startBenchCluster } from "./cluster.ts";
import { createFinishedRuns } from "./finished-runs.ts";
import { podsNeeded } from "./graphs.ts";
import { JobsSystem } from "./jobs-system.ts";
import { type LoadOptions, type Measurement, measure } from "./measure.ts";
import { OdinSystem } from "./odin-system.ts";
import type { Placement } from "./placement.ts";
import { PodsSystem } from "./pods-system.ts";
import { type RampStep, ramp } from "./ramp.ts";
import type { System } from "./system.ts";
import { makeTrouble, recoverySeconds } from "./trouble.ts";
import type { Workload } from "./workloads.ts";

/** What one workload on one fresh cluster showed. */
export interface Outcome {
  measurement: Measurement;
  /** From the start of the operator's process to full caches. */
  readySeconds?: number;
  /** From the trouble to the first pod created after it. */
  recoverySeconds?: number;
  /** Rates that were tried. */
  steps?: RampStep[];
  /** Size of the largest run as the API server returns it. */
  largestRunBytes?: number;
}

/** Where and how a workload is run. */
export interface ScenarioOptions {
  /** Checkout whose operator is measured. */
  root: string;
  /** A new directory for the cluster. */
  directory: string;
  placement: Placement;
  scale: number;
  step: Step;
  signal: AbortSignal;
}

const TASK_MS = [200, 400] as const;
const TIMEOUT_MS = 600_000;

/** Runs the workload on a cluster of its own, which is gone afterwards. */
export async function runScenario(workload: Workload, o: ScenarioOptions): Promise<Outcome> {
  o.step.update("starting a cluster");
  const cluster = await startBenchCluster({
    directory: o.directory,
    root: o.root,
    pods: { taskMs: TASK_MS },
    placement: o.placement,
    ...(workload.system === "jobs" ? { controller: "kube-controller-manager" as const } : {}),
    progress: silentProgress,
    signal: o.signal,
  });
  try {
    if (workload.system === "odin") return await withOperator(cluster, workload, o);
    const system = workload.system === "jobs" ? new JobsSystem(cluster) : new PodsSystem(cluster);
    try {
      return { measurement: await put(cluster, system, workload, o) };
    } finally {
      await system.stop();
    }
  } finally {
    await cluster.stop();
  }
}

async function withOperator(cluster: BenchCluster, workload: Workload, o: ScenarioOptions): Promise<Outcome> {
  const { finishedRuns } = workload;
  if (finishedRuns !== undefined) {
    await createFinishedRuns(cluster, finishedRuns, (made) => o.step.update(`${made} finished runs are there`));
  }
  const startedAt = performance.now();
  const operator = await OdinSystem.start(cluster, {
    root: o.root,
    flags: workload.operatorFlags ?? [],
    runsGoAway: workload.runsGoAway ?? false,
  });
  const readySeconds = (performance.now() - startedAt) / 1000;
  try {
    if (workload.ramp) {
      const { steps, last } = await ramp(
        (runs, perSecond) => put(cluster, operator, { ...workload, runs, pace: { perSecond } }, o),
        o.scale,
      );
      return { measurement: last, steps, readySeconds };
    }
    let trouble: Promise<number> | undefined;
    const measurement = await put(cluster, operator, workload, o, (created) => {
      if (workload.trouble === undefined || trouble !== undefined) return;
      if (created >= podsNeeded(workload.runs) / 2)
        trouble = makeTrouble(workload.trouble, cluster, operator, o.placement);
    });
    const recovered =
      workload.trouble === undefined || trouble === undefined
        ? undefined
        : recoverySeconds(workload.trouble, measurement, await trouble);
    return {
      measurement,
      readySeconds,
      largestRunBytes: await largestRun(cluster),
      ...(recovered === undefined ? {} : { recoverySeconds: recovered }),
    };
  } finally {
    await operator.stop();
  }
}

async function put(
  cluster: BenchCluster,
  system: System,
  { runs, pace }: Workload,
  { step, signal }: ScenarioOptions,
  onCreated: (created: number) => void = () => undefined,
): Promise<Measurement> {
  const options: LoadOptions = {
    pace,
    timeoutMs: TIMEOUT_MS,
    signal,
    onProgress: ({ created, ended }) => {
      step.update(`${ended} of ${podsNeeded(runs)} pods have ended`);
      onCreated(created);
    },
  };
  return await measure(cluster, system, runs, options);
}

async function largestRun({ client }: BenchCluster): Promise<number> {
  const { items } = await client.listAll<KubeObject>(collectionPath(PIPELINE, NAMESPACE));
  return Math.max(0, ...items.map((run) => Buffer.byteLength(JSON.stringify(run))));
}
