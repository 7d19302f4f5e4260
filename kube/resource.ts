/** Where the objects of one kind live on the API server. `group` is "" for the core group. */
export interface Resource {
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
}

/** A reference from a dependent object to the object that owns it. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** The part of `metadata` that every stored object carries; times are RFC 3339 strings as the server wrote them. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  /** Seconds; of pods: how long they may take to end. */
  deletionGracePeriodSeconds?: number;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
}

/** Any object as the API server returned it: unknown fields are kept, so it can be written back without loss. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** A page of a list, or a whole one. Items carry `apiVersion` and `kind` even where the server left them out. */
export interface KubeList<T> {
  items: T[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

/** `v1` for the core group, else `group/version`. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/**
 * Path of a collection, percent-encoded. Without a namespace it is the collection of all namespaces.
 * Throws where a namespace is given for a cluster-scoped resource.
 */
export function collectionPath(resource: Resource, namespace?: string): string {
  const { group, version, plural, namespaced } = resource;
  const prefix =
    group === ""
      ? `/api/${segment(version, "version")}`
      : `/apis/${segment(group, "group")}/${segment(version, "version")}`;
  if (namespace === undefined) return `${prefix}/${segment(plural, "plural")}`;
  if (!namespaced) throw new Error(`${plural} are cluster-scoped: leave out the namespace "${namespace}"`);
  return `${prefix}/namespaces/${segment(namespace, "namespace")}/${segment(plural, "plural")}`;
}

/**
 * Path of one object or of its subresource ("status", "log", "pods/eviction" style names are single segments).
 * Throws where the namespace is missing for a namespaced resource.
 */
export function objectPath(
  resource: Resource,
  namespace: string | undefined,
  name: string,
  subresource?: string,
): string {
  if (resource.namespaced && namespace === undefined) {
    throw new Error(`${resource.plural} are namespaced: name the namespace of "${name}"`);
  }
  const path = `${collectionPath(resource, namespace)}/${segment(name, "name")}`;
  return subresource === undefined ? path : `${path}/${segment(subresource, "subresource")}`;
}

/** Cache and queue key of an object: `namespace/name`, or `name` where it is cluster-scoped. */
export function keyOf(metadata: { namespace?: string; name: string }): string {
  return metadata.namespace === undefined || metadata.namespace === ""
    ? metadata.name
    : `${metadata.namespace}/${metadata.name}`;
}

/**
 * Order of two resource versions: negative, 0 or positive, or undefined where they cannot be compared. Kubernetes has
 * declared them to be decimal integers of any length; other servers may still hand out opaque text.
 */
export function compareResourceVersions(a: string, b: string): number | undefined {
  if (a === b) return 0;
  if (!DECIMAL.test(a) || !DECIMAL.test(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}

const DECIMAL = /^(?:0|[1-9][0-9]*)$/;

/** Refuses what would change the shape of the path: the API server's own names never need it. */
function segment(text: string, what: string): string {
  if (text === "" || text === "." || text === "..") {
    throw new Error(`"${text}" cannot be the ${what} in an API path: give a non-empty name`);
  }
  return encodeURIComponent(text);
}
