/**
 * Announces that the calling test does not run here and why; the test then returns. The runner counts it as skipped, not
 * as passed, and prints the reason. A file that cannot run at all calls it with the name `file` and makes no suite.
 */
export function skip(name: string, reason: string): void {
  // uvu has written a row of dots on this line.
  process.stdout.write(`\n# skip ${name.replaceAll(/[\n:]/g, " ")}: ${reason.replaceAll("\n", " ")}\n`);
}
