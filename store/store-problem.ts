/**
 * What is in the way:
 * - `busy`: others hold the database for too long, or too much is waiting for it: the same works later;
 * - `full`: there is no room on the disk: works once there is;
 * - `damaged`: the file is no database of ours any more: somebody has to move it away or restore it;
 * - `newer`: a later version of the program has changed the tables: this one must not touch them;
 * - `unavailable`: it cannot be reached, opened or written: see the message;
 * - `closed`: the process is ending;
 * - `internal`: a fault of ours.
 */
export type StoreProblemKind = "busy" | "full" | "damaged" | "newer" | "unavailable" | "closed" | "internal";

/** The one error of the store. The message names the store and says what to do; it holds no value of any row. */
export class StoreProblem extends Error {
  readonly kind: StoreProblemKind;

  constructor(kind: StoreProblemKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "StoreProblem";
    this.kind = kind;
  }
}
