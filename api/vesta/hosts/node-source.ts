import type { Logger } from "../../../kube/logger.ts";
import type { PresentNode } from "../../../store/vesta-hosts.ts";
import type { Gpus, NodeGpus } from "../../gpu/gpus.ts";
import { isBad } from "./host.ts";
import { nodeHostId, otherName, sanitisedName } from "./host-name.ts";
import { hostText } from "./host-text.ts";
import type { Hosts } from "./hosts.ts";
import { idleAfter } from "./idleness.ts";
import { nodePayload } from "./node-payload.ts";

/** What the source is made of. */
export interface NodeSourceParts {
  gpus: Pick<Gpus, "listen" | "hasSynced" | "withExporter" | "nodes" | "ofNode">;
  hosts: Pick<Hosts, "isSynced" | "get" | "ids" | "idle" | "noteNodes" | "noteReading" | "showNodes">;
  /** Whether this process is the one that writes (V-5). */
  isActive: () => boolean;
  /** Prints a moment of a payload. */
  stamp: (timeMs: number) => string;
  /** For which a host may be silent (V-56). */
  downAfterMs: number;
  logger: Logger;
  now?: () => number;
}

/** Changes of nodes that come together lead to one look. */
const GATHER_MS = 100;
const RETRY_MS = 2_000;

/**
 * Brings the nodes of the cluster and what their exporters say to the hosts (V-8 to V-13). Every process shows only nodes that exist; the active one writes. Nothing
 * here asks an exporter: it is told of what the one loop of all views has read.
 */
export class NodeSource {
  readonly #parts: NodeSourceParts;
  readonly #now: () => number;
  /** When the newest reading was taken that each node's host has, on the clock of `performance.now()`. */
  readonly #noted = new Map<string, number>();
  readonly #writing = new Set<string>();
  #unlisten: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isAgain = false;
  #isStopped = false;
  #isFailing = false;

  constructor(parts: NodeSourceParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  start(): void {
    this.#unlisten = this.#parts.gpus.listen({
      onRead: (node) => this.#report(node),
      onNodes: () => this.#lookSoon(GATHER_MS),
    });
    this.#lookSoon(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unlisten?.();
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Looks at all nodes, such as when this process has become the active one. */
  look(): void {
    this.#lookSoon(0);
  }

  /** Brings every reading on its way that its host does not have yet. */
  reportAll(): void {
    const { gpus } = this.#parts;
    if (gpus.hasSynced) for (const { node } of gpus.nodes()) this.#report(node.metadata.name);
  }

  #lookSoon(ms: number): void {
    if (this.#isStopped) return;
    if (this.#timer !== undefined && ms > 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#looking !== undefined) this.#isAgain = true;
      else this.#looking = this.#look();
    }, ms);
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { logger } = this.#parts;
    try {
      await this.#compare();
      if (this.#isFailing) logger.info({}, "the nodes with GPUs are stored again");
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing)
        logger.warn({ err: String(error) }, "the nodes with GPUs cannot be stored now; tried again");
      this.#isFailing = true;
      this.#lookSoon(RETRY_MS);
    } finally {
      this.#looking = undefined;
      if (this.#isAgain) this.#lookSoon(GATHER_MS);
      this.#isAgain = false;
    }
  }

  async #compare(): Promise<void> {
    const { gpus, hosts, isActive, downAfterMs } = this.#parts;
    if (!gpus.hasSynced) return;
    const nodes = gpus.nodes();
    hosts.showNodes(new Set(nodes.map(({ node }) => node.metadata.name)));
    if (!isActive()) return;
    if (!hosts.isSynced) return this.#lookSoon(RETRY_MS);
    const withExporter = gpus.withExporter();
    const wanted = new Map(
      nodes.filter((node) => isHost(node, withExporter)).map((node) => [nodeHostId(node.node.metadata.name), node]),
    );
    const present = [...wanted]
      .filter(([id, { node }]) => hosts.get(id)?.ipAddress !== hostText(node.internalIp))
      .map(([, node]) => presentNode(node));
    const gone = hosts.ids().filter((id) => hosts.get(id)?.source === "node" && !wanted.has(id));
    for (const id of gone) this.#noted.delete(id);
    if (present.length > 0 || gone.length > 0) await hosts.noteNodes(present, gone, this.#now() - downAfterMs);
    this.reportAll();
  }

  #report(name: string): void {
    const { hosts, gpus, isActive, logger } = this.#parts;
    const id = nodeHostId(name);
    if (this.#isStopped || !isActive() || this.#writing.has(id) || hosts.get(id) === undefined) return;
    const read = gpus.ofNode(name);
    const readAt = Math.max(...(read?.rows ?? []).map((row) => row.readAt));
    if (read === undefined || readAt <= (this.#noted.get(id) ?? Number.NEGATIVE_INFINITY)) return;
    // Whoever was the active one before has written what is newer.
    const { lastContactMs } = hosts.get(id) ?? {};
    const isOld = typeof lastContactMs === "number" && this.#timeOf(readAt) <= lastContactMs;
    if (isOld && lastContactMs <= this.#now()) return;
    this.#writing.add(id);
    hosts
      .noteReading(id, this.#reading(id, read, readAt))
      .then((outcome) => {
        // One that is no host any more, or not yet, is looked at again when that has changed.
        if (outcome === "ok") this.#noted.set(id, readAt);
      })
      .catch((error: unknown) => logger.debug({ node: name, err: String(error) }, "a reading is not stored yet"))
      .finally(() => this.#writing.delete(id));
  }

  #reading(id: string, { node, rows }: NodeGpus, readAt: number): Parameters<Hosts["noteReading"]>[1] {
    const { hosts, stamp, downAfterMs } = this.#parts;
    const atMs = this.#timeOf(readAt);
    const before = hosts.get(id);
    const isUnbroken =
      before !== undefined && !isBad(before.status) && atMs - (before.lastContactMs ?? 0) <= downAfterMs;
    return {
      atMs,
      payload: nodePayload({ labels: node.labels, rows }, (at) => stamp(this.#timeOf(at))),
      idle: idleAfter(rows, atMs, isUnbroken ? { since: hosts.idle(id), payload: before.payload } : NOTHING),
    };
  }

  #timeOf(readAt: number): number {
    return Math.round(this.#now() - (performance.now() - readAt));
  }
}

const NOTHING = { since: {}, payload: null };

/** Whether a node is shown: it has GPUs or parts of some, or an exporter runs there (V-8). */
function isHost({ node }: NodeGpus, withExporter: ReadonlySet<string>): boolean {
  const hasGpus = Object.entries(node.capacity).some(
    ([name, amount]) => /^nvidia\.com\/(?:gpu|mig-)/.test(name) && !/^0\D*$/.test(amount),
  );
  return hasGpus || withExporter.has(node.metadata.name);
}

function presentNode({ node }: NodeGpus): PresentNode {
  const { name } = node.metadata;
  return {
    id: nodeHostId(name),
    name,
    form: sanitisedName(name),
    ipAddress: hostText(node.internalIp),
    otherName: otherName(sanitisedName(name)),
  };
}
