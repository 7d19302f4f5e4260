import type { MetricOwner, OwnedEntry } from "../../../store/mlbench-metrics.ts";
import type { MlbenchCaller } from "../caller.ts";
import { ApplicationError, RefusedBody } from "../mlbench-error.ts";
import type { MetricOwners } from "./metric-owners.ts";
import { atIndex, type NamedOwner, type ReadMetrics } from "./read-metrics.ts";

/** The metrics of a body with their owners, to be stored. Throws the error of the first that is wrong, in a list with its index (M-31, M-33). */
export function postedEntries(
  { metrics, isList, refused }: ReadMetrics,
  owners: Pick<MetricOwners, "livePods" | "run">,
  caller: MlbenchCaller,
): OwnedEntry[] {
  const ownerOf = ownerFinder(owners, caller);
  const entries: OwnedEntry[] = [];
  for (const [index, { owner, entry }] of metrics.entries()) {
    try {
      const found = ownerOf(owner);
      if (entry !== undefined) entries.push({ owner: found, ...entry });
    } catch (error) {
      throw isList && error instanceof ApplicationError ? atIndex(error, index) : error;
    }
  }
  if (refused !== undefined) throw new RefusedBody(refused.status, refused.bodyText);
  return entries;
}

/** Finds the owners that metrics name; throws where there is none, or the caller may not post for it. */
function ownerFinder(
  owners: Pick<MetricOwners, "livePods" | "run">,
  caller: MlbenchCaller,
): (named: NamedOwner) => MetricOwner {
  // Looked for in one go: a list may have thousands of entries of many pods.
  let pods: Map<string, { uid: string; runId?: number }> | undefined;
  return (named) => {
    if ("runId" in named) {
      const owner: MetricOwner = `run:${runOf(named.runId, owners).id}`;
      requireOwn(caller, owner, undefined);
      return owner;
    }
    pods ??= new Map(owners.livePods().map((pod) => [pod.name, pod]));
    const pod = pods.get(named.podName);
    if (pod === undefined) throw podNotFound();
    requireOwn(caller, `pod:${pod.uid}`, pod.runId);
    return `pod:${pod.uid}`;
  };
}

/** The run whose id a text is; throws a 404 for any other text (M-24). */
export function runOf<T>(id: string, owners: { run(id: number): T | undefined }): T {
  const run = /^\d{1,15}$/.test(id.trim()) ? owners.run(Number(id)) : undefined;
  if (run === undefined) throw new ApplicationError(404, "Run not found");
  return run;
}

/** The error of M-24 about a pod. */
export function podNotFound(): ApplicationError {
  return new ApplicationError(404, "Pod not found");
}

/** A worker may post for its own run only; for others it needs a credential, like everybody (M-14). */
function requireOwn(caller: MlbenchCaller, owner: MetricOwner, runOfPod: number | undefined): void {
  if (caller.kind !== "worker" || owner === `pod:${caller.podUid}`) return;
  if (caller.runId !== undefined && (owner === `run:${caller.runId}` || runOfPod === caller.runId)) return;
  throw new ApplicationError(401, "Credentials required", {}, { headers: { "WWW-Authenticate": "Bearer" } });
}
