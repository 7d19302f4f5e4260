import type { Pipeline, PipelineStatus } from "../../crds/generated/types.ts";
import { PIPELINE } from "../../crds/resources.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";
import type { ObservedObject } from "../decide/run.ts";
import { tooLargeEnd, tooLargeStatus } from "../decide/too-large.ts";
import { difference, type Operation } from "./json-patch.ts";

/**
 * What became of a status write. `stale`: somebody else wrote first, decide again on the newer object; `tooLarge`: nothing was written, and the
 * same would be refused for ever.
 */
export type WriteResult =
  | { kind: "unchanged" }
  | { kind: "tooLarge" }
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
 * of the spec. The answer is metadata alone; what the object is now follows from what was written.
 */
export async function writeStatus(client: KubeClient, run: Pipeline, after: PipelineStatus): Promise<WriteResult> {
  const before = run.status;
  const writes = (before?.writes ?? 0) + 1;
  const status: PipelineStatus = { ...after, writes };
  const whole: Operation[] = [{ op: "add", path: "/status", value: status }];
  try {
    if (before === undefined) return await patch(client, run, whole, status);
    // The number of the write before is not news.
    const steps = difference(before, { ...status, writes: before.writes }, "/status");
    if (steps.length === 0) return { kind: "unchanged" };
    try {
      return await patch(client, run, [...steps, { op: "add", path: "/status/writes", value: writes }], status);
    } catch (error) {
      if (!isKubeError(error, "invalid")) throw error;
      // What is stored is not quite what we know of it, as where an older definition has dropped a field: no step has to fit then.
      return await patch(client, run, whole, status);
    }
  } catch (error) {
    if (!isKubeError(error, "tooLarge")) throw error;
    return { kind: "tooLarge" };
  }
}

async function patch(
  client: KubeClient,
  run: Pipeline,
  steps: Operation[],
  status: PipelineStatus,
): Promise<WriteResult> {
  const body: Operation[] = [
    { op: "replace", path: "/metadata/resourceVersion", value: run.metadata.resourceVersion },
    ...steps,
  ];
  const encoded = Buffer.from(JSON.stringify(body));
  try {
    const { metadata } = await client.patch<KubeObject>(statusPath(run), "json", encoded, {
      lane: "status",
      answer: "metadata",
    });
    return { kind: "written", object: { ...run, metadata, status }, bytes: encoded.length };
  } catch (error) {
    if (isKubeError(error, "conflict")) return { kind: "stale" };
    if (isKubeError(error, "notFound")) return { kind: "gone" };
    throw error;
  }
}

/**
 * Ends a run whose status the API server takes for too large (F-26, F-27): with what became of each task where that fits, else with one small write,
 * which leaves the records as they are. What still runs is to be stopped before; `objects`: the run's, as they were then.
 */
export async function writeTooLarge(
  client: KubeClient,
  run: Pipeline,
  objects: readonly ObservedObject[],
): Promise<WriteResult> {
  const now = client.clock.now();
  const told = tooLargeStatus(run, objects, now);
  const result = told && (await writeStatus(client, run, told));
  if (result !== undefined && result.kind !== "tooLarge") return result;
  const end: PipelineStatus = { ...tooLargeEnd(run, now), writes: (run.status?.writes ?? 0) + 1 };
  const steps: Operation[] =
    run.status === undefined
      ? [{ op: "add", path: "/status", value: end }]
      : Object.entries(end).map(([key, value]) => ({ op: "add", path: `/status/${key}`, value }));
  return await patch(client, run, steps, { ...run.status, ...end });
}
