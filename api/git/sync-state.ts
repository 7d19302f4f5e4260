import type { Logger } from "../../kube/logger.ts";
import { ApiError, retryAfter } from "../errors.ts";
import { RebaseConflict } from "./rebase.ts";

/** How the looks at the repository, and at its remote where it has one, have gone. Times are monotonic milliseconds. */
export class SyncState {
  readonly #logger: Logger;
  readonly #openedAt = performance.now();
  /** When the last look that succeeded began. */
  #freshAt = Number.NEGATIVE_INFINITY;
  #error: string | undefined;
  #isConflict = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** When the last look that succeeded began; minus infinity before the first. */
  get freshAt(): number {
    return this.#freshAt;
  }

  /** Why the last look failed; undefined if it did not. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Seconds since the last look that succeeded began; since the start where none has. */
  get ageSeconds(): number {
    return (performance.now() - Math.max(this.#freshAt, this.#openedAt)) / 1_000;
  }

  succeeded(startedAt: number): void {
    this.#freshAt = startedAt;
    if (this.#error !== undefined) this.#logger.info({}, "the jobs repository is in sync again");
    this.#error = undefined;
  }

  failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (this.#error !== message) this.#logger.warn({ reason: message }, "the jobs repository cannot be synced");
    this.#error = message;
    this.#isConflict = error instanceof RebaseConflict;
  }

  /** What a write is told that needs the remote, which was waited for so long. */
  unreachable(waitedMs: number): ApiError {
    if (this.#isConflict && this.#error !== undefined) return new ApiError("RepositoryConflict", this.#error);
    const reason = this.#error ?? `no answer within ${waitedMs} ms`;
    return unavailable(`the git remote cannot be reached (${reason}); reading goes on, changes have to wait`);
  }
}

/** What a write is told that cannot be made now (503). */
export function unavailable(detail: string, cause?: unknown): ApiError {
  return new ApiError("RepositoryUnavailable", detail, {
    headers: retryAfter(15),
    ...(cause === undefined ? {} : { cause }),
  });
}
