import type { Context } from "koa";
import { replyTexts } from "../reply-texts.ts";
import { mediaTypeOf } from "./reply.ts";

/** Answers 200 with a text in constant memory, as JSON unless another media type is given. */
export async function replyStream(ctx: Context, texts: AsyncGenerator<string, void>, type?: string): Promise<void> {
  await replyTexts(ctx, texts, type ?? mediaTypeOf(ctx));
}
