import type { Pipeline } from "../../crds/generated/types.ts";
import { PIPELINE } from "../../crds/resources.ts";
import { MAX_PARALLELISM } from "../../crds/run-policy.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";
import type { ClusterView, Run } from "../cache/cluster-view.ts";
import { projectRun } from "../cache/run.ts";
import { ApiError, invalid } from "../errors.ts";
import { isObjectName, pipelineUnknown } from "./ids.ts";
import type { RunHistory } from "./run-history.ts";

/** Highest and, negated, lowest priority of a run, as the CustomResourceDefinition has it. */
export const MAX_PRIORITY = 1_000_000;

/** What a caller may set of a run besides its job: as fields of a Pipeline's `spec`. */
export type RunControls = Pick<Pipeline["spec"], "suspend" | "stop" | "priority" | "parallelism">;

/** What changing a run needs. */
export interface Controller {
  client: KubeClient;
  namespace: string;
  view: ClusterView;
  history: Pick<RunHistory, "run">;
}

/** Controls that a run may be started with, from a request's `pipeline`; empty where none are given. Throws a 422 for a wrong value. */
export function launchControls(pipeline: Record<string, unknown>): RunControls {
  const suspend = flagAt(pipeline, "suspend");
  const priority = integerAt(pipeline, "priority", -MAX_PRIORITY, MAX_PRIORITY);
  const parallelism = integerAt(pipeline, "parallelism", 1, MAX_PARALLELISM);
  return {
    ...(suspend === undefined ? {} : { suspend }),
    ...(priority === undefined ? {} : { priority }),
    ...(parallelism === undefined ? {} : { parallelism }),
  };
}

/** Controls that a run that goes on may be given: those of a launch, and `stop`. Throws a 422 for a wrong value, and where there is none at all. */
export function changeControls(pipeline: Record<string, unknown>): RunControls {
  const stop = flagAt(pipeline, "stop");
  if (stop === false) throw invalid("pipeline.stop", "must be true: it cannot be taken back");
  const controls = { ...launchControls(pipeline), ...(stop === undefined ? {} : { stop }) };
  if (Object.keys(controls).length === 0)
    throw invalid("pipeline", "names nothing to change: give suspend, stop, priority or parallelism");
  return controls;
}

/**
 * Changes the controls of a run that has not ended and resolves with it, once that is stored. Throws a 404 for an unknown run and a 409 for one that has
 * ended, also where only the store still has it.
 */
export async function controlRun(
  controller: Controller,
  id: string,
  user: string,
  controls: RunControls,
): Promise<Run> {
  const { client, namespace, view, history } = controller;
  if (!isObjectName(id)) throw pipelineUnknown(id);
  const path = objectPath(PIPELINE, namespace, id);
  const run = await readRun(client, path);
  if (run === undefined) {
    if ((await history.run(id)) === undefined) throw pipelineUnknown(id);
    throw ended(id);
  }
  if (run.status?.completionTime !== undefined) throw ended(id);
  try {
    const changed = await client.patch<KubeObject & Pipeline>(path, "merge", {
      metadata: { uid: run.metadata.uid },
      spec: { ...controls, ...(controls.stop && !run.spec.stop ? { cancelledBy: user } : {}) },
    });
    view.noteRun(changed);
    return view.runOf(projectRun(changed));
  } catch (error) {
    // Deleted, or replaced by another of its name, between the two calls.
    if (isKubeError(error, "notFound", "conflict")) throw pipelineUnknown(id);
    throw error;
  }
}

async function readRun(client: KubeClient, path: string): Promise<(KubeObject & Pipeline) | undefined> {
  try {
    const run = await client.get<KubeObject & Pipeline>(path);
    return run.metadata.deletionTimestamp === undefined ? run : undefined;
  } catch (error) {
    if (isKubeError(error, "notFound")) return undefined;
    throw error;
  }
}

function ended(id: string): ApiError {
  return new ApiError("PipelineEnded", `pipeline ${id} has ended; start another run of its job instead`);
}

/** A value by its key; null and absent are the same, and keys that objects inherit do not count. */
function valueAt(pipeline: Record<string, unknown>, key: string): unknown {
  const value = Object.hasOwn(pipeline, key) ? pipeline[key] : undefined;
  return value === null ? undefined : value;
}

function flagAt(pipeline: Record<string, unknown>, key: string): boolean | undefined {
  const value = valueAt(pipeline, key);
  if (value === undefined || typeof value === "boolean") return value;
  throw invalid(`pipeline.${key}`, "must be true or false");
}

function integerAt(pipeline: Record<string, unknown>, key: string, least: number, most: number): number | undefined {
  const value = valueAt(pipeline, key);
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(`pipeline.${key}`, `must be a whole number from ${least} to ${most}`);
}
