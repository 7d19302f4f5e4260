import type { Registry } from "prom-client";
import { startWhenAllowed } from "../../kube/allowed.ts";
import type { KubeClient } from "../../kube/client.ts";
import { NODE, POD } from "../../kube/core-resources.ts";
import { Informer } from "../../kube/informer.ts";
import type { Logger } from "../../kube/logger.ts";
import { collectionPath } from "../../kube/resource.ts";
import { ApiError, retryAfter } from "../errors.ts";
import { type ExporterPod, projectExporterPod } from "./exporter-pod.ts";
import { type GpuMetrics, gpuMetrics } from "./gpu-metrics.ts";
import { type GpuNode, hasGpus, projectNode } from "./gpu-node.ts";
import { GpuRequests } from "./gpu-requests.ts";
import type { GpuRow } from "./gpu-row.ts";
import type { GpuSettings } from "./gpu-settings.ts";
import { NodeReadings, type ReadRow } from "./node-readings.ts";
import type { Scraped, ScrapeError } from "./scrape.ts";
import { DEFAULT_TIMINGS, Scraper, type ScraperTimings, type Target } from "./scraper.ts";
import { Targets } from "./targets.ts";

/** Construction options of `Gpus`. */
export interface GpusOptions {
  client: KubeClient;
  settings: GpuSettings;
  logger: Logger;
  registry: Registry;
  timings?: Partial<ScraperTimings>;
}

/** A node and what is known of its GPUs. */
export interface NodeGpus {
  node: GpuNode;
  rows: readonly ReadRow[];
  /** Why its exporter could not be read the last time; for everybody's eyes. */
  error?: string;
}

/** Told of what changes; called when it has. */
export interface GpusListener {
  /** A scrape of an exporter of that node brought new rows. */
  onRead?(node: string): void;
  /** Nodes, or pods of exporters, came, changed or went. */
  onNodes?(): void;
}

/**
 * Nodes and their GPUs, all read in the background and kept in memory (G-31): watches of nodes and of exporters' pods, and
 * one loop that asks the exporters. Nothing here ever waits for an exporter, and readiness does not wait for it (G-35).
 */
export class Gpus {
  /** Older readings are stale: twice the interval (G-35). */
  readonly freshMs: number;
  readonly #options: GpusOptions;
  readonly #logger: Logger;
  readonly #nodes: Informer<GpuNode>;
  readonly #exporters: readonly Informer<ExporterPod>[];
  readonly #finder: Targets;
  readonly #scraper: Scraper;
  readonly #readings = new Map<string, NodeReadings>();
  readonly #metrics: GpuMetrics;
  readonly #stopping = new AbortController();
  readonly #starting: Promise<void>[] = [];
  /** The exporters that are asked, and those of them that failed the last time. */
  #targets = new Map<string, Target>();
  #askedNodes: ReadonlySet<string> = new Set();
  readonly #bad = new Set<string>();
  readonly #listeners = new Set<GpusListener>();
  readonly #requests: GpuRequests;
  #nodesForbidden = false;
  #podsForbidden = false;
  #retargeting = false;
  #told = false;

  constructor(options: GpusOptions) {
    const { client, settings, logger, registry } = options;
    this.#options = options;
    this.#logger = logger;
    this.#requests = new GpuRequests(client);
    const intervalMs = settings.intervalMs;
    const timings = { ...DEFAULT_TIMINGS, intervalMs, ...options.timings };
    this.freshMs = 2 * timings.intervalMs;
    this.#finder = new Targets(client, settings);
    this.#nodes = new Informer({
      client,
      resource: NODE,
      project: projectNode,
      logger,
      registry,
      ...(settings.nodeSelector === undefined ? {} : { labelSelector: settings.nodeSelector }),
    });
    const selectors = settings.via === "none" ? [] : settings.selectors;
    this.#exporters = selectors.map(
      (labelSelector) =>
        new Informer({
          client,
          resource: POD,
          labelSelector,
          project: projectExporterPod,
          logger,
          registry,
          ...(settings.namespace === undefined ? {} : { namespace: settings.namespace }),
        }),
    );
    this.#metrics = gpuMetrics(registry, this.#readings, this.freshMs);
    this.#scraper = new Scraper(timings, {
      onScraped: (target, scraped, seconds) => this.#onScraped(target, scraped, seconds),
      onFailed: (target, error, seconds) => this.#onFailed(target, error, seconds),
    });
    this.#nodes.onChange(({ type, object }) => {
      this.#tellOfNodes();
      if (type === "modified") return;
      if (type === "deleted") this.#dropNode(object.metadata.name);
      this.#retargetSoon();
    });
    for (const informer of this.#exporters) {
      informer.onChange(() => {
        this.#tellOfNodes();
        this.#retargetSoon();
      });
    }
  }

  /** Begins to watch and to ask. */
  start(): void {
    const { client, settings } = this.#options;
    const { signal } = this.#stopping;
    const nodes = {
      informer: this.#nodes,
      path: collectionPath(NODE),
      onForbidden: () => {
        this.#nodesForbidden = true;
        this.#logger.warn({}, 'this server may not "list" and "watch" "nodes": GET /v1/nodes answers 503 until it may');
      },
      onAllowed: () => {
        this.#nodesForbidden = false;
      },
    };
    this.#starting.push(startWhenAllowed(client, nodes, signal));
    for (const informer of this.#exporters) {
      const pods = {
        informer,
        path: collectionPath(POD, settings.namespace),
        onForbidden: () => this.#onPodsForbidden(),
        onAllowed: () => {
          this.#podsForbidden = false;
        },
      };
      this.#starting.push(startWhenAllowed(client, pods, signal));
    }
    const synced = Promise.all([this.#nodes, ...this.#exporters].map((informer) => informer.synced));
    synced.then(
      () => {
        this.#tellOfNodes();
        this.#retargetSoon();
      },
      () => undefined,
    );
  }

  /** Tells a listener of what changes from now on; the function that is given back ends that. */
  listen(listener: GpusListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether the nodes and the pods of exporters are known as far as this server may see them. */
  get hasSynced(): boolean {
    return this.#nodes.hasSynced && (this.#podsForbidden || this.#exporters.every((informer) => informer.hasSynced));
  }

  /** Names of the nodes on which there is an exporter, whether or not it can be asked now, or was one that has been read. */
  withExporter(): Set<string> {
    const pods = this.#exporters.flatMap((informer) => [...informer.list()]).map(({ node }) => node);
    const fixed = this.#options.settings.targets.map(({ node }) => node);
    const read = [...this.#readings].filter(([, { readAt }]) => readAt !== undefined).map(([node]) => node);
    return new Set([...pods, ...fixed, ...read]);
  }

  /** What is known of the GPUs of one node; undefined while it is not known itself. */
  ofNode(name: string): NodeGpus | undefined {
    const node = this.#nodes.get(name);
    return node && this.#gpusOf(node);
  }

  /** Ends at once. What was read stays readable. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#starting);
    await Promise.all([this.#scraper.stop(), ...[this.#nodes, ...this.#exporters].map((informer) => informer.stop())]);
  }

  /**
   * The nodes of the cluster, by name, with what is known of their GPUs now. Throws an ApiError (503) while the nodes
   * themselves are not known.
   */
  nodes(): NodeGpus[] {
    if (!this.#nodes.hasSynced) {
      if (this.#nodesForbidden) {
        throw new ApiError(
          "NodesUnreadable",
          'this server lacks the right to "list" and "watch" "nodes" in the cluster',
          {
            headers: retryAfter(60),
          },
        );
      }
      throw new ApiError("NotReady", "still reading the nodes from Kubernetes; try again in a moment", {
        headers: retryAfter(2),
      });
    }
    const nodes = [...this.#nodes.list()];
    nodes.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    return nodes.map((node) => this.#gpusOf(node));
  }

  /**
   * The GPUs that a pod holds (G-37). Undefined: unknown, because the exporter of its node names no pods or has not been
   * read; that never means that it holds none.
   */
  ofPod(node: string, namespace: string, pod: string): GpuRow[] | undefined {
    const readings = this.#readings.get(node);
    if (readings === undefined || readings.rows.length === 0) return undefined;
    if (!readings.rows.every(({ attributed }) => attributed)) return undefined;
    return readings.rows
      .map(({ row }) => row)
      .filter(({ holders }) => holders.some((holder) => holder.pod === pod && holder.namespace === namespace));
  }

  /** The names of the models that the exporter of a node reports; none while it has not been read. */
  modelNames(node: string): string[] {
    const rows = this.#readings.get(node)?.rows ?? [];
    return [...new Set(rows.map(({ row }) => row.modelName))].filter((name) => name !== "");
  }

  #gpusOf(node: GpuNode): NodeGpus {
    const readings = this.#readings.get(node.metadata.name);
    const error = readings?.error ?? this.#whyUnread(node, readings);
    return {
      node,
      rows: readings?.rows ?? [],
      ...(error === undefined ? {} : { error }),
    };
  }

  /** Why there is nothing, or nothing new, although no scrape failed. */
  #whyUnread(node: GpuNode, readings: NodeReadings | undefined): string | undefined {
    if (readings?.readAt !== undefined) {
      return this.#askedNodes.has(node.metadata.name) ? undefined : "no GPU exporter is ready on this node any more";
    }
    if (!this.#podsForbidden || !hasGpus(node.capacity)) return undefined;
    return `GPU exporters cannot be found: this server may not list pods ${this.#exporterPlace}`;
  }

  get #exporterPlace(): string {
    const { namespace } = this.#options.settings;
    return namespace === undefined ? "in all namespaces" : `in the namespace ${namespace}`;
  }

  #onPodsForbidden(): void {
    if (this.#podsForbidden) return;
    this.#podsForbidden = true;
    this.#logger.warn(
      {},
      `this server may not "list" and "watch" "pods" ${this.#exporterPlace}: it finds no GPU exporters (--dcgm-via none: not wanted)`,
    );
  }

  /** Many changes that come together lead to one new list of targets. */
  #retargetSoon(): void {
    if (this.#retargeting || this.#stopping.signal.aborted) return;
    this.#retargeting = true;
    setImmediate(() => {
      this.#retargeting = false;
      if (!this.#stopping.signal.aborted) this.#retarget();
    });
  }

  #retarget(): void {
    const wanted = this.#finder
      .of(this.#exporters.flatMap((informer) => [...informer.list()]))
      .filter(({ node }) => this.#nodes.get(node) !== undefined);
    const targets = new Map(wanted.map((target) => [target.key, this.#targets.get(target.key) ?? target]));
    for (const [key, { node }] of this.#targets) {
      if (targets.has(key)) continue;
      this.#bad.delete(key);
      this.#readings.get(node)?.forget(key);
    }
    this.#targets = targets;
    this.#askedNodes = new Set(wanted.map(({ node }) => node));
    this.#scraper.setTargets([...targets.values()]);
    this.#tellOnce(targets.size);
  }

  /** Exporters may come at any time, so their absence is worth one line and no more (G-30). */
  #tellOnce(exporters: number): void {
    if (this.#told || ![this.#nodes, ...this.#exporters].every((informer) => informer.hasSynced)) return;
    this.#told = true;
    this.#logger.info(
      { exporters },
      exporters === 0 ? "no GPU exporter found: nodes show no GPUs" : "GPU exporters found",
    );
  }

  #readingsOf(node: string): NodeReadings {
    let readings = this.#readings.get(node);
    if (readings === undefined) {
      readings = new NodeReadings();
      this.#readings.set(node, readings);
    }
    return readings;
  }

  async #onScraped(target: Target, { rows, skippedLines, droppedValues }: Scraped, seconds: number): Promise<void> {
    const { key, node, name } = target;
    const readAt = performance.now();
    const attributed = await this.#requests.areAttributed(node, rows, this.#stopping.signal);
    if (!this.#isWanted(target)) return;
    this.#metrics.scraped(node, "ok", seconds);
    this.#metrics.skipped(node, skippedLines, droppedValues);
    this.#readingsOf(node).succeeded(key, { rows, readAt, attributed }, (exporter) => this.#targets.has(exporter));
    if (this.#bad.delete(key)) this.#logger.info({ node, exporter: name }, "the GPU exporter can be read again");
    for (const listener of this.#listeners) listener.onRead?.(node);
  }

  #tellOfNodes(): void {
    for (const listener of this.#listeners) listener.onNodes?.();
  }

  #onFailed(target: Target, error: ScrapeError, seconds: number): void {
    if (!this.#isWanted(target)) return;
    const { key, node, name } = target;
    this.#metrics.scraped(node, error.result, seconds);
    this.#readingsOf(node).failed(key, `the GPU exporter ${error.message}`);
    if (this.#bad.has(key)) return;
    this.#bad.add(key);
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    this.#logger.warn(
      { node, exporter: name, result: error.result, err: cause },
      `the GPU exporter ${error.message}; nothing more is said until it can be read again`,
    );
  }

  /** Whether the end of a scrape still matters: what a node brings that has just left must not bring the node back. */
  #isWanted({ key, node }: Target): boolean {
    return this.#targets.has(key) && this.#nodes.get(node) !== undefined;
  }

  /** A node that left is forgotten at once (G-35). */
  #dropNode(node: string): void {
    this.#readings.delete(node);
    this.#requests.forget(node);
    this.#metrics.forget(node);
  }
}
