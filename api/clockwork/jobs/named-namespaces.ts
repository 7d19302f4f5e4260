import { setTimeout as pause } from "node:timers/promises";
import type { KubeClient } from "../../../kube/client.ts";
import { NAMESPACE } from "../../../kube/core-resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { Change } from "../../../kube/object-cache.ts";
import { type KubeObject, objectPath } from "../../../kube/resource.ts";
import { type NamespaceState, projectNamespace } from "./namespace-state.ts";

/** What a Namespace says changes seldom. */
const EVERY_MS = 30_000;
const RETRY_MS = 1_000;

/**
 * Namespaces that are known by name, looked at one by one: that needs a right in each of them only, where a watch needs one in the whole cluster. One
 * that is not there, or may not be looked at, says nothing.
 */
export class NamedNamespaces {
  readonly #client: KubeClient;
  readonly #logger: Logger;
  readonly #names: readonly string[];
  readonly #known = new Map<string, NamespaceState>();
  readonly #unseen: Set<string>;
  readonly #handlers: ((change: Change<NamespaceState>) => void)[] = [];
  readonly #stopping = new AbortController();
  #following: Promise<unknown> | undefined;
  #markSynced: () => void = () => undefined;
  /** Resolves when each of them was looked at. */
  readonly synced: Promise<void>;

  constructor({ client, logger, names }: { client: KubeClient; logger: Logger; names: readonly string[] }) {
    this.#client = client;
    this.#logger = logger;
    this.#names = names;
    this.#unseen = new Set(names);
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  get hasSynced(): boolean {
    return this.#unseen.size === 0;
  }

  get(name: string): NamespaceState | undefined {
    return this.#known.get(name);
  }

  list(): Iterable<NamespaceState> {
    return this.#known.values();
  }

  onChange(handler: (change: Change<NamespaceState>) => void): void {
    this.#handlers.push(handler);
  }

  start(): void {
    this.#following ??= Promise.all(this.#names.map((name) => this.#follow(name)));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  async #follow(name: string): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const isSeen = await this.#look(name);
      if (isSeen && this.#unseen.delete(name) && this.#unseen.size === 0) this.#markSynced();
      await pause(isSeen ? EVERY_MS : RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** False where nobody answered. */
  async #look(name: string): Promise<boolean> {
    const { signal } = this.#stopping;
    try {
      const raw = await this.#client.get<KubeObject>(objectPath(NAMESPACE, undefined, name), { signal });
      this.#put(name, projectNamespace(raw));
      return true;
    } catch (error) {
      if (signal.aborted || !isKubeError(error, "notFound", "forbidden")) return false;
      if (this.#unseen.has(name))
        this.#logger.warn({ namespace: name, err: error.message }, "what the Namespace says of its pods is not known");
      return true;
    }
  }

  #put(name: string, object: NamespaceState): void {
    const previous = this.#known.get(name);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#known.set(name, object);
    for (const handler of this.#handlers)
      handler(
        previous === undefined
          ? { type: "added", key: name, object }
          : { type: "modified", key: name, object, previous },
      );
  }
}
