import { shardOf } from "../../kube/shard.ts";
import type { AuditedRequest } from "./audit-log.ts";

/** What the oracle has to know besides the requests. */
export interface LeaseOracleOptions {
  shards: number;
  namespace: string;
  /** Seconds for which others leave a lease alone, as given to the processes. */
  leaseSeconds: number;
}

/** Writes and the answer to a renewal may be under way for a moment longer on a busy machine. */
const ON_THE_WAY_MS = 3_000;

/**
 * Judges by the audit log alone that no process of several wrote without the lease of the shard (I-8): each write about a run comes from the process
 * that was the last to write the shard's lease, and not later than two thirds of the lease's duration after it did. Returns one line
 * for each write that does not; empty: all is well.
 */
export function writesWithoutLease(requests: readonly AuditedRequest[], options: LeaseOracleOptions): string[] {
  const { shards, namespace, leaseSeconds } = options;
  const holders = new Map<number, { userAgent: string; at: number }>();
  const found: string[] = [];
  for (const request of [...requests].sort((a, b) => a.at - b.at)) {
    const { verb, resource, subresource, name = "", userAgent, code, at } = request;
    if (!userAgent.startsWith("odin-operator") || !/^(create|update|patch|delete)$/.test(verb) || code >= 300) continue;
    if (resource === "leases") {
      const shard = name === "odin-operator" ? 0 : Number(/^odin-operator-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
      if (!Number.isNaN(shard)) holders.set(shard, { userAgent, at });
      continue;
    }
    const run = resource === "pipelines" ? name : resource === "pods" ? name.split("--")[0] : undefined;
    if (run === undefined || run === "") continue;
    const holder = holders.get(shardOf(`${namespace}/${run}`, shards));
    const what = `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`} ${name} by ${userAgent}`;
    if (holder === undefined) found.push(`${what}: nobody holds the shard`);
    else if (holder.userAgent !== userAgent) found.push(`${what}: ${holder.userAgent} holds the shard`);
    else if (at - holder.at > (leaseSeconds * 2_000) / 3 + ON_THE_WAY_MS)
      found.push(`${what}: ${at - holder.at} ms after its last renewal`);
  }
  return found;
}

/** Names of pods that were created more than once (I-1). */
export function podsCreatedTwice(requests: readonly AuditedRequest[]): string[] {
  const seen = new Set<string>();
  const twice: string[] = [];
  for (const { verb, resource, subresource, name = "", code } of requests) {
    if (verb !== "create" || resource !== "pods" || subresource !== undefined || code !== 201) continue;
    if (seen.has(name)) twice.push(name);
    seen.add(name);
  }
  return twice;
}
