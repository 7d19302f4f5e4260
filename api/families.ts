import type { RequestListener } from "node:http";
import type { DescribeError } from "./client-errors.ts";
import { describeClockworkError, isClockworkPath } from "./clockwork/app.ts";
import { isWebsocketWish } from "./error-middleware.ts";
import { describeProblem } from "./listener.ts";
import { describeMlbenchError, isMlbenchPath } from "./mlbench/app.ts";
import type { ApiSettings } from "./settings.ts";
import { describeVestaError, isVestaPath } from "./vesta/app.ts";
import { isLivePath } from "./vesta/page/live.ts";

/** The documented APIs of the facade. */
export type ApiFamily = "odin" | "clockwork" | "mlbench" | "vesta";

/** Gives each request to the family that its path belongs to; each has its own rules and its own errors. */
export function answerBy(families: Record<ApiFamily, RequestListener>): RequestListener {
  return (request, response) => {
    const { url = "", headers } = request;
    const family = familyOf(url);
    // Clients of the engine that spoke websocket ask for one at the root and are told that it is gone (O-260). What vesta's page asks for does not come here.
    const isGone = family === "vesta" && isWebsocketWish(headers.upgrade) && !isLivePath(url);
    void families[isGone ? "odin" : family](request, response);
  };
}

/** What is told, in the form of the family of the target, of requests that reach no application. */
export function describeErrors({ mlbench, vesta }: Pick<ApiSettings, "mlbench" | "vesta">): DescribeError {
  const describe = {
    odin: describeProblem,
    clockwork: describeClockworkError,
    mlbench: mlbench.enabled ? describeMlbenchError : describeProblem,
    vesta: vesta.enabled ? describeVestaError : describeProblem,
  };
  return (code, target) => describe[familyOf(target)](code);
}

function familyOf(url: string): ApiFamily {
  if (isClockworkPath(url)) return "clockwork";
  if (isMlbenchPath(url)) return "mlbench";
  return isVestaPath(url) ? "vesta" : "odin";
}
