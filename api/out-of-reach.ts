import { isKubeError } from "../kube/errors.ts";
import { StoreProblem } from "../store/store-problem.ts";
import { PoolError } from "./main-file/worker-pool.ts";

/** Something that an answer rests on and that is not there now. */
export interface OutOfReach {
  what: "the store" | "the Kubernetes API" | "the threads";
  /** After which it may be there again. */
  seconds: number;
}

const RETRY_SECONDS = 5;
const TRANSIENT: ReadonlySet<string> = new Set(["transient", "throttled", "quota", "aborted"]);

/** What was out of reach when this was thrown; undefined for anything else, such as a fault of ours. */
export function outOfReach(thrown: unknown): OutOfReach | undefined {
  if (thrown instanceof StoreProblem && thrown.kind !== "internal") {
    return { what: "the store", seconds: RETRY_SECONDS };
  }
  if (isKubeError(thrown) && (TRANSIENT.has(thrown.category) || thrown.code === 0)) {
    return { what: "the Kubernetes API", seconds: (thrown.retryAfterMs ?? RETRY_SECONDS * 1000) / 1000 };
  }
  if (thrown instanceof PoolError && thrown.failure !== "crashed") {
    return { what: "the threads", seconds: RETRY_SECONDS };
  }
  return undefined;
}
