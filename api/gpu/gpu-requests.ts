import type { KubeClient } from "../../kube/client.ts";
import { POD } from "../../kube/core-resources.ts";
import { collectionPath, type KubeObject } from "../../kube/resource.ts";
import { hasGpus } from "./gpu-node.ts";
import type { GpuRow } from "./gpu-row.ts";

/** From this many MiB on a GPU whose holders are unknown counts as held (O-233). */
export const HELD_FROM_MIB = 64;

/** How long one look may take, and how long its answer is believed where it changes nothing that is shown. */
const ASK_MS = 2_000;
const BELIEVED_MS = 60_000;

interface Container {
  resources?: { limits?: Record<string, unknown>; requests?: Record<string, unknown> };
}
interface RawPod extends KubeObject {
  spec?: { containers?: Container[]; initContainers?: Container[]; resourceClaims?: unknown[] };
}

/**
 * Tells whether an exporter that names no pod knows of none or cannot know (G-6, G-25): the API server is asked whether
 * pods of the node have requested GPUs.
 */
export class GpuRequests {
  readonly #client: KubeClient;
  readonly #answers = new Map<string, { requested: boolean; at: number }>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /**
   * Whether these rows of a node say which pods hold its GPUs. False also where the API server does not answer: unknown is
   * never idle (G-37). Never rejects.
   */
  async areAttributed(node: string, rows: readonly GpuRow[], stopped: AbortSignal): Promise<boolean> {
    if (rows.some(({ holders }) => holders.length > 0)) return true;
    const inUse = rows.some(({ readings }) => (readings.memoryUsed ?? HELD_FROM_MIB) >= HELD_FROM_MIB);
    const known = this.#answers.get(node);
    // That nobody has asked for them is only believed for GPUs that are not in use: a pod may just have come.
    if (known !== undefined && performance.now() - known.at < BELIEVED_MS && (known.requested || !inUse)) {
      return !known.requested;
    }
    this.#answers.delete(node);
    try {
      const requested = await podsRequestGpus(this.#client, node, stopped);
      this.#answers.set(node, { requested, at: performance.now() });
      return !requested;
    } catch {
      return false;
    }
  }

  /** Drops what is remembered of a node. */
  forget(node: string): void {
    this.#answers.delete(node);
  }
}

/** Whether a pod on the node that has not ended has asked for GPUs; one with resource claims may have. */
async function podsRequestGpus(client: KubeClient, node: string, signal: AbortSignal): Promise<boolean> {
  const { items } = await client.listPage<RawPod>(collectionPath(POD), {
    fieldSelector: `spec.nodeName=${node},status.phase!=Succeeded,status.phase!=Failed`,
    // Any version will do, so that the API server answers from its memory.
    resourceVersion: "0",
    timeoutMs: ASK_MS,
    signal,
  });
  return items.some(({ spec }) => {
    if ((spec?.resourceClaims?.length ?? 0) > 0) return true;
    const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
    return containers.some(({ resources }) => hasGpus(resources?.limits) || hasGpus(resources?.requests));
  });
}
