import type { Context } from "koa";

/** Most bytes that are read and thrown away, so that the caller hears why (C-9). */
const MAX_DROPPED_BYTES = 16 * 1024 * 1024;

/** Reads what is still coming in and drops it, as long as that is not too much: who still sends hears no answer. */
export async function dropBody(ctx: Context): Promise<void> {
  const { req } = ctx;
  const declared = Number(ctx.get("Content-Length"));
  // Whoever waits to be asked for a body sends none.
  if (req.complete || req.readableEnded || req.destroyed || ctx.get("Expect") !== "") return;
  if (declared > MAX_DROPPED_BYTES || (declared === 0 && ctx.get("Transfer-Encoding") === "")) return;
  let left = MAX_DROPPED_BYTES;
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      left -= chunk.length;
      if (left < 0) return;
    }
  } catch {
    // The caller has left; the answer that follows goes nowhere, like any other.
  }
}
