import type { Context, Middleware } from "koa";
import { bodyBytes } from "../body-bytes.ts";
import { ByteBudget } from "../byte-budget.ts";
import { ClockworkError, unavailable } from "./clockwork-error.ts";
import type { BodyKind, RequestBody } from "./json-work/body-text.ts";
import type { JsonWork } from "./json-work/json-work.ts";

/** Most bytes of a body that reach a handler (C-9). */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Bodies that all requests together hold in memory. */
const HELD_BYTES = 8 * MAX_BODY_BYTES;

/** What a route reads of a body. */
export interface ClockworkBody {
  kind: BodyKind;
  /** Members, or fields, that it knows. */
  names: readonly string[];
}

/** The body of a request whose route reads one. */
export function bodyOf(ctx: Context): RequestBody {
  return (ctx.state.clockworkBody as RequestBody | undefined) ?? { kind: "none" };
}

/** Reads bodies in the order of C-8: size, media type, syntax. All requests of an application share the memory for it. */
export function bodyReader(work: Pick<JsonWork, "body">): (wanted: ClockworkBody) => Middleware {
  const limits = { most: MAX_BODY_BYTES, budget: new ByteBudget(HELD_BYTES), tooLarge, busy: () => unavailable(5) };
  return (wanted) => async (ctx, next) => {
    const bytes = await bodyBytes(ctx, limits);
    const read = await work.body({ ...wanted, type: ctx.get("Content-Type"), bytes });
    if (read.kind === "noJson") throw new ClockworkError(400, "Expected a JSON request");
    if (read.kind === "noObject") throw new ClockworkError(400, "Expected a JSON object.");
    if (read.kind === "malformed") throw new ClockworkError(400, "Malformed JSON body.", {}, read.reason);
    ctx.state.clockworkBody = read;
    await next();
  };
}

function tooLarge(): ClockworkError {
  return new ClockworkError(413, `Request body too large: maximum ${MAX_BODY_BYTES} bytes.`);
}
