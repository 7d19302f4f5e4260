/**
 * A text as a cell of a CSV file (RFC 4180). Spreadsheets take what begins with `=`, `+`, `-` or `@` for a formula and would carry it out, so such a
 * text gets an apostrophe before it, unless it is known to be a number.
 */
export function csvCell(text: string, isNumber = false): string {
  const harmless = /^[=+\-@]/.test(text) && !isNumber ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
