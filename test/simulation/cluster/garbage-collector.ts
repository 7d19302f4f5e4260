import type { ApiServer } from "../api/api-server.ts";
import { keyOf } from "../api/object-store.ts";
import { RESOURCES, type ResourceFacts } from "../api/resources.ts";
import type { Stored } from "../api/stored.ts";
import type { Chance } from "../chance.ts";
import type { VirtualTime } from "../virtual-time.ts";

/** Deletes, a while later, what is owned by objects that are gone, or that never were. */
export function collectGarbage(time: VirtualTime, server: ApiServer, chance: Chance): void {
  const { store } = server;
  const uids = new Set<string>();
  const dependents = new Map<string, Set<string>>();
  const places = new Map<string, { resource: ResourceFacts; key: string }>();

  const collect = (uid: string): void => {
    const place = places.get(uid);
    const object = place && store.get(place.resource, place.key);
    if (place === undefined || object?.metadata.uid !== uid) return;
    if (object.metadata.ownerReferences?.some((owner) => uids.has(owner.uid))) return;
    const path = pathOf(place.resource, object);
    server.handle({ method: "DELETE", path, contentType: "application/json", body: undefined });
  };

  store.observe(({ type, resource, object }) => {
    const { uid, ownerReferences = [] } = object.metadata;
    if (type === "ADDED") {
      uids.add(uid);
      for (const owner of ownerReferences) {
        const known = dependents.get(owner.uid) ?? new Set();
        known.add(uid);
        dependents.set(owner.uid, known);
      }
      if (ownerReferences.length === 0) return;
      places.set(uid, { resource, key: keyOf(object.metadata) });
      if (!ownerReferences.some((owner) => uids.has(owner.uid)))
        time.after(chance.integer(100, 3_000), () => collect(uid));
    }
    if (type === "DELETED") {
      uids.delete(uid);
      places.delete(uid);
      for (const dependent of dependents.get(uid) ?? []) time.after(chance.integer(5, 3_000), () => collect(dependent));
      dependents.delete(uid);
    }
  });
}

function pathOf({ group, version, plural }: ResourceFacts, { metadata }: Stored): string {
  const prefix = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${prefix}/namespaces/${metadata.namespace}/${plural}/${metadata.name}`;
}

/** Kinds whose objects a run may leave behind. */
export const COLLECTED: readonly ResourceFacts[] = [...RESOURCES.values()].filter(
  ({ plural, namespaced }) => namespaced && !["events", "resourcequotas", "leases", "secrets"].includes(plural),
);
