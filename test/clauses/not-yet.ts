/** Clauses that no test shows, each with the reason. A clause leaves this list as soon as a test's title names it. */
export const NOT_YET: Readonly<Record<string, string>> = {};
