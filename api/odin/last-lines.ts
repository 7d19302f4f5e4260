const NEWLINE = 0x0a;

/** The last `lines` lines of a text. A line break at the very end ends the last line and begins no other. */
export function lastLines(text: Buffer, lines: number): Buffer {
  if (lines === 0) return text.subarray(text.length);
  let from = text[text.length - 1] === NEWLINE ? text.length - 1 : text.length;
  for (let found = 0; found < lines; found++) {
    const at = from === 0 ? -1 : text.lastIndexOf(NEWLINE, from - 1);
    if (at < 0) return text;
    from = at;
  }
  return text.subarray(from + 1);
}
