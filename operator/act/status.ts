import type { Pipeline, PipelineStatus } from "../../crds/generated/types.ts";
import { MAX_OBJECT_BYTES } from "../../crds/limits.ts";
import { PIPELINE } from "../../crds/resources.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { objectPath } from "../../kube/resource.ts";
import { difference, type Operation } from "./json-patch.ts";

/** What became of a status write. `stale`: somebody else wrote first, decide again on the newer object. */
export type WriteResult =
  | { kind: "unchanged" }
  | { kind: "written"; object: Pipeline; bytes: number }
  | { kind: "stale" }
  | { kind: "gone" };

function statusPath(run: Pipeline): string {
  return objectPath(PIPELINE, run.metadata.namespace, run.metadata.name, "status");
}

/**
 * Writes what differs between the run's last known status and `after`, as one JSON Patch that replaces the resourceVersion with the one we
 * decided on: the API server answers 409 if it has moved on, so nothing is overwritten blindly (F-10). Errors other than
 * conflict and absence are thrown for the queue to repeat. Each write has a number (`writes`), by which the API server's own rules tell it from a change
 * of the spec.
 */
export async function writeStatus(client: KubeClient, run: Pipeline, after: PipelineStatus): Promise<WriteResult> {
  const steps = run.status === undefined ? [] : difference(run.status, { ...after, ...countOf(run.status) }, "/status");
  if (run.status !== undefined && steps.length === 0) return { kind: "unchanged" };
  const writes = (run.status?.writes ?? 0) + 1;
  const numbered: Operation[] =
    run.status === undefined
      ? [{ op: "add", path: "/status", value: { ...after, writes } }]
      : [...steps, { op: "add", path: "/status/writes", value: writes }];
  try {
    return await patch(client, run, numbered);
  } catch (error) {
    if (!isKubeError(error, "tooLarge")) throw error;
    // The write must not be repeated as it is: it would fail for ever. A small one ends the run (F-26).
    return await patch(client, run, tooLarge(run));
  }
}

/** The number of the status that is there; it is not news, and must not look as if it had been taken away. */
function countOf({ writes }: PipelineStatus): Pick<PipelineStatus, "writes"> {
  return writes === undefined ? {} : { writes };
}

async function patch(client: KubeClient, run: Pipeline, steps: Operation[]): Promise<WriteResult> {
  const body: Operation[] = [
    { op: "replace", path: "/metadata/resourceVersion", value: run.metadata.resourceVersion },
    ...steps,
  ];
  try {
    const object = await client.patch<Pipeline>(statusPath(run), "json", body, { lane: "status" });
    return { kind: "written", object, bytes: JSON.stringify(body).length };
  } catch (error) {
    if (isKubeError(error, "conflict")) return { kind: "stale" };
    if (isKubeError(error, "notFound")) return { kind: "gone" };
    throw error;
  }
}

function tooLarge(run: Pipeline): Operation[] {
  const message = `the run's object would be larger than ${MAX_OBJECT_BYTES} bytes; use fewer or smaller tasks`;
  const op = run.status === undefined ? "add" : "replace";
  const end: PipelineStatus = {
    phase: "TERMINATED",
    reason: "StatusTooLarge",
    message,
    completionTime: new Date().toISOString(),
    writes: (run.status?.writes ?? 0) + 1,
  };
  if (op === "add") return [{ op: "add", path: "/status", value: end }];
  return Object.entries(end).map(([key, value]) => ({ op: "add", path: `/status/${key}`, value }));
}
