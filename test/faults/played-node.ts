import type { KubeClient } from "../../kube/client.ts";
import { POD } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import { Informer } from "../../kube/informer.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";

/** A pod as far as the fault suite looks at it. */
export interface PlayedPod extends KubeObject {
  spec?: { nodeName?: string };
  status?: { phase?: string; reason?: string };
}

/** What becomes of a pod: it does well, it runs on, nothing at all, it ends with an exit code, or a status in full. */
export type Part = "succeed" | "run" | "wait" | { exitCode: number } | { status: Record<string, unknown> };

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Plays the node where none is: gives each new pod the part that `direct` says, by default that of success. Talks to the API server
 * itself and never through a proxy, and follows it through its restarts.
 */
export class PlayedNode {
  /** Decides what becomes of a new pod. */
  direct: (pod: PlayedPod) => Part = () => "succeed";
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #informer: Informer<PlayedPod>;
  readonly #played = new Set<string>();

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.#informer = new Informer<PlayedPod>({
      client,
      resource: POD,
      namespace,
      project: (raw) => raw as PlayedPod,
      logger: QUIET,
      timings: { backoff: { baseMs: 50, capMs: 500 }, livedMs: 0 },
    });
    this.#informer.onChange(({ type, object }) => {
      if (type !== "deleted") void this.#play(object);
    });
    this.#informer.start();
  }

  stop(): Promise<void> {
    return this.#informer.stop();
  }

  /** Says of a pod what a kubelet would say. */
  async set(pod: string, part: Part): Promise<void> {
    const status = statusOf(part);
    if (status === undefined) return;
    await this.#client.patch(objectPath(POD, this.#namespace, pod, "status"), "strategic", { status });
  }

  async #play({ metadata, status }: PlayedPod): Promise<void> {
    if (metadata.deletionTimestamp !== undefined || (status?.phase ?? "Pending") !== "Pending") return;
    const { uid = "", name } = metadata;
    if (this.#played.has(uid)) return;
    this.#played.add(uid);
    for (let left = 100; left > 0; left--) {
      try {
        await this.set(name, this.direct({ metadata }));
        return;
      } catch (error) {
        if (isKubeError(error, "notFound") || isKubeError(error, "aborted")) return;
        // The API server is away; a kubelet would try again too.
        await new Promise((done) => setTimeout(done, 300));
      }
    }
  }
}

function statusOf(part: Part): Record<string, unknown> | undefined {
  if (part === "wait") return undefined;
  if (part !== "succeed" && part !== "run" && "status" in part) return part.status;
  const now = new Date().toISOString();
  const container = { name: "main", image: "i", imageID: "", ready: part === "run", restartCount: 0 };
  if (part === "run") {
    return { phase: "Running", containerStatuses: [{ ...container, state: { running: { startedAt: now } } }] };
  }
  const exitCode = part === "succeed" ? 0 : part.exitCode;
  const reason = exitCode === 0 ? "Completed" : "Error";
  const terminated = { exitCode, reason, startedAt: now, finishedAt: now };
  const phase = exitCode === 0 ? "Succeeded" : "Failed";
  return { phase, containerStatuses: [{ ...container, state: { terminated } }] };
}
