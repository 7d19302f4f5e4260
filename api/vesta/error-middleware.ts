import type { Middleware } from "koa";
import { isKubeError } from "../../kube/errors.ts";
import type { Logger } from "../../kube/logger.ts";
import { StoreProblem } from "../../store/store-problem.ts";
import { dropBody } from "../drop-body.ts";
import { ApiError, ERRORS } from "../errors.ts";
import { replyJson } from "./reply.ts";
import { unavailable, VestaError } from "./vesta-error.ts";

/** Turns everything thrown below it into the errors of V-19, never into a page. */
export function vestaErrors(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const error = toVestaError(thrown);
      logFault(logger, error, ctx.state.requestId as string | undefined);
      // Nothing else can be done once the header is out: what was sent must not look whole.
      if (ctx.headerSent) throw thrown;
      await dropBody(ctx);
      ctx.set({ ...error.headers });
      replyJson(ctx, error.body, ctx.state.vestaAlwaysOk === true ? 200 : error.status);
    }
  };
}

const RETRY_SECONDS = 5;
const TRANSIENT = new Set(["transient", "throttled", "quota", "aborted"]);

/** The one place that turns what was thrown into an error of vesta. What it does not know is a fault of ours. */
export function toVestaError(thrown: unknown): VestaError {
  if (thrown instanceof VestaError) return thrown;
  if (thrown instanceof StoreProblem && thrown.kind !== "internal") {
    return unavailable("the store is out of reach; try again in a moment", RETRY_SECONDS, thrown);
  }
  if (isKubeError(thrown) && (TRANSIENT.has(thrown.category) || thrown.code === 0)) {
    const seconds = (thrown.retryAfterMs ?? RETRY_SECONDS * 1000) / 1000;
    return unavailable("the Kubernetes API is out of reach; try again in a moment", seconds, thrown);
  }
  // What all families share says of itself what is wrong.
  if (thrown instanceof ApiError && thrown.code !== "Internal") {
    return new VestaError(ERRORS[thrown.code].status, thrown.message, { headers: thrown.headers });
  }
  return new VestaError(500, "something went wrong in the server; its log says what", { cause: thrown });
}

/** A fault is logged with its stack, and what is not there now in a line. */
function logFault(logger: Logger, { status, cause }: VestaError, requestId: string | undefined): void {
  if (cause === undefined) return;
  if (status === 500) logger.error({ requestId, err: cause }, "request failed");
  else if (status === 503) logger.warn({ requestId, err: String(cause) }, "not available");
}
