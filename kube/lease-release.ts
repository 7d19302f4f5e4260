import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "./client.ts";
import { isKubeError } from "./errors.ts";
import { inTime } from "./in-time.ts";
import { type Holder, isWrittenBy, type Lease, releasedLease } from "./lease-record.ts";

/** What is given up, and how long that may take. */
export interface Release {
  client: KubeClient;
  path: string;
  holder: Holder;
  /** As it was last written or read; undefined where that is not known and has to be read first. */
  lease: Lease | undefined;
  /** What is left for all attempts together, computed at each call. */
  leftMs: () => number;
  /** Pause after an attempt that failed. */
  pauseMs: number;
}

/** A connection that hangs must leave time for another one. */
const ATTEMPT_MS = 2_500;

/**
 * Takes a holder's name off its lease, so that the next candidate need not wait. A renewal that was under way may have been carried out or not, and an
 * answer may be lost, so after any failure the lease is read again, and it is written only as long as it is the holder's; the server
 * refuses the write where somebody was faster. Resolves when the lease is not the holder's any more; rejects with what
 * failed last when the time is over, or at once where the right to it is missing.
 */
export async function releaseLease({ client, path, holder, lease, leftMs, pauseMs }: Release): Promise<void> {
  let current = lease;
  for (;;) {
    const ms = Math.min(leftMs(), ATTEMPT_MS);
    try {
      current ??= await inTime(ms, undefined, (options) => client.get<Lease>(path, options));
      if (!isWrittenBy(current, holder)) return;
      const body = releasedLease(current, new Date());
      await inTime(ms, undefined, (options) => client.replace<Lease>(path, body, options));
      return;
    } catch (error) {
      if (isKubeError(error, "notFound")) return;
      const pause = isKubeError(error, "conflict") ? 0 : pauseMs;
      if (isKubeError(error, "forbidden", "unauthorized", "invalid") || leftMs() <= pause) throw error;
      current = undefined;
      await sleep(pause);
    }
  }
}
