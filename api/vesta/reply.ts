import type { Context } from "koa";

/** Media types of answers (V-18). */
export const JSON_TYPE = "application/json; charset=utf-8";
export const TEXT_TYPE = "text/plain; charset=utf-8";
export const CSV_TYPE = "text/csv; charset=utf-8";
export const HTML_TYPE = "text/html; charset=utf-8";

/** Answers with JSON, its keys in the order they have (V-18). */
export function replyJson(ctx: Context, value: unknown, status = 200): void {
  replyWith(ctx, JSON.stringify(value), JSON_TYPE, status);
}

/** Answers with text for a terminal (V-18). */
export function replyText(ctx: Context, text: string): void {
  replyWith(ctx, text, TEXT_TYPE, 200);
}

function replyWith(ctx: Context, text: string, type: string, status: number): void {
  ctx.status = status;
  ctx.body = text;
  ctx.set("Content-Type", type);
}
