/** Something wrong with a definition: where (`tasks[2].args[0]`), which task if one, and what, with what to do. */
export interface Problem {
  path: string;
  task?: string;
  detail: string;
}

/** Thrown while reading a text whose place the caller knows; the message says what is wrong with the text. */
export class TextProblem extends Error {}

/** One sentence for a status message: the first problem, and how many more there are. */
export function summary(problems: readonly Problem[]): string {
  const [first, ...rest] = problems;
  if (first === undefined) return "";
  const where = first.task === undefined ? first.path : `task ${first.task} (${first.path})`;
  return `${where}: ${first.detail}${rest.length > 0 ? ` (and ${rest.length} more)` : ""}`;
}
