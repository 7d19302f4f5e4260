import { readFile } from "node:fs/promises";
import library, { type ResourceEvent, type ResourceMeta } from "@dot-i/k8s-operator";
import type { KubeConfig, KubernetesObject, V1CustomResourceDefinitionVersion } from "@kubernetes/client-node";
import * as yaml from "js-yaml";
import type { Registry } from "prom-client";
import type { KubeClient } from "../kube/client.ts";
import { applyDefinition } from "../kube/definition.ts";
import { isKubeError } from "../kube/errors.ts";
import { Informer } from "../kube/informer.ts";
import type { Logger } from "../kube/logger.ts";
import { type KubeObject, objectPath, type Resource } from "../kube/resource.ts";
import { type Handler, ResourceWatch, type Watched } from "./resource-watch.ts";

const { default: Operator, ResourceEventType } = library;

/** How long a stop waits for handlers that are at work (F-41). */
const DRAIN_MS = 10_000;
const ESTABLISHED_MS = 30_000;

export interface DurableOperatorOptions {
  kubeConfig: KubeConfig;
  client: KubeClient;
  /** Applies CustomResourceDefinitions: that happens before this process may be leader. Default: `client`. */
  definitionClient?: KubeClient;
  logger: Logger;
  registry: Registry;
  /** Keys of one resource that are handled at the same time. */
  workers: number;
}

/** What may be given to `watchResource` besides the inherited parameters. */
export interface WatchOptions<P extends Watched> {
  labelSelector?: string;
  fieldSelector?: string;
  /** A cache of one's own, of the resource, to use instead of one that keeps whole objects. */
  informer?: Informer<P>;
  /** Whether this process acts on a key; by default it acts on all. */
  owns?: (key: string) => boolean;
}

/**
 * The package's operator with what happens inside replaced: watches that resume, a cache, a queue per resource that repeats what failed, status writes
 * that throw, finalizers that cannot erase another's, and a stop that ends cleanly. The public shape is the package's.
 */
export abstract class DurableOperator extends Operator {
  protected readonly client: KubeClient;
  protected readonly log: Logger;
  protected readonly registry: Registry;
  readonly #workers: number;
  readonly #definitionClient: KubeClient;
  readonly #watches: ResourceWatch<Watched>[] = [];
  readonly #plurals = new Map<string, Resource>();
  #stopping: Promise<void> | undefined;

  constructor({ kubeConfig, client, definitionClient, logger, registry, workers }: DurableOperatorOptions) {
    super(adapted(logger));
    this.kubeConfig = kubeConfig;
    this.client = client;
    this.log = logger;
    this.registry = registry;
    this.#workers = workers;
    this.#definitionClient = definitionClient ?? client;
  }

  /** Registers definitions and fills the caches (`init`); handlers run from `begin` on. */
  override async start(): Promise<void> {
    await this.init();
  }

  /** Starts the handlers; called once this process may write. */
  begin(): void {
    for (const watch of this.#watches) watch.begin();
  }

  /** Ends all watches, lets running handlers finish, and resolves; never exits. A second call waits for the first. */
  override stop(): Promise<void> {
    this.#stopping ??= Promise.all(this.#watches.map((watch) => watch.stop(DRAIN_MS))).then((drained) => {
      if (drained.includes(false)) this.log.warn({ deadlineMs: DRAIN_MS }, "stopped with handlers still at work");
    });
    return this.#stopping;
  }

  /** Applies a CustomResourceDefinition, upgrading an older one, and waits until it is served. */
  protected override async registerCustomResourceDefinition(
    crdFile: string,
  ): Promise<{ group: string; versions: V1CustomResourceDefinitionVersion[]; plural: string }> {
    // Not the Kubernetes client's own loader: its typed model renames every x-kubernetes-* key, the rules among them.
    const crd = yaml.load(await readFile(crdFile, "utf8")) as {
      spec: { group: string; versions: V1CustomResourceDefinitionVersion[]; names: { plural: string } };
    };
    await applyDefinition(this.#definitionClient, crd, { deadlineMs: ESTABLISHED_MS, logger: this.log });
    return { group: crd.spec.group, versions: crd.spec.versions, plural: crd.spec.names.plural };
  }

  /** Watches a resource; resolves when its cache is filled. Events of one object collapse; a handler that throws is run again. */
  protected override async watchResource(
    group: string,
    version: string,
    plural: string,
    onEvent: (event: ResourceEvent) => Promise<void>,
    namespace?: string,
    options: WatchOptions<KubeObject> = {},
  ): Promise<void> {
    const resource: Resource = { group, version, plural, kind: "", namespaced: true };
    await this.follow<KubeObject>(
      resource,
      async ({ type, object }) => {
        const meta = metaOf(resource, object);
        const eventType = {
          added: ResourceEventType.Added,
          modified: ResourceEventType.Modified,
          deleted: ResourceEventType.Deleted,
        }[type];
        await onEvent({ meta, type: eventType, object: structuredClone(object) as unknown as KubernetesObject });
        return undefined;
      },
      namespace,
      options,
    );
  }

  /** `watchResource` for handlers that want a projection of the object, or want to be called again after a time. */
  protected async follow<P extends Watched>(
    resource: Resource,
    handler: Handler<P>,
    namespace?: string,
    options: WatchOptions<P> = {},
  ): Promise<ResourceWatch<P>> {
    const { informer: given, owns, ...selectors } = options;
    const informer =
      given ??
      new Informer<P>({
        client: this.client,
        resource,
        project: (raw) => raw as unknown as P,
        logger: this.log,
        registry: this.registry,
        ...selectors,
        ...(namespace === undefined ? {} : { namespace }),
      });
    const watch = new ResourceWatch<P>({
      resource,
      informer,
      handler,
      workers: this.#workers,
      ...(owns === undefined ? {} : { owns }),
      logger: this.log,
      registry: this.registry,
    });
    this.#watches.push(watch as unknown as ResourceWatch<Watched>);
    this.#plurals.set(resourceId(resource), resource);
    await watch.sync();
    return watch;
  }

  /** Replaces the whole status on the version that was read; null if the object is gone, everything else throws. */
  protected override async setResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta | null> {
    const { apiVersion, kind, name, namespace, resourceVersion } = meta;
    const metadata = { name, resourceVersion, ...(namespace === undefined ? {} : { namespace }) };
    return await this.#writeStatus(meta, (path) =>
      this.client.replace<KubeObject>(path, { apiVersion, kind, metadata, status }, { lane: "status" }),
    );
  }

  /** Merge patch of the status on the version that was read; null if the object is gone, everything else throws. */
  protected override async patchResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta | null> {
    const body = { metadata: { resourceVersion: meta.resourceVersion }, status };
    return await this.#writeStatus(meta, (path) =>
      this.client.patch<KubeObject>(path, "merge", body, { lane: "status" }),
    );
  }

  async #writeStatus(meta: ResourceMeta, write: (path: string) => Promise<KubeObject>): Promise<ResourceMeta | null> {
    const resource = this.#resourceOf(meta);
    try {
      return metaOf(resource, await write(objectPath(resource, meta.namespace, meta.name, "status")));
    } catch (error) {
      if (isKubeError(error, "notFound")) return null;
      throw error;
    }
  }

  /** Adds the finalizer, or runs the action and removes it; true if nothing else is to be done with the event. */
  protected override async handleResourceFinalizer(
    event: ResourceEvent,
    finalizer: string,
    deleteAction: (event: ResourceEvent) => Promise<void>,
  ): Promise<boolean> {
    const metadata = event.object.metadata ?? {};
    const finalizers = metadata.finalizers ?? [];
    if (metadata.deletionTimestamp === undefined) {
      if (finalizers.includes(finalizer)) return false;
      await this.setResourceFinalizers(event.meta, [...finalizers, finalizer]);
      return true;
    }
    if (finalizers.includes(finalizer)) {
      await deleteAction(event);
      await this.setResourceFinalizers(
        event.meta,
        finalizers.filter((other) => other !== finalizer),
      );
    }
    return true;
  }

  /** Replaces the finalizers on the version that was read: a list that somebody else changed meanwhile is not overwritten (409, thrown). */
  protected override async setResourceFinalizers(meta: ResourceMeta, finalizers: string[]): Promise<void> {
    const body = { metadata: { resourceVersion: meta.resourceVersion, finalizers } };
    try {
      await this.client.patch(objectPath(this.#resourceOf(meta), meta.namespace, meta.name), "merge", body, {
        lane: "status",
      });
    } catch (error) {
      if (!isKubeError(error, "notFound")) throw error;
    }
  }

  #resourceOf(meta: ResourceMeta): Resource {
    const resource = this.#plurals.get(meta.id);
    if (resource === undefined) throw new Error(`${meta.id} is not watched by this operator; call watchResource first`);
    return resource;
  }
}

function resourceId({ group, version, plural }: Resource): string {
  return `${plural}.${group ? `${group}/` : ""}${version}`;
}

function metaOf(resource: Resource, object: KubeObject): ResourceMeta {
  const { name, namespace, resourceVersion } = object.metadata;
  const { group, version } = resource;
  return {
    id: resourceId(resource),
    name,
    resourceVersion,
    apiVersion: object.apiVersion ?? (group ? `${group}/${version}` : version),
    kind: object.kind ?? resource.kind,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

function adapted(logger: Logger): {
  debug(m: string): void;
  info(m: string): void;
  warn(m: string): void;
  error(m: string): void;
} {
  return {
    debug: (message) => logger.debug({}, message),
    info: (message) => logger.info({}, message),
    warn: (message) => logger.warn({}, message),
    error: (message) => logger.error({}, message),
  };
}
