/** P(t, n): a text in exactly n code points, blanks behind it; what is longer is cut and ends in `…`. With n below 1 nothing is left. */
export function padRight(text: string, width: number): string {
  return fitted(text, width, (whole, blanks) => whole + blanks);
}

/** R(t, n): as `padRight`, with the blanks before it. */
export function padLeft(text: string, width: number): string {
  return fitted(text, width, (whole, blanks) => blanks + whole);
}

function fitted(text: string, width: number, join: (text: string, blanks: string) => string): string {
  if (width <= 0) return "";
  const characters = [...text];
  if (characters.length > width) return `${characters.slice(0, width - 1).join("")}…`;
  return join(text, " ".repeat(width - characters.length));
}

/** rN: a whole number, right-aligned in a width, and wider if it needs. All of its digits are shown, however many there are. */
export function digits(value: number, width: number): string {
  // From 1e21 on a number's own text has an exponent.
  const text = Number.isSafeInteger(value) || !Number.isInteger(value) ? String(value) : String(BigInt(value));
  return text.padStart(width);
}

/** Code points of a text, which is what widths count. */
export function lengthOf(text: string): number {
  return [...text].length;
}

/** (used / total) × scale in whole steps; a total of 0 counts as nothing used. */
export function share(used: number, total: number, scale: number): number {
  return total === 0 ? 0 : Math.floor((used / total) * scale);
}
