/** The title of a test, and the clauses that it cites. */
export interface Citation {
  title: string;
  clauses: string[];
}

/** A call whose first argument is a text and whose second one follows: `test("O-12: …", async () => {`. */
const TITLE = /\b\w+\(\s*(["'`])((?:\\.|(?!\1)[^\\])*)\1\s*,/gs;
const CLAUSE = /\b([A-Z])-(\d+)(?:\s*(?:\.\.|–|to)\s*(?:\1-)?(\d+))?/g;
/** A range longer than this is a slip of the pen. */
const MAX_RANGE = 100;

/** The tests of a source whose titles cite clauses, in order. */
export function citationsIn(source: string): Citation[] {
  return [...source.matchAll(TITLE)].flatMap(([, , title = ""]) => {
    const clauses = clausesIn(title);
    return clauses.length === 0 ? [] : [{ title, clauses }];
  });
}

/** The clauses that a text names, ranges (`O-20 to O-22`, `O-20..22`) taken apart. Throws for a range that runs backwards or far too long. */
export function clausesIn(text: string): string[] {
  return [...text.matchAll(CLAUSE)].flatMap(([whole, family = "", from = "", to = from]) => {
    const length = Number(to) - Number(from) + 1;
    if (length < 1 || length > MAX_RANGE) throw new Error(`"${whole}" is no range of clauses`);
    return Array.from({ length }, (_, index) => `${family}-${Number(from) + index}`);
  });
}
