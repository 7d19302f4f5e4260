import type { Readable } from "node:stream";
import type { KubeClient } from "./client.ts";
import { POD } from "./core-resources.ts";
import { objectPath } from "./resource.ts";

/** Which part of a pod's log is read. */
export interface PodLogOptions {
  /** Needed for a pod of several containers. */
  container?: string | undefined;
  /** Last lines only. */
  lines?: number | undefined;
  /** Go on until the container ends. */
  follow?: boolean;
  signal: AbortSignal;
}

/** Opens the log of a pod through the API server, which asks the kubelet: one GET, on a connection of its own. */
export function openPodLog(
  client: KubeClient,
  namespace: string | undefined,
  pod: string,
  { container, lines, follow, signal }: PodLogOptions,
): Promise<Readable> {
  return client.stream(objectPath(POD, namespace, pod, "log"), {
    signal,
    query: { container, tailLines: lines, follow: follow || undefined },
  });
}

/** What a kubelet sends with 200, as if it were the log, for a container whose files it has removed already. */
const REMOVED = /^unable to retrieve container logs for \S+$/;

/** Whether the text stands for a log that the node does not have any more. */
export function isRemovedLog(bytes: Buffer): boolean {
  return bytes.length < 500 && REMOVED.test(bytes.toString().trim());
}
