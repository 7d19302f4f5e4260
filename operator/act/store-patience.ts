import type { Logger } from "../../kube/logger.ts";
import { StoreProblem } from "../../store/store-problem.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** Leaves a store that does not work alone for a while, longer each time, and says so once. */
export class StorePatience {
  readonly #logger: Logger;
  readonly #what: string;
  readonly #onFailure: (error: unknown) => void;
  #failures = 0;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  /** `what`: what is to be stored, for messages. `onFailure` is told of each refusal. */
  constructor(logger: Logger, what = "logs", onFailure: (error: unknown) => void = () => undefined) {
    this.#logger = logger;
    this.#what = what;
    this.#onFailure = onFailure;
  }

  /** Monotonic time until which the store is to be left alone; in the past if it is not. */
  get restUntilMs(): number {
    return this.#restUntilMs;
  }

  get rests(): boolean {
    return performance.now() < this.#restUntilMs;
  }

  /** The store did something. */
  worked(): void {
    if (this.#failures > 0) this.#logger.info({}, "the store works again");
    this.#failures = 0;
    this.#restUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** The store refused something. Anything but a `StoreProblem` is a fault of ours and only logged. */
  failed(error: unknown): void {
    if (!(error instanceof StoreProblem)) {
      this.#onFailure(error);
      this.#logger.error({ err: error }, `storing ${this.#what} failed`);
      return;
    }
    if (error.kind === "closed") return;
    this.#onFailure(error);
    const details = { kind: error.kind, err: error.message };
    if (this.#failures === 0)
      this.#logger.error(details, `${this.#what} cannot be stored; runs go on, and this is tried again`);
    else this.#logger.debug(details, `${this.#what} still cannot be stored`);
    this.#restUntilMs = performance.now() + Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
  }
}
