import type { KubeConfig } from "@kubernetes/client-node";
import type { Registry } from "prom-client";
import { KubeClient } from "../kube/client.ts";
import { Limiter } from "../kube/limiter.ts";
import type { Logger } from "../kube/logger.ts";
import { ShardElection } from "../kube/shard-election.ts";
import { PipelineOperator, type PipelineOperatorOptions } from "./pipeline-operator.ts";

/** The leases under which several processes share the work, and who this one is among them. */
export interface LeaseOptions {
  namespace: string;
  /** Name of the lease of the first shard. */
  name: string;
  shards: number;
  identity: string;
  /** Seconds for which others leave a lease alone that is not renewed; its holder stops after two thirds of that. */
  seconds: number;
}

/** Construction options of `ElectedOperator`. */
export interface ElectedOperatorOptions {
  kubeConfig: KubeConfig;
  userAgent: string;
  /** What the requests about leases and definitions come as; by default the same. */
  leaseUserAgent?: string;
  logger: Logger;
  registry: Registry;
  /** Absent: it acts on all runs, for no other process does. */
  lease?: LeaseOptions;
  operator: Omit<
    PipelineOperatorOptions,
    "kubeConfig" | "client" | "definitionClient" | "logger" | "registry" | "shards"
  >;
}

/** How long an end in order may wait for requests that the API server does not answer. */
const LONGEST_END_MS = 9_000;

/**
 * The operator with its clients and its election, put together so that nothing is written without a lease (I-8): what a process of the operator consists of,
 * whoever starts it.
 */
export class ElectedOperator {
  /** The client that everything but leases and definitions goes through. */
  readonly client: KubeClient;
  readonly #options: ElectedOperatorOptions;
  readonly #leaseClient: KubeClient;
  readonly #operator: PipelineOperator;
  #election: ShardElection | undefined;

  constructor(options: ElectedOperatorOptions) {
    const { kubeConfig, userAgent, leaseUserAgent = userAgent, logger, registry, lease } = options;
    this.#options = options;
    this.client = new KubeClient({
      ...{ kubeConfig, userAgent, registry, logger, limiter: new Limiter() },
      ...(lease === undefined ? {} : { canWrite: () => this.#election?.holdsAny() ?? false }),
    });
    // The leases and the definitions are written before, and apart from, being leader; and renewals never wait behind other work.
    this.#leaseClient = new KubeClient({ kubeConfig, userAgent: leaseUserAgent, logger });
    this.#operator = new PipelineOperator({
      ...options.operator,
      ...{ kubeConfig, client: this.client, definitionClient: this.#leaseClient, logger, registry },
      ...(lease === undefined
        ? {}
        : { shards: { count: lease.shards, holds: (shard) => this.#election?.holds(shard) ?? false } }),
    });
  }

  /** What keeps the process from taking its share of the runs; undefined where nothing does. */
  get trouble(): string | undefined {
    return this.#election?.trouble;
  }

  /** That the other processes divide the runs into another number of shards; undefined where they do not. */
  get mismatch(): string | undefined {
    return this.#election?.mismatch;
  }

  /** Resolves when the caches are filled; nothing is written yet but definitions. */
  start(): Promise<void> {
    return this.#operator.start();
  }

  /** Works, with a lease where there are any, until `signal` aborts and what is under way has ended. Throws an Error if the lease is lost before that: the process must end then (F-33). */
  async run(signal: AbortSignal): Promise<void> {
    const { lease, logger } = this.#options;
    if (lease !== undefined) return await this.#runElected(lease, signal);
    this.#operator.begin();
    logger.info({}, "operator running");
    await aborted(signal);
  }

  /** Ends what is under way, and after nine seconds gives up what the API server has not answered by then; closes the connections. */
  async stop(): Promise<void> {
    await this.#finish();
    this.client.close();
    this.#leaseClient.close();
  }

  /** The leases are kept until nothing is under way any more: a server that does not answer must not keep them from others (F-41). */
  async #finish(): Promise<void> {
    const late = setTimeout(() => this.client.close(), LONGEST_END_MS);
    await this.#operator.stop().finally(() => clearTimeout(late));
  }

  /** Ends without waiting for anything: what is under way could not be followed by a write any more (F-33). */
  #drop(): void {
    void this.#operator.stop().catch(() => undefined);
    this.client.close();
  }

  async #runElected(lease: LeaseOptions, signal: AbortSignal): Promise<void> {
    const { logger, registry } = this.#options;
    const { namespace, name, shards, identity, seconds } = lease;
    const term = new AbortController();
    let lost: string | undefined;
    const end = (): void => {
      this.#election?.retire();
      void this.#finish().finally(() => term.abort());
    };
    signal.addEventListener("abort", end, { once: true });
    this.#election = new ShardElection({
      ...{ client: this.#leaseClient, namespace, name, shards, identity, logger, registry },
      leaseDurationMs: seconds * 1_000,
      renewDeadlineMs: (seconds * 2_000) / 3,
      retryPeriodMs: Math.min(2_000, seconds * 166),
      onTaken: (shard) => {
        this.#operator.take(shard);
        logger.info({ identity, shard }, "operator running as leader");
      },
      onYield: (shard) => this.#operator.giveUp(shard),
      onLost: (why) => {
        // What is under way cannot write any more; shards that are still held are ended in order.
        lost ??= why;
        if (this.#election?.holdsAny()) {
          end();
          return;
        }
        this.#drop();
        term.abort();
      },
    });
    logger.info({ identity, shards }, "operator standing by for a lease");
    await this.#election.run(term.signal);
    if (lost !== undefined && !signal.aborted) throw new Error(`${lost}; another process works now, so this one ends`);
  }
}

/** Resolves when a signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
