import { admit } from "./admission.ts";
import {
  alreadyExists,
  expired,
  Failure,
  invalid,
  notFound,
  notThatOne,
  otherObject,
  outdated,
  unfit,
} from "./failure.ts";
import { keyOf, type ObjectStore } from "./object-store.ts";
import { DoesNotApply, jsonPatch, mergePatch } from "./patch.ts";
import { RESOURCES, type ResourceFacts } from "./resources.ts";
import { type Selector, selectorOf } from "./selector.ts";
import { copyOf, type Stored } from "./stored.ts";
import { prune, structureProblem } from "./structure.ts";

/** A request as it reaches the server. */
export interface Incoming {
  method: string;
  /** With its query. */
  path: string;
  contentType: string;
  body: Buffer | undefined;
  /** What the client takes for an answer; metadata alone, where it asks for that. */
  accept?: string;
}

/** A complete answer. */
export interface Answered {
  kind: "answer";
  code: number;
  body: unknown;
  retryAfterSeconds?: number;
}

/** A watch that was accepted: what it follows, and from where. */
export interface Watching {
  kind: "watch";
  resource: ResourceFacts;
  namespace: string | undefined;
  selector: Selector;
  /** It is told of changes after this version. */
  from: number;
  bookmarks: boolean;
  timeoutSeconds: number;
  /** What the only line says instead, where history is missing. */
  refusal?: Failure;
}

/** The bounds that the API server and etcd put on what is sent and stored. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
const MAX_GRPC_BYTES = 2 * 1024 * 1024;
const MAX_OBJECT_BYTES = 1.5 * 1024 * 1024;

interface Target {
  resource: ResourceFacts;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

/** Answers requests as kube-apiserver does, as far as an operator can tell the difference; what it does not know it refuses loudly. */
export class ApiServer {
  readonly store: ObjectStore;
  readonly #stamp: () => string;
  /** Log of each pod, by UID. */
  readonly logs = new Map<string, string>();

  constructor(store: ObjectStore, stamp: () => string) {
    this.store = store;
    this.#stamp = stamp;
  }

  /** Serves one request at once. */
  handle(incoming: Incoming): Answered | Watching {
    try {
      const answer = this.#serve(incoming);
      if (answer.kind === "answer" && incoming.accept?.includes("as=PartialObjectMetadata;"))
        return { ...answer, body: metadataOf(answer.body) };
      return answer;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const { code, retryAfterSeconds } = error;
      return {
        kind: "answer",
        code,
        body: error.status(),
        ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      };
    }
  }

  #serve(incoming: Incoming): Answered | Watching {
    const { method } = incoming;
    const url = new URL(incoming.path, "http://server");
    const discovered = method === "GET" ? discovery(url.pathname) : undefined;
    if (discovered !== undefined) return ok(discovered);
    const target = targetOf(url.pathname);
    if ((incoming.body?.length ?? 0) > MAX_REQUEST_BYTES)
      throw new Failure(413, "RequestEntityTooLarge", `Request entity too large: limit is ${MAX_REQUEST_BYTES}`);
    const { resource, name, subresource } = target;
    if (method === "GET" && name === undefined) return this.#collection(target, url.searchParams);
    if (method === "GET" && subresource === "log") return this.#log(target);
    if (method === "GET") return ok(this.#there(target));
    const body = incoming.body === undefined ? {} : (JSON.parse(incoming.body.toString("utf8")) as unknown);
    if (method === "POST" && name === undefined) return this.#create(target, body as Record<string, unknown>);
    if (method === "PUT") return ok(this.#write(target, body as Stored, false));
    if (method === "PATCH") return ok(this.#write(target, this.#patched(target, incoming.contentType, body), true));
    if (method === "DELETE" && name !== undefined) return this.#delete(target, body as DeleteBody);
    throw new Error(`the simulated API server does not know ${method} ${incoming.path} (${resource.plural})`);
  }

  #there({ resource, namespace, name = "" }: Target): Stored {
    const object = this.store.get(resource, namespace === undefined ? name : `${namespace}/${name}`);
    if (object === undefined) throw notFound(resource, name);
    return object;
  }

  #collection({ resource, namespace }: Target, query: URLSearchParams): Answered | Watching {
    const selector = selectorOf(query.get("labelSelector"), query.get("fieldSelector"));
    if (query.get("watch") === "true") return this.#watch(resource, namespace, selector, query);
    const limit = Number(query.get("limit") ?? 0) || Number.POSITIVE_INFINITY;
    const token = query.get("continue");
    const { revision, after } =
      token === null || token === "" ? { revision: this.store.revision, after: "" } : this.#page(token);
    const all = this.#at(revision, resource, namespace, selector).filter(({ metadata }) => keyOf(metadata) > after);
    const items = all.slice(0, limit);
    const last = items.at(-1);
    const rest = all.length - items.length;
    return ok({
      kind: `${resource.kind}List`,
      apiVersion: apiVersion(resource),
      metadata: {
        resourceVersion: String(revision),
        ...(rest > 0 && last !== undefined
          ? { continue: encodeToken(revision, keyOf(last.metadata)), remainingItemCount: rest }
          : {}),
      },
      items,
    });
  }

  /** What a list at an earlier version holds: today's objects with what happened since undone. */
  #at(revision: number, resource: ResourceFacts, namespace: string | undefined, selector: Selector): Stored[] {
    const objects = new Map(this.store.list(resource).map((object) => [keyOf(object.metadata), object]));
    for (const change of this.store.history(resource).toReversed()) {
      if (change.revision <= revision) break;
      const key = keyOf(change.object.metadata);
      if (change.previous === undefined) objects.delete(key);
      else objects.set(key, change.previous);
    }
    return [...objects.values()]
      .filter((object) => (namespace === undefined || object.metadata.namespace === namespace) && selector(object))
      .sort((a, b) => (keyOf(a.metadata) < keyOf(b.metadata) ? -1 : 1));
  }

  #page(token: string): { revision: number; after: string } {
    const page = decodeToken(token);
    if (page === undefined) throw new Failure(400, "BadRequest", "continue key is not valid");
    if (page.revision < this.store.compacted)
      throw expired(
        "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.",
      );
    return page;
  }

  #watch(resource: ResourceFacts, namespace: string | undefined, selector: Selector, query: URLSearchParams): Watching {
    const from = Number(query.get("resourceVersion") ?? this.store.revision);
    return {
      kind: "watch",
      resource,
      namespace,
      selector,
      from,
      bookmarks: query.get("allowWatchBookmarks") === "true",
      timeoutSeconds: Number(query.get("timeoutSeconds") ?? 1800),
      ...(from < this.store.compacted
        ? { refusal: expired(`too old resource version: ${from} (${this.store.compacted})`) }
        : {}),
    };
  }

  #log(target: Target): Answered {
    const pod = this.#there(target);
    return { kind: "answer", code: 200, body: this.logs.get(pod.metadata.uid) ?? "" };
  }

  #create({ resource, namespace }: Target, draft: Record<string, unknown>): Answered {
    const metadata = { ...(draft.metadata as Partial<Stored["metadata"]> | undefined) };
    if (metadata.name === undefined)
      throw invalid(resource, "", "metadata.name: Required value: name or generateName is required");
    const { name } = metadata;
    if (namespace !== undefined) metadata.namespace = namespace;
    const object = { apiVersion: apiVersion(resource), kind: resource.kind, ...draft, metadata } as unknown as Stored;
    if (resource.group === "odin.io") delete object.status;
    if (resource.plural === "pods") object.status = { phase: "Pending", qosClass: "BestEffort" };
    this.#judge(resource, object);
    admit(this.store, resource, object);
    const key = keyOf({ name, ...(namespace === undefined ? {} : { namespace }) });
    if (this.store.get(resource, key) !== undefined) throw alreadyExists(resource, name);
    checkSize(object);
    return { kind: "answer", code: 201, body: this.store.create(resource, object) };
  }

  #patched(target: Target, contentType: string, body: unknown): Stored {
    const draft = copyOf(this.#there(target));
    try {
      if (contentType === "application/json-patch+json") jsonPatch(draft, body as []);
      else if (contentType === "application/merge-patch+json") mergePatch(draft, body as Record<string, unknown>);
      else throw new Error(`the simulated API server does not know patches of ${contentType}`);
    } catch (error) {
      if (error instanceof DoesNotApply) throw unfit();
      throw error;
    }
    return draft;
  }

  #write(target: Target, draft: Stored, isPatch: boolean): Stored {
    const { resource, subresource, name = "" } = target;
    const current = this.#there(target);
    const { uid, resourceVersion } = draft.metadata;
    if (uid !== undefined && uid !== "" && uid !== current.metadata.uid) {
      if (isPatch) throw invalid(resource, name, `metadata.uid: Invalid value: "${uid}": field is immutable`);
      throw otherObject(resource, name, uid, current.metadata.uid);
    }
    if (resourceVersion === undefined || resourceVersion === "") {
      if (resource.versionNeeded)
        throw invalid(resource, name, "metadata.resourceVersion: Invalid value: 0: must be specified for an update");
    } else if (resourceVersion !== current.metadata.resourceVersion) {
      throw outdated(resource, name);
    }
    const next = copyOf(current);
    if (subresource === "status") {
      if (draft.status === undefined) delete next.status;
      else next.status = draft.status;
    } else {
      const { name: _name, uid: _uid, namespace: _namespace, creationTimestamp: _time, ...rest } = draft.metadata;
      const { metadata: _metadata, status, ...content } = draft;
      for (const key of Object.keys(next))
        if (key !== "metadata" && key !== "status" && !(key in content)) delete next[key];
      Object.assign(next, content);
      const { generation, deletionTimestamp, deletionGracePeriodSeconds, creationTimestamp } = current.metadata;
      next.metadata = {
        ...rest,
        name: current.metadata.name,
        uid: current.metadata.uid,
        resourceVersion: current.metadata.resourceVersion,
        creationTimestamp,
        ...(current.metadata.namespace === undefined ? {} : { namespace: current.metadata.namespace }),
        ...(generation === undefined ? {} : { generation }),
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
        ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
      };
      if (!resource.statusApart) {
        if (status === undefined) delete next.status;
        else next.status = status;
      }
    }
    this.#judge(resource, next);
    checkSize(next);
    return this.store.update(resource, next);
  }

  #judge(resource: ResourceFacts, object: Stored): void {
    if (resource.group !== "odin.io") return;
    prune(resource.plural, object);
    const problem = structureProblem(resource.plural, object);
    if (problem !== undefined) throw invalid(resource, object.metadata.name, problem);
  }

  #delete(target: Target, { preconditions, gracePeriodSeconds, propagationPolicy }: DeleteBody): Answered {
    const { resource, name = "" } = target;
    const current = this.#there(target);
    const { uid, resourceVersion } = preconditions ?? {};
    const { metadata: is } = current;
    if (uid !== undefined && uid !== is.uid) throw notThatOne(resource, name, "UID", uid, is.uid);
    if (resourceVersion !== undefined && resourceVersion !== is.resourceVersion)
      throw notThatOne(resource, name, "ResourceVersion", resourceVersion, is.resourceVersion);
    if (propagationPolicy === "Foreground") throw new Error("the simulation does not know foreground deletion");
    if (resource.plural === "namespaces") return ok(this.#endNamespace(resource, current));
    const graceSeconds = resource.plural === "pods" ? podGrace(current, gracePeriodSeconds) : 0;
    const finalizers = current.metadata.finalizers?.length ?? 0;
    if (graceSeconds > 0 || finalizers > 0) {
      const isGoing = current.metadata.deletionTimestamp !== undefined;
      const draft = copyOf(current);
      draft.metadata.deletionTimestamp ??= this.#stamp();
      draft.metadata.deletionGracePeriodSeconds = Math.min(
        graceSeconds,
        draft.metadata.deletionGracePeriodSeconds ?? graceSeconds,
      );
      return ok(isGoing && graceSeconds > 0 ? current : this.store.update(resource, draft));
    }
    const last = this.store.remove(resource, current);
    if (resource.answersDeleted) return ok(last);
    const { group, plural } = resource;
    const details = { name, ...(group === "" ? {} : { group }), kind: plural, uid: current.metadata.uid };
    return ok({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
  }

  /** A namespace lives on until it is empty; that it ever is, is not simulated. */
  #endNamespace(resource: ResourceFacts, current: Stored): Stored {
    const draft = copyOf(current);
    draft.metadata.deletionTimestamp ??= this.#stamp();
    draft.status = { ...draft.status, phase: "Terminating" };
    return this.store.update(resource, draft);
  }
}

interface DeleteBody {
  preconditions?: { uid?: string; resourceVersion?: string };
  gracePeriodSeconds?: number;
  propagationPolicy?: string;
}

/** A pod that nobody runs goes at once; another when its kubelet has stopped it. */
function podGrace({ spec, status }: Stored, asked: number | undefined): number {
  if (spec?.nodeName === undefined || status?.phase === "Succeeded" || status?.phase === "Failed") return 0;
  return asked ?? (spec.terminationGracePeriodSeconds as number | undefined) ?? 30;
}

function checkSize(object: Stored): void {
  const bytes = Buffer.byteLength(JSON.stringify(object));
  if (bytes > MAX_GRPC_BYTES)
    throw new Failure(
      500,
      undefined,
      `rpc error: code = ResourceExhausted desc = trying to send message larger than max (${bytes} vs. ${MAX_GRPC_BYTES})`,
    );
  if (bytes > MAX_OBJECT_BYTES) throw new Failure(500, undefined, "etcdserver: request is too large");
}

/** The object reduced to its metadata, as a client may ask for it; what is no object stays as it is. */
function metadataOf(body: unknown): unknown {
  const { kind, metadata } = body as Partial<Stored>;
  if (kind === undefined || kind === "Status" || metadata === undefined) return body;
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}

function ok(body: unknown): Answered {
  return { kind: "answer", code: 200, body };
}

function apiVersion({ group, version }: ResourceFacts): string {
  return group === "" ? version : `${group}/${version}`;
}

function encodeToken(revision: number, after: string): string {
  return Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: revision, start: after })).toString("base64url");
}

function decodeToken(token: string): { revision: number; after: string } | undefined {
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as { rv: number; start: string };
    return typeof rv === "number" && typeof start === "string" ? { revision: rv, after: start } : undefined;
  } catch {
    return undefined;
  }
}

/** What a client reads to learn which kinds there are. */
function discovery(path: string): unknown {
  const groups = [...new Set([...RESOURCES.values()].map(({ group }) => group))].filter((group) => group !== "");
  if (path === "/apis") {
    const list = groups.map((name) => ({ name, versions: [{ groupVersion: `${name}/v1`, version: "v1" }] }));
    return { kind: "APIGroupList", apiVersion: "v1", groups: list };
  }
  const group = /^\/apis\/([^/]+)\/v1$/.exec(path)?.[1];
  if (group === undefined) return undefined;
  const resources = [...RESOURCES.values()].filter((facts) => facts.group === group);
  return { kind: "APIResourceList", resources: resources.map(({ plural, kind }) => ({ name: plural, kind })) };
}

/** Which object or collection a path names. */
function targetOf(path: string): Target {
  const parts = path.split("/").slice(1).map(decodeURIComponent);
  const group = parts[0] === "api" ? "" : (parts[1] ?? "");
  const rest = parts.slice(parts[0] === "api" ? 2 : 3);
  const isWithin = rest[0] === "namespaces" && rest.length > 2 && rest[2] !== "status" && rest[2] !== "finalize";
  const [plural = "", name, subresource] = isWithin ? rest.slice(2) : rest;
  const resource = RESOURCES.get(`${group}/${plural}`);
  if (resource === undefined) throw new Failure(404, "NotFound", "the server could not find the requested resource");
  return { resource, namespace: isWithin ? rest[1] : undefined, name, subresource };
}
