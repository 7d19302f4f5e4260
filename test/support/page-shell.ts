import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { blocksOf } from "./documents.ts";

/** Pages whose commands need a cluster of their own: test/e2e/installation runs them, and docs-commands leaves them to it. */
export const INSTALLATION_PAGES: readonly string[] = [
  "docs/how-to/back-up-and-restore.md",
  "docs/how-to/install-with-helm.md",
  "docs/how-to/uninstall.md",
  "docs/how-to/upgrade.md",
];

/** The page whose commands need a Slack: test/integration/vesta/slack runs them. */
export const SLACK_PAGE = "docs/how-to/hear-of-gpus-in-slack.md";

/** Whether a block of these pages is for an installation with PostgreSQL: test/e2e/postgres-installation runs those. */
export function isForPostgres(block: string): boolean {
  return block.endsWith("-postgres");
}

/** How blocks are run. */
export interface PageShellOptions {
  /** The directory that the reader is in. */
  cwd: string;
  environment: Record<string, string>;
  /** Directory with further commands. */
  path: string;
}

/** A reader who follows pages of the documentation, and remembers which of their blocks were run. */
export class PageShell {
  readonly #options: PageShellOptions;
  readonly #ran = new Set<string>();

  constructor(options: PageShellOptions) {
    this.#options = options;
  }

  /** Runs the named blocks in one shell, with `environment` on top, and returns what it prints; throws with that if it fails. */
  async run(document: string, names: readonly string[], environment: Record<string, string> = {}): Promise<string> {
    const blocks = blocksOf(document);
    const script = names.map((name) => {
      const block = blocks.find((other) => other.name === name);
      if (block === undefined) throw new Error(`${document} has no block named ${name}`);
      this.#ran.add(`${document} ${name}`);
      return block.text;
    });
    try {
      return await this.command(script.join("\n"), environment);
    } catch (error) {
      throw new Error(`${document}, ${names.join(" ")}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Runs a script as a block is run. What it leaves running in the background is ended with it. */
  async command(script: string, environment: Record<string, string> = {}, timeoutMs = 400_000): Promise<string> {
    const child = spawn("bash", ["--norc", "-euo", "pipefail", "-c", script], {
      cwd: this.#options.cwd,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        HOME: this.#options.cwd,
        ...this.#options.environment,
        ...environment,
        PATH: [this.#options.path, dirname(process.execPath), process.env.PATH].join(":"),
      },
    });
    let printed = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const endGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // Nothing of it is left.
      }
    };
    const timer = setTimeout(endGroup, timeoutMs);
    const status = await new Promise<number | string>((done, fail) => {
      child.once("error", fail);
      child.once("exit", (code, signal) => {
        endGroup();
        child.once("close", () => done(code ?? signal ?? "unknown"));
      });
    });
    clearTimeout(timer);
    if (status !== 0) throw new Error(`ended with ${status}\n${printed}\n${errors}`);
    return printed;
  }

  /** The marked blocks of these pages that were not run. */
  notRun(pages: readonly string[]): string[] {
    return pages
      .flatMap((page) => blocksOf(page).flatMap(({ name }) => (name === undefined ? [] : [`${page} ${name}`])))
      .filter((block) => !this.#ran.has(block));
  }
}
