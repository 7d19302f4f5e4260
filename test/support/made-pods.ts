import { type AuditedRequest, auditedRequests } from "./audit-log.ts";
import { until } from "./deadline.ts";
import { kubectl } from "./kubectl.ts";

/** Of a request that was cut off, the line may come after the pod. */
const LOG_MS = 60_000;

/**
 * Names of the pods that the API server has made in a namespace, each as often as it was made; of those only whose name begins
 * with `prefix`. See `namesMade`.
 */
export async function podsMade(namespace: string, prefix = ""): Promise<string[]> {
  const listed = await kubectl("get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}");
  const there = listed.split(" ").filter((name) => name !== "" && name.startsWith(prefix));
  const requests = await until(
    async () => (await auditedRequests(namespace)).filter(({ resource }) => resource === "pods"),
    LOG_MS,
    {
      describe: "the audit log has a line for each pod that is there",
      accept: (all) => there.every((name) => all.some((one) => one.verb === "create" && one.name === name)),
    },
  );
  return namesMade(
    requests.filter(({ name = "" }) => name.startsWith(prefix) && name !== ""),
    there,
  );
}

/**
 * The same, of requests about pods and the names of the pods that are there. A creation whose sender was gone before the
 * answer may be done all the same, and stands in the log as a failure of the server (504), not with 201: its pod is known by
 * being there. Throws where that cannot be told: the pod was deleted, too, or is there without any creation.
 */
export function namesMade(requests: readonly AuditedRequest[], there: readonly string[]): string[] {
  const creations = requests.filter(({ verb, subresource }) => verb === "create" && subresource === undefined);
  const answered = creations.flatMap(({ name, code }) => (name !== undefined && code === 201 ? [name] : []));
  const unanswered = new Set(creations.filter(({ code }) => code < 200 || code >= 500).map(({ name }) => name));
  for (const { verb, subresource, name, code } of requests) {
    const isDeletion = verb === "delete" || subresource === "eviction";
    if (isDeletion && code < 300 && unanswered.has(name))
      throw new Error(`pod ${name} was deleted, and a creation of it not answered: one pod or two?`);
  }
  const silent = there.filter((name) => !answered.includes(name));
  const unexplained = silent.filter((name) => !unanswered.has(name));
  if (unexplained.length > 0) throw new Error(`pod ${unexplained[0]} is there, and nobody created it`);
  return [...answered, ...silent];
}
