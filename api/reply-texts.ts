import { Readable } from "node:stream";
import type { Context } from "koa";
import { PIECE_CHARACTERS, type TextPart, textPieces } from "./text-pieces.ts";

/**
 * Answers 200 with a text in constant memory. What goes wrong before its first piece is thrown, and is an error like any other; later it breaks the
 * connection, so that a text that was cut never looks whole. `texts` is ended also where the caller has left or asked for the head alone, so that it can
 * let go of what it holds. `type` is the whole header `Content-Type`.
 */
export async function replyTexts(ctx: Context, texts: AsyncGenerator<TextPart, void>, type: string): Promise<void> {
  const pieces = textPieces(texts);
  const first = await pieces.next();
  ctx.status = 200;
  if (ctx.method === "HEAD") {
    await pieces.return();
    ctx.body = "";
    ctx.remove("Content-Length");
  } else {
    const stream = Readable.from(resumed(first, pieces), { objectMode: false, highWaterMark: PIECE_CHARACTERS });
    stream.once("error", () => ctx.res.destroy());
    stream.once("close", () => void pieces.return().catch(() => undefined));
    ctx.body = stream;
  }
  ctx.set("Content-Type", type);
}

async function* resumed(
  first: IteratorResult<Buffer, void>,
  rest: AsyncGenerator<Buffer, void, void>,
): AsyncGenerator<Buffer> {
  if (first.done !== true) yield first.value;
  yield* rest;
}
