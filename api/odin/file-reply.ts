import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import type { RouterContext } from "@koa/router";

/** Larger files are sent piece by piece. */
const SMALL_BYTES = 1024 * 1024;
const PIECE_BYTES = 256 * 1024;

/** Answers with bytes as they are: text where they are UTF-8 (O-52). */
export function replyWithBytes(ctx: RouterContext, bytes: Buffer): void {
  ctx.body = bytes;
  setType(ctx, isUtf8(bytes));
}

/** Answers with an open file and closes it. */
export async function replyWithFile(ctx: RouterContext, handle: FileHandle): Promise<void> {
  let streaming = false;
  try {
    const { size } = await handle.stat();
    if (size <= SMALL_BYTES) {
      replyWithBytes(ctx, await handle.readFile());
      return;
    }
    const isText = await isTextFile(handle);
    // The length is promised: what is appended meanwhile is not sent.
    ctx.body = handle.createReadStream({ start: 0, end: size - 1 });
    streaming = true;
    ctx.length = size;
    setType(ctx, isText);
  } finally {
    if (!streaming) await handle.close();
  }
}

function setType(ctx: RouterContext, isText: boolean): void {
  ctx.set("Content-Type", isText ? "text/plain; charset=utf-8" : "application/octet-stream");
  ctx.set("X-Content-Type-Options", "nosniff");
}

async function isTextFile(handle: FileHandle): Promise<boolean> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES, position);
    try {
      decoder.decode(piece.subarray(0, bytesRead), { stream: bytesRead > 0 });
    } catch {
      return false;
    }
    if (bytesRead === 0) return true;
    position += bytesRead;
  }
}
