import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Registry } from "prom-client";
import type { KubeClient } from "../../kube/client.ts";
import { LeaderElection, type LeaderElectionOptions } from "../../kube/lease.ts";
import type { Logger } from "../../kube/logger.ts";

/** What the election needs. */
export interface VestaLeaderOptions {
  client: KubeClient;
  /** Where the lease is. */
  namespace: string;
  /** Name of the release; all instances of it stand for one lease. */
  release: string;
  logger: Logger;
  registry?: Registry;
  lease?: Pick<LeaderElectionOptions, "leaseDurationMs" | "renewDeadlineMs" | "retryPeriodMs">;
}

/** Which of several instances writes what exporters say, watches the hosts, keeps their history and speaks to Slack (V-5): the one with the lease. */
export class VestaLeader {
  readonly #election: LeaderElection;
  readonly #listeners = new Set<(isActive: boolean) => void>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor({ client, namespace, release, logger, registry, lease }: VestaLeaderOptions) {
    const tell = (isActive: boolean): void => {
      for (const listener of this.#listeners) listener(isActive);
    };
    this.#election = new LeaderElection({
      ...{ client, namespace, logger, ...lease },
      name: `${release}-vesta`,
      identity: `${hostname()}-${randomUUID().slice(0, 8)}`,
      ...(registry === undefined ? {} : { registry }),
      onStarted: () => tell(true),
      onStopped: () => tell(false),
    });
  }

  /** Whether this instance is the one, at this moment. */
  get isActive(): boolean {
    return this.#election.isLeader();
  }

  /** Tells when this instance becomes the one, and when it is not any more; the function that is given back ends that. */
  onActive(listener: (isActive: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Stands for election. */
  start(): void {
    this.#running ??= this.#election.run(this.#stopping.signal);
  }

  /** Gives the lease up, so that the next one need not wait. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }
}
