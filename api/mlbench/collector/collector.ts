import type { Logger } from "../../../kube/logger.ts";
import type { MlbenchMetrics, OwnedEntry } from "../../../store/mlbench-metrics.ts";
import { momentAt } from "../dates.ts";
import { CadvisorReader } from "./cadvisor.ts";
import type { CollectedPod } from "./collected-pod.ts";
import { type KubeletAccess, readKubelet } from "./kubelet.ts";
import { summaryEntries } from "./kubelet-summary.ts";

/** A worker pod that is on a node. */
export interface PodOnNode extends CollectedPod {
  /** Address of its node. */
  hostIp: string;
}

/** What the collector is made of. */
export interface CollectorParts {
  /** The live worker pods; those without a node's address are passed over. */
  pods: () => readonly PodOnNode[];
  metrics: Pick<MlbenchMetrics, "addNewer">;
  /** Whether this process is the one that collects. */
  isActive: () => boolean;
  access: KubeletAccess;
  /** Between two readings; 0: nothing is read. */
  intervalMs: number;
  /** Whether cAdvisor is read too (M-63). */
  cadvisor: boolean;
  logger: Logger;
}

/** Reads, at an interval, from the kubelet of each node with worker pods what these use, and stores it (M-61 to M-63). Nodes do not wait for each other. */
export class MetricCollector {
  readonly #parts: CollectorParts;
  readonly #stopping = new AbortController();
  /** Nodes that are being read. */
  readonly #reading = new Map<string, Promise<void>>();
  /** Nodes whose last reading failed. */
  readonly #failed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  start(): void {
    const { intervalMs, access, logger } = this.#parts;
    if (intervalMs === 0 || this.#timer !== undefined) return;
    if (access.credentials.areUnchecked) {
      logger.info(
        {},
        "kubelets' certificates are not checked, and they are sent no token but that of --mlbench-kubelet-account; --mlbench-kubelet-ca names those to trust",
      );
    }
    this.#timer = setInterval(() => this.#round(), intervalMs);
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await Promise.all(this.#reading.values());
  }

  #round(): void {
    if (!this.#parts.isActive()) return;
    const byNode = new Map<string, CollectedPod[]>();
    for (const pod of this.#parts.pods()) {
      const others = byNode.get(pod.hostIp);
      if (others !== undefined) others.push(pod);
      else if (pod.hostIp !== "") byNode.set(pod.hostIp, [pod]);
    }
    for (const address of this.#failed) if (!byNode.has(address)) this.#failed.delete(address);
    for (const [address, pods] of byNode) {
      // One that hangs is not asked again before it has been given up.
      if (this.#reading.has(address)) continue;
      const reading = this.#readNode(address, pods).finally(() => this.#reading.delete(address));
      this.#reading.set(address, reading);
    }
  }

  /** Never rejects. */
  async #readNode(address: string, pods: readonly CollectedPod[]): Promise<void> {
    const { logger, cadvisor } = this.#parts;
    const readings = [this.#summary(address, pods), ...(cadvisor ? [this.#cadvisor(address, pods)] : [])];
    // Each is worth storing without the other.
    const results = await Promise.allSettled(
      readings.map(async (reading) => void (await this.#parts.metrics.addNewer(await reading))),
    );
    if (this.#stopping.signal.aborted) return;
    const failure = results.find((result) => result.status === "rejected");
    const failedBefore = this.#failed.has(address);
    if (failure === undefined) {
      this.#failed.delete(address);
      if (failedBefore) logger.info({ node: address }, "the metrics of MLBench workers are read again");
      return;
    }
    this.#failed.add(address);
    if (failedBefore) return;
    logger.warn({ node: address, err: String(failure.reason) }, "the metrics of MLBench workers could not be read");
  }

  async #summary(address: string, pods: readonly CollectedPod[]): Promise<OwnedEntry[]> {
    const pieces: Buffer[] = [];
    const { access } = this.#parts;
    await readKubelet(access, address, "/stats/summary", (piece) => pieces.push(piece), this.#stopping.signal);
    return summaryEntries(Buffer.concat(pieces).toString(), pods);
  }

  async #cadvisor(address: string, pods: readonly CollectedPod[]): Promise<OwnedEntry[]> {
    const reader = new CadvisorReader(pods, momentAt(Date.now()));
    const { access } = this.#parts;
    await readKubelet(access, address, "/metrics/cadvisor", (piece) => reader.push(piece), this.#stopping.signal);
    reader.end();
    return reader.entries;
  }
}
