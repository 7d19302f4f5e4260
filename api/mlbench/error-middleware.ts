import type { Middleware } from "koa";
import type { Logger } from "../../kube/logger.ts";
import { dropBody } from "../drop-body.ts";
import { ApiError, ERRORS } from "../errors.ts";
import { type OutOfReach, outOfReach } from "../out-of-reach.ts";
import { ApplicationError, MlbenchError, unavailable } from "./mlbench-error.ts";
import { replyText } from "./reply.ts";

/** Turns everything thrown below it into the errors of M-9 and M-10, never into a page. */
export function mlbenchErrors(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const error = toMlbenchError(thrown);
      logFault(logger, error, ctx.state.requestId as string | undefined);
      // Nothing else can be done once the header is out: what was sent must not look whole.
      if (ctx.headerSent) throw thrown;
      await dropBody(ctx);
      ctx.set({ ...error.headers });
      replyText(ctx, error.status, error.bodyText);
    }
  };
}

const SENTENCES: Readonly<Record<OutOfReach["what"], string>> = {
  "the store": "The store is out of reach; try again in a moment",
  "the Kubernetes API": "The Kubernetes API is out of reach; try again in a moment",
  "the threads": "Too much is being read at once; try again in a moment",
};

/** The one place that turns what was thrown into an error of this API. What it does not know is a fault of ours. */
export function toMlbenchError(thrown: unknown): MlbenchError {
  if (thrown instanceof MlbenchError) return thrown;
  const missing = outOfReach(thrown);
  if (missing !== undefined) return unavailable(SENTENCES[missing.what], missing.seconds, thrown);
  // What both families share says of itself what is wrong: too many logins, or too much to do.
  if (thrown instanceof ApiError && thrown.code !== "Internal") {
    return new ApplicationError(ERRORS[thrown.code].status, thrown.message, {}, { headers: thrown.headers });
  }
  return new ApplicationError(500, "Something went wrong in the server; its log says what", {}, { cause: thrown });
}

/** A fault is logged with its stack, and what is not there now in a line. */
function logFault(logger: Logger, { status, cause }: MlbenchError, requestId: string | undefined): void {
  if (cause === undefined) return;
  if (status === 500) logger.error({ requestId, err: cause }, "request failed");
  else if (status === 503) logger.warn({ requestId, err: String(cause) }, "not available");
}
