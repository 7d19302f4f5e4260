import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { inTime } from "../../kube/in-time.ts";
import { newestBytes } from "../../kube/newest-bytes.ts";
import { isRemovedLog, openPodLog } from "../../kube/pod-log.ts";
import { MAX_LOG_BYTES } from "../../store/log-archive.ts";
import type { CachedPod } from "../kinds/pod-state.ts";

/** What became of reading a log. */
export type ReadResult =
  /** All of it, or the newest of it. */
  | { kind: "whole"; bytes: Buffer; dropped: number }
  /** It broke off; reading it again may give more. */
  | { kind: "broken"; bytes: Buffer; dropped: number; reason: string }
  /** There is none and will be none. */
  | { kind: "none"; reason: string }
  /** It cannot be read now. */
  | { kind: "later"; reason: string; retryAfterMs?: number };

/** The reason of a log that went with its pod. */
export const POD_GONE = "the pod was deleted before its log could be read";
/** Why there is no log where none was to be expected. */
export const NEVER_STARTED = "the container never started";
const READ_TIMEOUT_MS = 60_000;

/** Reads the log of a pod whose container has ended, at most its newest 5 MiB. Never throws. */
export async function readEndedLog(client: KubeClient, pod: CachedPod, signal: AbortSignal): Promise<ReadResult> {
  const { name, namespace } = pod.metadata;
  try {
    const { bytes, dropped, error } = await inTime(READ_TIMEOUT_MS, signal, async (bounded) => {
      const options = { container: pod.log.container, signal: bounded.signal };
      return newestBytes(await openPodLog(client, namespace, name, options), MAX_LOG_BYTES);
    });
    if (error !== undefined) return { kind: "broken", bytes, dropped, reason: wordsOf(error) };
    if (isRemovedLog(bytes)) return { kind: "none", reason: bytes.toString().trim() };
    return { kind: "whole", bytes, dropped };
  } catch (error) {
    return refusal(error);
  }
}

/** What a refusal means for a log that was asked for. */
export function refusal(error: unknown): ReadResult {
  const reason = wordsOf(error);
  if (isKubeError(error, "notFound")) return { kind: "none", reason: POD_GONE };
  // The kubelet knows the container and says that it has nothing: it has not run.
  if (isKubeError(error, "invalid")) return { kind: "none", reason };
  const retryAfterMs = isKubeError(error) ? error.retryAfterMs : undefined;
  return { kind: "later", reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The server's own words in a KubeError, which also names the request and the code. */
export function wordsOf(error: unknown): string {
  if (!isKubeError(error)) return "the connection broke";
  return error.message.replace(/^[A-Z]+ \/\S*: /, "").replace(/ \(HTTP [^()]*\)$/, "");
}
