import { forbidden, notFound } from "./failure.ts";
import type { ObjectStore } from "./object-store.ts";
import { factsOf, type ResourceFacts } from "./resources.ts";
import type { Stored } from "./stored.ts";

const NAMESPACES = factsOf("", "namespaces");
const QUOTAS = factsOf("", "resourcequotas");
const PODS = factsOf("", "pods");

/** Refuses what the cluster does not let in: objects of namespaces that are not there or are going, pods above a quota. */
export function admit(store: ObjectStore, resource: ResourceFacts, object: Stored): void {
  const { namespace, name } = object.metadata;
  if (namespace === undefined) return;
  const home = store.get(NAMESPACES, namespace);
  if (home === undefined) throw notFound(NAMESPACES, namespace);
  if (home.status?.phase === "Terminating" || home.metadata.deletionTimestamp !== undefined) {
    const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const causes = [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ];
    throw forbidden(resource, name, message, { causes });
  }
  if (resource !== PODS) return;
  for (const quota of store.list(QUOTAS, namespace)) {
    const hard = (quota.status?.hard as Record<string, string> | undefined)?.pods;
    if (hard === undefined) continue;
    const used = store.list(PODS, namespace, isLive).length;
    if (used + 1 <= Number(hard)) continue;
    const amounts = `requested: pods=1, used: pods=${used}, limited: pods=${hard}`;
    throw forbidden(resource, name, `exceeded quota: ${quota.metadata.name}, ${amounts}`);
  }
}

/** Pods that have ended do not count. */
function isLive({ status }: Stored): boolean {
  return status?.phase !== "Succeeded" && status?.phase !== "Failed";
}
