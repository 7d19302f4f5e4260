import { setTimeout as delay } from "node:timers/promises";
import { Interrupted, LocalError, messageOf } from "./local-error.ts";

/** How `waitFor` waits. */
export interface WaitOptions {
  deadlineMs: number;
  everyMs?: number;
  /** Completes "… did not happen within N s": what was waited for. */
  what: string;
  /** Called before each try; throws to give up early (a component died, the user pressed Ctrl-C). */
  check?: () => void;
  signal?: AbortSignal | undefined;
}

/** Calls `probe` until it returns something truthy and returns that; a probe that throws counts as "not yet". */
export async function waitFor<T>(probe: () => Promise<T> | T, o: WaitOptions): Promise<NonNullable<T>> {
  const deadline = Date.now() + o.deadlineMs;
  let last = "";
  for (;;) {
    if (o.signal?.aborted) throw new Interrupted();
    o.check?.();
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      last = messageOf(error);
    }
    if (Date.now() > deadline) {
      const because = last === "" ? "" : ` (last: ${last})`;
      throw new LocalError(`${o.what} did not happen within ${Math.round(o.deadlineMs / 1000)} s${because}`);
    }
    await delay(o.everyMs ?? 100);
  }
}
