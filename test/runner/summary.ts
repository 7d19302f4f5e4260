/** The four closing lines of a uvu process, as numbers. */
export interface Summary {
  total: number;
  passed: number;
  skipped: number;
  /** Offset in the text just behind the summary. */
  end: number;
}

/** One `# skip NAME: REASON` line. */
export interface Skip {
  name: string;
  reason: string;
}

const BLOCK = /^ {2}Total: {5}(\d+)\n {2}Passed: {4}(\d+)\n {2}Skipped: {3}(\d+)\n {2}Duration: {2}\S+$/gm;
const SKIP = /(?:^|\s)# skip ([^\n]+?): ([^\n]+)$/gm;
const COLOURS = /\u001b\[[0-9;]*m/g;
// When the queue is run a second time, uvu takes its first bound function for the name of a file and prints it.
const SECOND_RUN = /^function \(\) \{ \[native code\] \}$/m;

/** The text without terminal colours. */
export function stripColours(text: string): string {
  return text.replace(COLOURS, "");
}

/** The last complete summary in the text, so that a test that prints `Total: 9` is not taken for one. */
export function lastSummary(text: string): Summary | undefined {
  let last: Summary | undefined;
  for (const match of text.matchAll(BLOCK)) {
    last = {
      total: Number(match[1]),
      passed: Number(match[2]),
      skipped: Number(match[3]),
      end: match.index + match[0].length,
    };
  }
  return last;
}

/** Whether the text ends with a summary: nothing but white space behind it. */
export function endsWithSummary(text: string): boolean {
  const summary = lastSummary(text);
  return summary !== undefined && text.slice(summary.end).trim() === "";
}

/** Every skip that the file announced, in order. */
export function skips(text: string): Skip[] {
  return [...text.matchAll(SKIP)].map((match) => ({ name: match[1] ?? "", reason: (match[2] ?? "").trim() }));
}

/** Whether uvu ran its queue twice, which loses the results of the first suites. */
export function ranTwice(text: string): boolean {
  return SECOND_RUN.test(text) && [...text.matchAll(BLOCK)].length > 1;
}
