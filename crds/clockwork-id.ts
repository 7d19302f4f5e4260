import { createHash } from "node:crypto";

/** Hex digits of a hash that make an id: 52 bits, a whole number that every JSON reader can hold. */
const DIGITS = 13;

/** The decimal number that stands for a text in Clockwork (C-74): from its SHA-256, never 0. */
export function clockworkId(text: string): string {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, DIGITS);
  return String(Number.parseInt(hash, 16) || 1);
}

/** Job id of a pod that the operator makes for an attempt at a task: known before the pod exists, and the same for ever (C-74). */
export function attemptJobId(runUid: string, task: string, attempt: number, replica = 0): string {
  return clockworkId(`${runUid}/${task}/${attempt}/${replica}`);
}
