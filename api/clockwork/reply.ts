import type { Context } from "koa";
import { replyTexts } from "../reply-texts.ts";
import { jsonText } from "./json-text.ts";

/** Exactly this, without parameters (C-4). */
const TYPE = "application/json";

/** Answers with a value: compact JSON with sorted keys and a newline (C-3 to C-5). */
export function reply(ctx: Context, value: unknown, status = 200): void {
  const text = `${jsonText(value)}\n`;
  ctx.status = status;
  ctx.body = text;
  ctx.set("Content-Type", TYPE);
}

/**
 * Answers with a list in constant memory; one that was cut never looks whole (C-5). `open` and `close` are what stands around the items; the end is asked
 * for when all of them are out.
 */
export async function replyList(
  ctx: Context,
  items: AsyncIterable<unknown> | Iterable<unknown>,
  open = "[",
  close = (): string => "]",
): Promise<void> {
  await replyTexts(ctx, textsOf(items, open, close), TYPE);
}

async function* textsOf(
  items: AsyncIterable<unknown> | Iterable<unknown>,
  open: string,
  close: () => string,
): AsyncGenerator<string, void> {
  let before = open;
  for await (const item of items) {
    yield before + jsonText(item);
    before = ",";
  }
  yield `${before === open ? open : ""}${close()}\n`;
}
