import type { Registry } from "prom-client";
import { startWhenAllowed } from "../kube/allowed.ts";
import type { KubeClient } from "../kube/client.ts";
import { NODE } from "../kube/core-resources.ts";
import { Informer } from "../kube/informer.ts";
import { type KeptMetadata, keptMetadata } from "../kube/kept-metadata.ts";
import type { Logger } from "../kube/logger.ts";
import { collectionPath, type KubeObject } from "../kube/resource.ts";
import type { Trouble } from "./decide/run.ts";

/** What is kept of a node. */
interface CachedNode {
  metadata: KeptMetadata;
  /** Why it is not ready; absent while it is. */
  notReady?: string;
}

interface RawNode extends KubeObject {
  status?: { conditions?: { type?: string; status?: string; reason?: string; message?: string }[] };
}

/** Nodes that are gone and still asked about; the oldest are forgotten, which makes their time begin anew. */
const MOST_TROUBLED = 10_000;

/** Reduces a node to whether it is ready. A node that has not said so yet is new and counts as ready. */
export function projectNode(raw: KubeObject): CachedNode {
  const ready = (raw as RawNode).status?.conditions?.find(({ type }) => type === "Ready");
  const metadata = keptMetadata(raw.metadata);
  if (ready === undefined || ready.status === "True") return { metadata };
  return { metadata, notReady: ready.message || ready.reason || "it does not say why" };
}

export interface NodeWatchOptions {
  client: KubeClient;
  logger: Logger;
  registry: Registry;
}

/**
 * Which nodes are not ready or gone, and since when (F-20). The time is when this process noticed, by the API server's clock: what a node or a
 * controller on another clock writes down may be off, and to begin anew after a restart only delays. An operator that may not list nodes goes
 * on without; it is then the cluster that takes the pods of lost nodes away.
 */
export class NodeWatch {
  readonly #options: NodeWatchOptions;
  readonly #informer: Informer<CachedNode>;
  readonly #since = new Map<string, string>();
  readonly #handlers = new Set<(node: string) => void>();
  readonly #syncHandlers = new Set<() => void>();
  readonly #stopping = new AbortController();
  #starting: Promise<void> | undefined;

  constructor(options: NodeWatchOptions) {
    this.#options = options;
    this.#informer = new Informer<CachedNode>({ ...options, resource: NODE, project: projectNode });
    this.#informer.onChange(({ type, object, previous }) => {
      const isReady = type !== "deleted" && object.notReady === undefined;
      const wasReady = type !== "deleted" && previous?.notReady === undefined;
      if (isReady) this.#since.delete(object.metadata.name);
      if (isReady !== wasReady || type === "deleted")
        for (const handler of this.#handlers) handler(object.metadata.name);
    });
    this.#informer.synced.then(
      () => {
        for (const handler of this.#syncHandlers) handler();
      },
      () => undefined,
    );
  }

  /** Begins to watch as soon as that is allowed; does not wait for it. */
  start(): void {
    const { client, logger } = this.#options;
    const guarded = {
      informer: this.#informer,
      path: collectionPath(NODE, undefined),
      onForbidden: () =>
        logger.warn(
          {},
          'the operator may not "list" and "watch" "nodes": tasks on lost nodes are tried again only when the cluster takes their pods away',
        ),
      onAllowed: () => logger.info({}, "nodes are watched"),
    };
    this.#starting ??= startWhenAllowed(client, guarded, this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#starting, this.#informer.stop()]);
  }

  /** Calls `handler` with the name of each node that has become ready, is no longer so, or is gone. */
  onChange(handler: (node: string) => void): void {
    this.#handlers.add(handler);
  }

  /** Calls `handler` once all nodes are known: what was asked of a node before had no answer, and of one that was gone by then no change is told. */
  onSynced(handler: () => void): void {
    this.#syncHandlers.add(handler);
  }

  /** What is wrong with a node; undefined while nothing is, or nothing is known of nodes. */
  troubleOf(node: string): Trouble | undefined {
    if (!this.#informer.hasSynced) return undefined;
    const known = this.#informer.get(node);
    if (known !== undefined && known.notReady === undefined) return undefined;
    const message = known === undefined ? `node ${node} is gone` : `node ${node} is not ready: ${known.notReady}`;
    return { since: this.#sinceOf(node), message };
  }

  #sinceOf(node: string): string {
    const known = this.#since.get(node);
    if (known !== undefined) return known;
    const since = this.#options.client.clock.now();
    const [oldest] = this.#since.keys();
    if (oldest !== undefined && this.#since.size >= MOST_TROUBLED) this.#since.delete(oldest);
    this.#since.set(node, since);
    return since;
  }
}
