import type { Changed } from "../../../store/object-change.ts";
import { ClockworkError } from "../clockwork-error.ts";

/** The refusal of an object beyond the limit, `what` it would have been (C-46, C-57). */
export function tooHuge(what: string, { previous, updates }: Extract<Changed, { kind: "tooLarge" }>): ClockworkError {
  const sizes = `(previous: ${mbytes(previous)} Mbytes, updates: ${mbytes(updates)} Mbytes)`;
  return new ClockworkError(500, `Too huge ${what}: maximum 2.0 Mbytes ${sizes}`);
}

/** With at least one decimal. */
function mbytes(characters: number): string {
  const text = String(characters / (1024 * 1024));
  return text.includes(".") ? text : `${text}.0`;
}
