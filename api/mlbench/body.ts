import type { Context } from "koa";
import { bodyBytes } from "../body-bytes.ts";
import { ByteBudget } from "../byte-budget.ts";
import type { BodyWork } from "./body-work/body-work.ts";
import type { BodyWish, ReadBody } from "./body-work/read-body.ts";
import { Fields } from "./fields.ts";
import type { ReadMetrics } from "./metrics/read-metrics.ts";
import { type ApplicationError, RefusedBody, TransportError, unavailable } from "./mlbench-error.ts";

/** Most bytes of a body (M-9). */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** Bodies that all requests together hold in memory. */
const HELD_BYTES = 6 * MAX_BODY_BYTES;

/** Media types of bodies, on every POST (M-5). */
export const BODY_TYPES = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"] as const;

/** The fields of the body of a POST whose route wants some. */
export function fieldsOf(ctx: Context): Fields {
  const body = ctx.state.mlbenchBody as ReadBody | undefined;
  return new Fields(body?.kind === "fields" ? body.values : {});
}

/** The metrics in the body of a POST whose route wants them. */
export function metricsOf(ctx: Context): ReadMetrics {
  const body = ctx.state.mlbenchBody as ReadBody | undefined;
  if (body?.kind !== "metrics") throw new Error("the route reads no metrics");
  return body.metrics;
}

/** Reads bodies for the functions above: size, media type, syntax, in this order (M-5, M-9). All requests of an application share the memory for it. */
export function bodyReader(work: Pick<BodyWork, "do">): (ctx: Context, wish: BodyWish) => Promise<void> {
  const limits = { most: MAX_BODY_BYTES, budget: new ByteBudget(HELD_BYTES), tooLarge, busy };
  return async (ctx, wish) => {
    const bytes = await bodyBytes(ctx, limits);
    const body = { type: ctx.get("Content-Type"), encoding: ctx.get("Content-Encoding"), bytes };
    const read = await work.do({ wish, body }, bytes.length);
    if (read.kind === "refused") throw new RefusedBody(read.status, read.bodyText);
    ctx.state.mlbenchBody = read;
  };
}

function tooLarge(): TransportError {
  return new TransportError(413, "Request body too large.");
}

function busy(): ApplicationError {
  return unavailable("Too much is being posted at once; try again in a moment");
}
