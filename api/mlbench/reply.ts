import type { Readable } from "node:stream";
import type { Context } from "koa";
import type { MlbenchFormat } from "./route.ts";

/** Answers with a value as compact JSON, its keys in the order they have (M-6); undefined: with an empty body. */
export function reply(ctx: Context, status: number, value: unknown): void {
  if (value === undefined) {
    ctx.status = status;
    ctx.body = null;
    // Koa makes a 204 of an empty body.
    ctx.status = status;
    return;
  }
  replyText(ctx, status, JSON.stringify(value));
}

/** Answers with a value that is JSON already. */
export function replyText(ctx: Context, status: number, json: string | Readable): void {
  // First: Koa does not look then what the text might be.
  ctx.set("Content-Type", mediaTypeOf(ctx));
  ctx.body = json;
  ctx.status = status;
}

/** The media type of JSON, as the caller accepts it (M-7). */
export function mediaTypeOf(ctx: Context): "application/json" | "text/javascript" {
  return formatOf(ctx) === "text/javascript" ? "text/javascript" : "application/json";
}

/** What the answer is to be given in (M-7, M-8); JSON where that is not known yet. */
export function formatOf(ctx: Context): MlbenchFormat {
  return (ctx.state.mlbenchFormat as MlbenchFormat | undefined) ?? "json";
}
