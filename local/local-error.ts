/**
 * A failure of the local cluster that its message explains in full: what was wrong, where, and what to do.
 * A command shows `message` on its own, without a stack.
 */
export class LocalError extends Error {
  override readonly name = "LocalError";
}

/** Thrown when a start was given up because its `AbortSignal` fired; everything it had begun is already undone. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  constructor() {
    super("interrupted; everything that was started has been stopped and removed");
  }
}

/** `error.message`, or the text of whatever else was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node.js system error (`ENOENT`, `EADDRINUSE`, …), if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
