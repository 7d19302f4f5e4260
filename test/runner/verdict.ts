import { lastSummary, ranTwice, type Skip, skips } from "./summary.ts";
import type { Outcome } from "./test-process.ts";

/** What one test file or stage adds to the sum. */
export interface Verdict {
  passed: number;
  failed: number;
  skips: Skip[];
  /** Why it failed, one sentence each; empty where it passed. */
  reasons: string[];
  /** Worth a line, but no failure. */
  warnings: string[];
}

/** What the verdict on a file rests on besides its outcome. */
export interface FileFacts {
  timeoutMs: number;
  /** Unit tests hold nothing open and leave nothing behind; elsewhere that is a warning. */
  strict: boolean;
  /** Suites that the source makes and never runs: uvu cannot know of them. */
  suitesNotRun: string[];
}

/**
 * Judges a uvu process. uvu's exit code alone proves nothing: a hook that throws loses its error and exits 0, and a
 * forgotten `run()` prints nothing at all. So a file has passed only if its last summary counts as many passed as there
 * are, and it exited by itself with 0.
 */
export function judgeFile(outcome: Outcome, facts: FileFacts): Verdict {
  const summary = lastSummary(outcome.output);
  const found = skips(outcome.output);
  const reasons: string[] = [];
  const warnings: string[] = [];
  const leak = facts.strict ? reasons : warnings;
  const open = outcome.open === undefined ? "" : `; open: ${outcome.open}`;

  for (const name of facts.suitesNotRun) reasons.push(`the suite \`${name}\` is never run: call ${name}.run()`);
  if (outcome.ending === "not started") reasons.push("the process could not be started");
  if (outcome.ending === "interrupted") reasons.push("interrupted");
  if (outcome.ending === "timeout") reasons.push(`no end after ${facts.timeoutMs / 1_000} s${open}`);
  if (outcome.ending === "lingered") leak.push(`still there long after its summary${open}`);
  if (outcome.leftProcesses) leak.push("it left processes behind, which were killed");

  if (summary === undefined || summary.total === 0) {
    if (reasons.length === 0 && exitedWell(outcome) && found.length > 0) {
      return { passed: 0, failed: 0, skips: found, reasons, warnings };
    }
    if (outcome.ending === "exited") reasons.push(whyNoTests(outcome, summary !== undefined));
    return { passed: 0, failed: 1, skips: found, reasons, warnings };
  }

  const missing = summary.total - summary.passed;
  if (missing > 0) {
    reasons.push(
      `${missing} of ${summary.total} failed${/ FAIL /.test(outcome.output) ? "" : " in a hook whose error uvu hides"}`,
    );
  }
  if (ranTwice(outcome.output))
    reasons.push("uvu ran its queue twice: keep all .run() together at the end of the file");
  if (summary.skipped > found.length) {
    const silent = summary.skipped - found.length;
    reasons.push(`${silent} left out (.only or .skip) without a reason: print "# skip NAME: REASON"`);
  }
  if (missing === 0 && outcome.ending === "exited" && !exitedWell(outcome)) {
    reasons.push(`all tests passed, but it ended with ${howItEnded(outcome)}`);
  }
  // A test that announced its skip and returned is one that uvu counts as passed.
  const returned = Math.max(0, found.length - summary.skipped);
  if (returned > summary.passed) reasons.push(`${returned} skips announced, but only ${summary.passed} tests passed`);
  const failed = reasons.length === 0 ? 0 : Math.max(1, missing);
  return { passed: Math.max(0, summary.passed - returned), failed, skips: found, reasons, warnings };
}

/** Judges a command that is no uvu file: passed if it exited with 0. */
export function judgeStage(outcome: Outcome, timeoutMs: number): Verdict {
  const passed = outcome.ending === "exited" && exitedWell(outcome);
  const why =
    outcome.ending === "timeout"
      ? `no end after ${timeoutMs / 1_000} s`
      : outcome.ending === "exited"
        ? `it ended with ${howItEnded(outcome)}`
        : outcome.ending;
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skips: [], reasons: passed ? [] : [why], warnings: [] };
}

function exitedWell(outcome: Outcome): boolean {
  return outcome.exitCode === 0 || outcome.ending === "lingered";
}

function howItEnded(outcome: Outcome): string {
  return outcome.signal === null ? `exit code ${outcome.exitCode}` : `signal ${outcome.signal}`;
}

function whyNoTests(outcome: Outcome, empty: boolean): string {
  if (empty) return "no test was run (Total: 0)";
  if (outcome.signal !== null) return `ended by ${outcome.signal} before its summary`;
  // Node ends the report of an error that nobody caught with its version.
  const uncaught = /^Node\.js v\d/m.test(outcome.output);
  if (!uncaught && outcome.output.includes("Exiting early before testing is finished.")) return "a test never settled";
  if (outcome.exitCode === 0) return "no summary: it has no tests, or run() was forgotten";
  return `crashed before its summary (exit code ${outcome.exitCode})`;
}
