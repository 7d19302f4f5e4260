import type { Middleware } from "koa";
import type { Logger } from "../kube/logger.ts";
import { ApiError, ERRORS } from "./errors.ts";
import { PROBLEM_TYPE, problemDetails, toApiError } from "./problem-details.ts";

/** Turns everything thrown below it, and answers without a body, into problem documents (O-3). */
export function errorMiddleware(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      // Here rather than in Koa, which would answer in plain text for a value that cannot be written as JSON.
      if (isJsonValue(ctx.body)) ctx.body = JSON.stringify(ctx.body);
    } catch (thrown) {
      const error = toApiError(thrown);
      const requestId = ctx.state.requestId as string | undefined;
      const { status } = ERRORS[error.code];
      logServerError(logger, status, error, requestId);
      // Koa would end the connection with half an answer; nothing else can be done once the header is out.
      if (ctx.headerSent) throw thrown;
      ctx.status = status;
      ctx.set({ ...error.headers });
      ctx.body = JSON.stringify(problemDetails(error, requestId));
      ctx.type = PROBLEM_TYPE;
    }
  };
}

/** Whether a body is a value to be written as JSON, as opposed to text, bytes and streams. */
function isJsonValue(body: unknown): body is object {
  if (body === null || typeof body !== "object") return false;
  const prototype: unknown = Object.getPrototypeOf(body);
  return Array.isArray(body) || prototype === Object.prototype || prototype === null;
}

/** A fault of ours is logged with its stack; that something else is not there yet, or not now, needs none. */
function logServerError(logger: Logger, status: number, error: ApiError, requestId: string | undefined): void {
  const { code } = error;
  if (status === 500) logger.error({ requestId, code, err: error.cause ?? error }, "request failed");
  else if (code === "NotReady") logger.debug({ requestId, code, detail: error.message }, "not ready");
  else if (status > 500) logger.warn({ requestId, code, detail: error.message }, "not available");
}

/** Whether a header `Upgrade` asks for a websocket. */
export function isWebsocketWish(upgrade = ""): boolean {
  return /\bwebsocket\b/i.test(upgrade);
}

/** Refuses a change to websockets: the engine that spoke it is gone (O-260). Other upgrades are ignored, as HTTP allows. */
export const refuseWebsocket: Middleware = async (ctx, next) => {
  if (isWebsocketWish(ctx.get("Upgrade"))) {
    throw new ApiError("UpgradeRefused", "there is no websocket here; use the same operations over plain HTTP");
  }
  await next();
};
