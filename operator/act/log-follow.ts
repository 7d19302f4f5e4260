import { setTimeout as delay } from "node:timers/promises";
import type { KubeClient } from "../../kube/client.ts";
import { inTime } from "../../kube/in-time.ts";
import { NewestBytes } from "../../kube/newest-bytes.ts";
import { isRemovedLog, openPodLog } from "../../kube/pod-log.ts";
import { MAX_LOG_BYTES } from "../../store/log-archive.ts";
import type { CachedPod } from "../kinds/pod-state.ts";
import { type ReadResult, refusal, wordsOf } from "./log-read.ts";

/** No container is given longer to end than this before its log is taken as it is. */
const FOLLOW_MS = 10 * 60_000;
/** A followed log that has said nothing for so long has said what there was. */
const QUIET_MS = 150;

/** The log of a container that is being stopped, followed so that its last words are not lost. */
export class FollowedLog {
  /** How it ended. Never rejects. */
  readonly result: Promise<ReadResult>;
  readonly pod: CachedPod;
  readonly #newest = new NewestBytes(MAX_LOG_BYTES);
  #opened = false;
  #ended = false;
  #lastPieceMs = 0;

  constructor(client: KubeClient, pod: CachedPod, signal: AbortSignal) {
    this.pod = pod;
    this.result = inTime(FOLLOW_MS, signal, (bounded) => this.#follow(client, pod, bounded.signal)).finally(() => {
      this.#ended = true;
    });
  }

  /** What has been written up to now, once the node has sent it; undefined if the log has ended meanwhile, or `signal` aborts first. */
  async untilNow(signal: AbortSignal): Promise<{ bytes: Buffer; dropped: number } | undefined> {
    while (!this.#opened || performance.now() - this.#lastPieceMs < QUIET_MS) {
      if (this.#ended || signal.aborted) return undefined;
      await delay(QUIET_MS / 5, undefined, { signal }).catch(() => undefined);
    }
    return this.#ended ? undefined : this.#newest.taken();
  }

  async #follow(client: KubeClient, pod: CachedPod, signal: AbortSignal): Promise<ReadResult> {
    const { name, namespace } = pod.metadata;
    try {
      const options = { container: pod.log.container, follow: true, signal };
      const stream = await openPodLog(client, namespace, name, options);
      this.#opened = true;
      this.#lastPieceMs = performance.now();
      try {
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          this.#newest.push(chunk);
          this.#lastPieceMs = performance.now();
        }
      } catch (error) {
        return { kind: "broken", ...this.#newest.taken(), reason: wordsOf(error) };
      }
      const taken = this.#newest.taken();
      if (isRemovedLog(taken.bytes)) return { kind: "none", reason: taken.bytes.toString().trim() };
      return { kind: "whole", ...taken };
    } catch (error) {
      return refusal(error);
    }
  }
}
