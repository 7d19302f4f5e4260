import type { IncomingMessage } from "node:http";
import type { Context } from "koa";
import type { ByteBudget } from "./byte-budget.ts";

/** What bounds the body of a request. */
export interface BodyLimits {
  /** Most bytes of one body, declared or counted. */
  most: number;
  /** What all requests together may hold in memory. */
  budget: ByteBudget;
  /** The error for a body that is larger than `most`; `size` says how large as far as that is known: `"9000000 bytes"` or `"more"`. */
  tooLarge(size: string): Error;
  /** The error for when `budget` is used up. */
  busy(): Error;
}

/** Bytes of a body that is read without a loop over its stream, which costs more than all else about the reading of a small one. */
const SMALL = 16 * 1024;

/**
 * The body of a request as it came; empty where there is none. A caller that asked whether to send it is told to. Bytes are counted while they come, since a
 * length need not be declared, and are held against the budget until the answer is out. Rejects with one of the errors of `limits`.
 */
export async function bodyBytes(ctx: Context, limits: BodyLimits): Promise<Buffer> {
  const { most, budget } = limits;
  const declared = ctx.request.length ?? 0;
  if (declared > most) throw limits.tooLarge(`${declared} bytes`);
  if (ctx.get("Expect").toLowerCase() === "100-continue") ctx.res.writeContinue();
  const chunks: Buffer[] = [];
  let bytes = 0;
  ctx.res.once("close", () => budget.release(bytes));
  if (declared > 0 && declared <= SMALL) {
    if (!budget.take(declared)) throw limits.busy();
    bytes = declared;
    return await smallBody(ctx.req);
  }
  // Left undestroyed where the loop ends early: the answer goes out by the same connection.
  for await (const chunk of ctx.req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (bytes + chunk.length > most) throw limits.tooLarge("more");
    if (!budget.take(chunk.length)) throw limits.busy();
    bytes += chunk.length;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A body of a declared length, beyond which the parser of HTTP lets nothing pass. */
function smallBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => resolve(Buffer.concat(chunks)));
    // Where the caller has left before its end.
    request.once("error", reject);
  });
}
