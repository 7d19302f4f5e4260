/** The parts of `q` that a text must hold in this order, in lower case (O-90). */
export function searchParts(q: string | undefined): string[] {
  return (q ?? "")
    .toLowerCase()
    .split("*")
    .filter((part) => part !== "");
}

/**
 * The test that `q` stands for (O-90): a case-insensitive substring in which `*` stands for any run of characters and
 * nothing else is special. Absent or empty matches everything.
 */
export function searchTest(q: string | undefined): (text: string) => boolean {
  const parts = searchParts(q);
  // Substrings in order, and no regular expression: a hostile pattern costs no more than a plain one.
  return (text) => {
    const folded = text.toLowerCase();
    let from = 0;
    for (const part of parts) {
      const at = folded.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
    }
    return true;
  };
}
