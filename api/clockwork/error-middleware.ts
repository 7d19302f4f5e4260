import type { Middleware } from "koa";
import type { Logger } from "../../kube/logger.ts";
import { dropBody } from "../drop-body.ts";
import { ApiError, ERRORS } from "../errors.ts";
import { outOfReach } from "../out-of-reach.ts";
import { ClockworkError, tooManyAttempts, unauthorized, unavailable } from "./clockwork-error.ts";
import { reply } from "./reply.ts";

/** Turns everything thrown below it into a bare JSON string (C-6). */
export function clockworkErrors(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const error = toClockworkError(thrown);
      logFault(logger, error, ctx.state.requestId as string | undefined);
      // Nothing else can be done once the header is out: what was sent must not look whole (C-5).
      if (ctx.headerSent) throw thrown;
      await dropBody(ctx);

      ctx.set({ ...error.headers });
      reply(ctx, error.message, error.status);
    }
  };
}

const RETRY_SECONDS = 5;

/** The one place that turns what was thrown into one of the errors of C-6. What it does not know is a fault of ours. */
export function toClockworkError(thrown: unknown): ClockworkError {
  if (thrown instanceof ClockworkError) return thrown;
  const missing = outOfReach(thrown);
  if (missing !== undefined) return unavailable(missing.seconds, thrown);
  if (thrown instanceof ApiError) {
    const { status } = ERRORS[thrown.code];
    const seconds = Number(thrown.headers["Retry-After"]) || RETRY_SECONDS;
    if (status === 401) return unauthorized();
    if (status === 429) return tooManyAttempts(seconds);
    if (status === 503) return unavailable(seconds, thrown);
  }
  return fault(thrown);
}

function fault(cause: unknown): ClockworkError {
  return new ClockworkError(500, "Internal error.", {}, cause);
}

/** A fault is logged with its stack, and what is not there now in a line; the texts of the contract's own 500s concern the caller alone. */
function logFault(logger: Logger, error: ClockworkError, requestId: string | undefined): void {
  const { status, cause } = error;
  if (cause === undefined) return;
  if (status === 500) logger.error({ requestId, err: cause }, "request failed");
  else if (status === 503) logger.warn({ requestId, err: String(cause) }, "not available");
}
