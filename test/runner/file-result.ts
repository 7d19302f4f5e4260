import type { Verdict } from "./verdict.ts";

/** What `--results` writes of each test file that was run. */
export interface FileResult extends Verdict {
  name: string;
  /** The texts of its lines `# note TEXT`, in order. */
  notes: string[];
  wallMs: number;
}

/** What a test file tells beyond passed and failed: the lines of its output that begin with `# note `. */
export function notesIn(output: string): string[] {
  return [...output.matchAll(/^# note (.+)$/gm)].map((match) => match[1] ?? "");
}
