import type { Skip } from "./summary.ts";
import type { Verdict } from "./verdict.ts";

const NAME_COLUMNS = 46;
const QUIET_MS = 10_000;

/** Writes what happens while it happens and adds it up. */
export class Reporter {
  #write: (text: string) => void;
  #passed = 0;
  #failed = 0;
  #failures: { name: string; reasons: string[] }[] = [];
  #warnings: { name: string; text: string }[] = [];
  #skips: { file: string; skip: Skip }[] = [];
  #running = new Map<string, number>();
  #lastLineAt = performance.now();
  #ticker: NodeJS.Timeout;

  constructor(write: (text: string) => void) {
    this.#write = write;
    this.#ticker = setInterval(() => this.#tellWhatRuns(), 1_000);
    this.#ticker.unref();
  }

  /** One line of text. */
  line(text: string): void {
    this.#lastLineAt = performance.now();
    this.#write(`${text}\n`);
  }

  started(name: string): void {
    this.#running.set(name, performance.now());
  }

  /** The result of one file or stage: one line where it passed, its whole output where it did not. */
  ended(name: string, verdict: Verdict, output: string, wallMs: number): void {
    this.#running.delete(name);
    this.#passed += verdict.passed;
    this.#failed += verdict.failed;
    for (const skip of verdict.skips) this.#skips.push({ file: name, skip });
    for (const text of verdict.warnings) this.#warnings.push({ name, text });
    const failed = verdict.failed > 0;
    const mark = failed ? "✗" : verdict.passed > 0 ? "✓" : "-";
    this.line(`${mark} ${name.padEnd(NAME_COLUMNS)} ${counts(verdict).padEnd(22)} ${seconds(wallMs)}`);
    if (!failed) return;
    this.#failures.push({ name, reasons: verdict.reasons });
    for (const reason of verdict.reasons) this.line(`    ${reason}`);
    if (output.trim() !== "") this.line(`──── output of ${name}\n${output.trimEnd()}\n──── end of ${name}`);
  }

  /** A failure that belongs to no file. */
  failed(name: string, reason: string): void {
    this.#failed += 1;
    this.#failures.push({ name, reasons: [reason] });
    this.line(`✗ ${name}: ${reason}`);
  }

  warn(name: string, text: string): void {
    this.#warnings.push({ name, text });
  }

  /** Everything that needs attention once more, then the sum as the very last line; answers whether all is well. */
  close(): boolean {
    clearInterval(this.#ticker);
    this.line("");
    this.#section(
      "Skipped",
      this.#skips.map(({ file, skip }) => `${file}: ${skip.name}: ${skip.reason}`),
    );
    this.#section(
      "Warnings",
      this.#warnings.map(({ name, text }) => `${name}: ${text}`),
    );
    this.#section(
      "Failed",
      this.#failures.map(({ name, reasons }) => `${name}: ${reasons.join("; ")}`),
    );
    const skipped = this.#skips.length === 0 ? "" : `, ${this.#skips.length} skipped`;
    this.line(`${this.#passed} passed, ${this.#failed} failed${skipped}`);
    return this.#failed === 0 && this.#passed > 0;
  }

  #section(title: string, lines: string[]): void {
    if (lines.length === 0) return;
    this.line(`${title}:`);
    for (const text of lines) this.line(`  ${text}`);
    this.line("");
  }

  #tellWhatRuns(): void {
    const now = performance.now();
    if (this.#running.size === 0 || now - this.#lastLineAt < QUIET_MS) return;
    const names = [...this.#running].map(([name, since]) => `${name} (${seconds(now - since)})`);
    this.line(`… ${names.join(", ")}`);
  }
}

function counts(verdict: Verdict): string {
  const parts: string[] = [];
  if (verdict.passed > 0) parts.push(`${verdict.passed} passed`);
  if (verdict.failed > 0) parts.push(`${verdict.failed} failed`);
  if (verdict.skips.length > 0) parts.push(`${verdict.skips.length} skipped`);
  return parts.join(", ");
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
