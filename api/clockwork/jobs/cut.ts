/** Longest text in what is shown of a job, in characters (§10 of the contract). */
const MAX_TEXT = 4096;

/** The beginning of a text that is longer than any is shown; never half a character, nor one that is none. */
export function cut(text: string): string {
  const whole = text.replace(/\p{Surrogate}/gu, "\uFFFD");
  return whole.length <= MAX_TEXT ? whole : whole.slice(0, MAX_TEXT).replace(/[\uD800-\uDBFF]$/, "");
}
