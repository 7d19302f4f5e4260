/** Whether the lists and objects of a JSON text lie more than so many levels within each other; the text need not be good JSON. */
export function nestsDeeperThan(text: string, most: number): boolean {
  // A level takes a character at least.
  if (text.length <= most) return false;
  let level = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = endOfString(text, at + 1);
        break;
      case 0x5b:
      case 0x7b:
        level += 1;
        if (level > most) return true;
        break;
      case 0x5d:
      case 0x7d:
        level -= 1;
        break;
    }
  }
  return false;
}

/** Where the string that begins before `at` ends: at its quote, or at the end of the text. */
function endOfString(text: string, at: number): number {
  for (let end = at; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (unit === 0x22) return end;
    if (unit === 0x5c) end += 1;
  }
  return text.length;
}
