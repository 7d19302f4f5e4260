import { setTimeout as sleep } from "node:timers/promises";
import type { Registry } from "prom-client";
import { LABELS, MANAGED_BY } from "../crds/names.ts";
import { TASK_KIND_FACTS, TASK_KINDS, type TaskKind, type TaskKindFacts } from "../crds/task-kinds.ts";
import type { KubeClient } from "../kube/client.ts";
import { resourceKey, servedResources } from "../kube/discovery.ts";
import { isKubeError } from "../kube/errors.ts";
import { Informer } from "../kube/informer.ts";
import type { Logger } from "../kube/logger.ts";
import type { Change } from "../kube/object-cache.ts";
import { collectionPath, type KubeObject, type Resource } from "../kube/resource.ts";
import { FORMS } from "./kinds/forms.ts";
import type { ObjectForm } from "./kinds/object-form.ts";
import { type CachedObject, projectObject } from "./kinds/object-state.ts";

/** How a kind can be run now, or why it cannot. */
export type FormChoice =
  | { kind: "form"; form: ObjectForm }
  /** The cluster does not have it: waiting does not help. */
  | { kind: "unserved"; message: string }
  /** It has it, but what happens to its objects cannot be seen. */
  | { kind: "notWatched"; message: string };

export interface KindWatchesOptions {
  client: KubeClient;
  /** The namespace to watch; undefined: all. */
  namespace: string | undefined;
  logger: Logger;
  registry: Registry;
  /** Time between two looks at what the cluster serves. */
  lookEveryMs?: number;
}

/** A definition that is applied while we run is found this soon at the latest. */
const LOOK_EVERY_MS = 30_000;
/** Looks asked for in between are this far apart. */
const LOOK_AGAIN_MS = 250;
const SYNC_WITHIN_MS = 15_000;
const SELECTOR = `${LABELS.managedBy}=${MANAGED_BY}`;

/** Everything but pods, which every cluster has and which have a cache of their own. */
const WATCHED: ReadonlyMap<string, ObjectForm> = new Map(
  TASK_KINDS.filter((kind) => kind !== "Pod").flatMap((kind) =>
    FORMS[kind].map((form) => [resourceKey(form.resource), form] as const),
  ),
);
/** Resources that a cluster has only if somebody has installed them. */
const INSTALLABLE: readonly Resource[] = [...WATCHED.values()].map(({ resource }) => resource).filter(isInstallable);

/**
 * Watches on the objects of every kind but Pod, each only while the cluster serves it: kinds come and go with the operators that are installed
 * (O-174). A kind that may not be listed is said to be so and tried again.
 */
export class KindWatches {
  readonly #options: KindWatchesOptions;
  readonly #informers = new Map<string, Informer<CachedObject>>();
  /** Why a resource that is served is not watched. */
  readonly #refused = new Map<string, string>();
  readonly #handlers = new Set<(change: Change<CachedObject>) => void>();
  readonly #stopping = new AbortController();
  #served: ReadonlySet<string> | undefined;
  #looking: Promise<void> | undefined;
  #asked: Promise<void> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: KindWatchesOptions) {
    this.#options = options;
  }

  /** Calls `handler` for each change of an object of any kind, and for its deletion when its kind is taken away. */
  onChange(handler: (change: Change<CachedObject>) => void): void {
    this.#handlers.add(handler);
  }

  /** Finds out what is served and fills the caches of that; then looks again from time to time. */
  async start(): Promise<void> {
    await this.#look();
    this.#running = this.#keepLooking(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#running, this.#looking, ...[...this.#informers.values()].map((one) => one.stop())]);
  }

  /** The form in which a task of that kind is to be run now. `Pod` is always there. */
  choose(kind: TaskKind): FormChoice {
    const refusals: string[] = [];
    for (const form of FORMS[kind]) {
      const key = resourceKey(form.resource);
      if (kind === "Pod" || this.#informers.has(key)) return { kind: "form", form };
      const refusal = this.#refused.get(key);
      if (refusal !== undefined) refusals.push(refusal);
    }
    const [refusal] = refusals;
    if (refusal !== undefined) return { kind: "notWatched", message: refusal };
    const { install }: TaskKindFacts = TASK_KIND_FACTS[kind];
    if (this.#served === undefined || install === undefined)
      return { kind: "notWatched", message: "the API server has not said yet which kinds it serves" };
    return { kind: "unserved", message: `this cluster does not serve ${kind}; install ${install}` };
  }

  /** `choose`, after another look where the answer would be a refusal: a definition may have been applied a moment ago. */
  async chooseNow(kind: TaskKind): Promise<FormChoice> {
    const choice = this.choose(kind);
    if (choice.kind === "form") return choice;
    this.#asked ??= this.#lookSoon();
    await this.#asked;
    return this.choose(kind);
  }

  /** The object at `namespace/name`, of whatever kind. */
  find(key: string, uid: string): CachedObject | undefined {
    for (const informer of this.#informers.values()) {
      const object = informer.get(key);
      if (object?.metadata.uid === uid) return object;
    }
    return undefined;
  }

  /** Takes in an object that this process has just made or read. */
  noteWritten(resource: Resource, raw: KubeObject): void {
    this.#informers.get(resourceKey(resource))?.noteWritten(raw);
  }

  async #keepLooking(signal: AbortSignal): Promise<void> {
    const { lookEveryMs = LOOK_EVERY_MS } = this.#options;
    while (!signal.aborted) {
      await sleep(lookEveryMs * (0.9 + 0.2 * Math.random()), undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.#look();
    }
  }

  /** A look that begins after the question: all who ask before it begins share it. */
  async #lookSoon(): Promise<void> {
    const pause = this.#lookedAt + LOOK_AGAIN_MS - performance.now();
    if (pause > 0) await sleep(pause, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    await this.#looking;
    this.#asked = undefined;
    await this.#look();
  }

  /** One look at a time; never rejects. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined;
      this.#lookedAt = performance.now();
    });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const { client, logger } = this.#options;
    const { signal } = this.#stopping;
    try {
      this.#served = await servedResources(client, INSTALLABLE, signal);
    } catch (error) {
      if (!signal.aborted)
        logger.warn(
          { err: error instanceof Error ? error.message : String(error) },
          "what the cluster serves is not known",
        );
    }
    if (signal.aborted) return;
    const served = this.#served ?? new Set<string>();
    await Promise.all(
      [...WATCHED].map(async ([key, form]) => {
        const isServed = served.has(key) || !isInstallable(form.resource);
        if (isServed && !this.#informers.has(key)) await this.#open(key, form);
        if (!isServed) await this.#close(key);
      }),
    );
  }

  async #open(key: string, form: ObjectForm): Promise<void> {
    const { client, namespace, logger, registry } = this.#options;
    const { resource } = form;
    const { signal } = this.#stopping;
    try {
      // An informer keeps trying whatever it is told; whether it may list at all is asked before.
      await client.listPage(collectionPath(resource, namespace), { labelSelector: SELECTOR, limit: 1, signal });
    } catch (error) {
      if (signal.aborted) return;
      const reason = isKubeError(error, "forbidden")
        ? `the operator may not list ${resource.plural}.${resource.group}; give its service account the rights to list and watch them`
        : `${resource.plural}.${resource.group} cannot be listed: ${error instanceof Error ? error.message : error}`;
      if (this.#refused.get(key) !== reason) logger.warn({ resource: key, reason }, "a kind of task is not watched");
      this.#refused.set(key, reason);
      return;
    }
    if (signal.aborted) return;
    const informer = new Informer<CachedObject>({
      client,
      resource,
      labelSelector: SELECTOR,
      project: (raw) => projectObject(form, raw),
      logger,
      registry,
      ...(namespace === undefined ? {} : { namespace }),
    });
    informer.onChange((change) => this.#tell(change));
    this.#informers.set(key, informer);
    this.#refused.delete(key);
    informer.start();
    await settled(informer.synced, SYNC_WITHIN_MS);
    logger.info({ resource: key }, "a kind of task is watched");
  }

  async #close(key: string): Promise<void> {
    this.#refused.delete(key);
    const informer = this.#informers.get(key);
    if (informer === undefined) return;
    this.#informers.delete(key);
    await informer.stop();
    this.#options.logger.info({ resource: key }, "a kind of task is no longer served");
    // Its objects went with it.
    for (const object of informer.list()) {
      const { namespace, name } = object.metadata;
      this.#tell({ type: "deleted", key: `${namespace}/${name}`, object, previous: object });
    }
  }

  #tell(change: Change<CachedObject>): void {
    for (const handler of this.#handlers) handler(change);
  }
}

function isInstallable({ group }: Resource): boolean {
  return group !== "" && group !== "batch";
}

/** Waits for the end of a promise, good or bad, but no longer than that. */
async function settled(promise: Promise<unknown>, ms: number): Promise<void> {
  const done = new AbortController();
  await Promise.race([promise, sleep(ms, undefined, { signal: done.signal })]).catch(() => undefined);
  done.abort();
}
