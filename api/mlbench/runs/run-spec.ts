import type { Pipeline, Task } from "../../../crds/generated/types.ts";
import { LABELS, MLBENCH_MANAGER, MLBENCH_VIEW } from "../../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { WORKERS } from "../../../crds/task-kinds.ts";
import type { ObjectMeta } from "../../../kube/resource.ts";
import { templateProblem } from "./command.ts";

/** A Pipeline as the API server has it. */
export type StoredPipeline = Pipeline & { metadata: ObjectMeta };

/** Name of the one task of a run (M-42). */
export const RUN_TASK = "run";

/** What a run is to do, as its Pipeline says it (M-42). */
export interface RunPlan {
  /** Name of the run, as it was sent. */
  name: string;
  workers: number;
  image: string;
  /** Template of the command (M-46). */
  template: string;
  backend: string;
  /** Whether the command is started in every worker. */
  allRanks: boolean;
  /** Whether the launcher of MPI is put before it. */
  launcher: boolean;
  gpus: number;
  lightTarget: boolean;
  /** CPU limit as a quantity. */
  cpu?: string;
  egressMbits?: number;
}

/** Longest name of a run (M-38). */
const MAX_NAME = 100;

/** Whether a text can be the name of a run (M-38). Only letters of ASCII: some others have one as their small form. */
export function isRunName(text: string): boolean {
  return text.length <= MAX_NAME && /^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$/.test(text);
}

/** The spec of a Pipeline that is a run. */
export function specOf(plan: RunPlan): Pipeline["spec"] {
  const { name, workers, image, template, backend, allRanks, launcher, gpus, lightTarget, cpu, egressMbits } = plan;
  const task: Task = {
    name: RUN_TASK,
    image,
    command: [template],
    resourceType: WORKERS,
    numWorkers: workers,
    numGpus: gpus,
    ...(cpu === undefined ? {} : { cpu: { limits: cpu } }),
    workers: { backend, allRanks, launcher, lightTarget, ...(egressMbits === undefined ? {} : { egressMbits }) },
  };
  return { managedBy: MLBENCH_MANAGER, runName: name, tasks: [task] };
}

/** The Pipeline of a new run. */
export function newPipeline(id: number, namespace: string, plan: RunPlan, user?: string): Record<string, unknown> {
  return {
    apiVersion: API_VERSION,
    kind: PIPELINE.kind,
    metadata: {
      name: objectNameOf(id),
      namespace,
      labels: { [LABELS.view]: MLBENCH_VIEW, [LABELS.mlbenchRun]: String(id) },
      finalizers: [MLBENCH_MANAGER],
    },
    spec: { ...specOf(plan), ...(user === undefined ? {} : { user: user.slice(0, 64) }) },
  };
}

/** Name of the Pipeline of a run that was posted (M-42). */
export function objectNameOf(id: number): string {
  return `mlbench-${id}j`;
}

/** The id of a run, by its label; undefined where it has none yet. */
export function runIdOf(metadata: Pick<ObjectMeta, "labels">): number | undefined {
  const text = metadata.labels?.[LABELS.mlbenchRun];
  return text !== undefined && /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : undefined;
}

/** The name of a run, whatever else its Pipeline says. */
export function runNameOf({ spec, metadata }: Pick<Pipeline, "spec" | "metadata">): string {
  return spec.runName ?? metadata.name;
}

/** Number of workers of a run, whatever else its Pipeline says. */
export function workersOf({ spec }: Pick<Pipeline, "spec">): number {
  return spec.tasks?.[0]?.numWorkers ?? 1;
}

/** What a run is to do, or why it cannot be one: a Pipeline may have been written by hand (M-43). */
export function planOf(run: Pick<Pipeline, "spec" | "metadata">): RunPlan | { problem: string } {
  const [task, ...others] = run.spec.tasks ?? [];
  if (task === undefined || others.length > 0) return { problem: "A run of MLBench has exactly one task" };
  if (task.resourceType !== WORKERS) return { problem: `The task of a run of MLBench has resourceType ${WORKERS}` };
  const name = runNameOf(run);
  if (!isRunName(name)) return { problem: `Invalid run name ${name}` };
  const template = [...task.command, ...(task.args ?? [])].join(" ");
  const wrong = templateProblem(template);
  if (wrong !== undefined) return { problem: `The command ${wrong}` };
  const { backend = "mpi", allRanks, launcher, lightTarget = false, egressMbits } = task.workers ?? {};
  const cpu = task.cpu?.limits;
  return {
    name,
    workers: workersOf(run),
    image: task.image,
    template,
    backend,
    allRanks: allRanks ?? backend !== "mpi",
    launcher: launcher ?? backend === "mpi",
    gpus: task.numGpus ?? 0,
    lightTarget,
    ...(cpu === undefined ? {} : { cpu: String(cpu) }),
    ...(egressMbits === undefined ? {} : { egressMbits }),
  };
}
