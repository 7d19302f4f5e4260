import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Arguments, HELP, parseArguments } from "./arguments.ts";
import { discover, KINDS, type Kind, type TestFile } from "./discover.ts";
import type { Environment } from "./environment.ts";
import { type FileResult, notesIn } from "./file-result.ts";
import { Reporter } from "./reporter.ts";
import { runTasks, type Task } from "./schedule.ts";
import { type Outcome, type ProcessOptions, type RunningProcess, startProcess } from "./test-process.ts";
import { judgeFile, judgeStage, type Verdict } from "./verdict.ts";

/** A check that is no uvu file: a command that exits with 0 when all is well. */
export interface Stage {
  name: string;
  /** Arguments to node. */
  args: string[];
}

/** What the compiler said before the runner was loaded. */
export interface Build {
  ok: boolean;
  output: string;
  wallMs: number;
}

/** Everything a run depends on; the real values are in main.ts. */
export interface RunOptions {
  root: string;
  argv: readonly string[];
  build: Build;
  stages: readonly Stage[];
  /** What the files of a kind stand on, or the reason why this machine cannot have it. */
  environmentOf(kind: Kind, reporter: Reporter): Environment | { cannot: string } | undefined;
  write(text: string): void;
  /** Fires when the run is to end early; its reason is the name of a Unix signal. */
  signal: AbortSignal;
  /** TMPDIR of the files. */
  temporaryDirectory?: string;
  /** Time that a file may live on after its summary. */
  lingerMs?: number;
}

const LIMIT_MS: Record<Kind, number> = {
  unit: 300_000,
  integration: 600_000,
  e2e: 900_000,
  "faults/server": 600_000,
  "faults/node": 600_000,
};
const STAGE_LIMIT_MS = 600_000;
const LINGER_MS = 15_000;
const TYPES = "types";
const IN_TEST_PROCESS = fileURLToPath(new URL("./in-test-process.js", import.meta.url));

/** Runs what the arguments ask for and answers the exit code. The last line written is the sum (but for --list and --help). */
export async function runTests(options: RunOptions): Promise<number> {
  const reporter = new Reporter(options.write);
  let parsed: Arguments;
  try {
    parsed = parseArguments(options.argv);
  } catch (error) {
    reporter.failed("arguments", error instanceof Error ? error.message : String(error));
    reporter.close();
    return 1;
  }
  if (parsed.help) {
    options.write(HELP);
    return 0;
  }
  return new Run(options, parsed, reporter).execute();
}

class Run {
  #options: RunOptions;
  #arguments: Arguments;
  #reporter: Reporter;
  #running = new Set<RunningProcess>();
  readonly #results: FileResult[] = [];

  constructor(options: RunOptions, parsed: Arguments, reporter: Reporter) {
    this.#options = options;
    this.#arguments = parsed;
    this.#reporter = reporter;
  }

  async execute(): Promise<number> {
    const { filters, list, jobs } = this.#arguments;
    const { stages, build, root, signal } = this.#options;
    const files = discover(root);
    const names = [TYPES, ...stages.map(({ name }) => name), ...files.map(({ name }) => name)];
    const wanted = (name: string): boolean => filters.length === 0 || filters.some((filter) => name.includes(filter));
    const selected = ({ name, onDemand }: TestFile): boolean => wanted(name) && (filters.length > 0 || !onDemand);
    const vain = filters.filter((filter) => !names.some((name) => name.includes(filter)));

    if (list) {
      for (const name of names.filter(wanted)) this.#reporter.line(name);
      for (const filter of vain) this.#reporter.line(`nothing has "${filter}" in its name`);
      return vain.length === 0 ? 0 : 1;
    }
    for (const filter of vain) this.#reporter.failed("filter", `nothing has "${filter}" in its name`);
    if (wanted(TYPES)) this.#reportBuild(build);
    else if (!build.ok) this.#reporter.warn(TYPES, "the compiler found errors: npm test -- types shows them");

    const forward = (): void => {
      for (const process of this.#running) process.interrupt(signal.reason as NodeJS.Signals);
    };
    signal.addEventListener("abort", forward, { once: true });
    const tasks = [
      ...stages.filter(({ name }) => wanted(name)).map((stage) => this.#stageTask(stage)),
      ...this.#fileTasks(longestFirst(files.filter(selected))),
    ];
    await runTasks(tasks, {
      jobs,
      signal,
      onStopFailed: ({ title }, error) => {
        this.#reporter.failed(title, `could not be stopped: ${error instanceof Error ? error.message : String(error)}`);
      },
    });
    signal.removeEventListener("abort", forward);
    if (this.#arguments.resultsFile !== undefined) {
      writeFileSync(this.#arguments.resultsFile, JSON.stringify(this.#results));
    }
    if (signal.aborted) this.#reporter.failed("run", `ended early by ${signal.reason}`);
    return this.#reporter.close() ? 0 : 1;
  }

  #reportBuild(build: Build): void {
    const verdict: Verdict = { passed: 1, failed: 0, skips: [], reasons: [], warnings: [] };
    const failed = { ...verdict, passed: 0, failed: 1, reasons: ["the compiler found errors"] };
    this.#reporter.ended(TYPES, build.ok ? verdict : failed, build.output, build.wallMs);
  }

  #stageTask(stage: Stage): Task {
    const timeoutMs = this.#arguments.timeoutMs ?? STAGE_LIMIT_MS;
    return {
      run: async () => {
        this.#reporter.started(stage.name);
        const outcome = await this.#process({ args: stage.args, timeoutMs, variables: {} });
        this.#reporter.ended(stage.name, judgeStage(outcome, timeoutMs), outcome.output, outcome.wallMs);
      },
    };
  }

  #fileTasks(files: TestFile[]): Task[] {
    const environments = new Map<Kind, ReturnType<RunOptions["environmentOf"]>>();
    return files.flatMap((file): Task[] => {
      if (!environments.has(file.kind)) {
        environments.set(file.kind, this.#options.environmentOf(file.kind, this.#reporter));
      }
      const environment = environments.get(file.kind);
      if (environment === undefined) return [{ run: () => this.#runFile(file, {}) }];
      if ("cannot" in environment) {
        this.#reporter.ended(file.name, skipped(environment.cannot), "", 0);
        return [];
      }
      const run = async (): Promise<void> => {
        if (environment.failure === undefined) return this.#runFile(file, environment.variables);
        const reason = `not run: ${environment.title} did not start: ${environment.failure}`;
        this.#reporter.ended(file.name, failure(reason), "", 0);
      };
      return [{ environment, run }];
    });
  }

  async #runFile(file: TestFile, variables: Record<string, string>): Promise<void> {
    const timeoutMs = this.#arguments.timeoutMs ?? file.ownTimeoutMs ?? LIMIT_MS[file.kind];
    this.#reporter.started(file.name);
    if (!existsSync(file.compiled)) {
      const reason = `it was not compiled to ${file.compiled}: remove dist/ and run npm test again`;
      this.#reporter.ended(file.name, failure(reason), "", 0);
      return;
    }
    const outcome = await this.#process({
      args: ["--import", pathToFileURL(IN_TEST_PROCESS).href, file.compiled],
      timeoutMs,
      variables,
      lingerMs: this.#options.lingerMs ?? LINGER_MS,
    });
    const facts = { timeoutMs, strict: file.kind === "unit", suitesNotRun: file.suitesNotRun };
    const verdict = judgeFile(outcome, facts);
    this.#results.push({ name: file.name, ...verdict, notes: notesIn(outcome.output), wallMs: outcome.wallMs });
    this.#reporter.ended(file.name, verdict, outcome.output, outcome.wallMs);
  }

  async #process(
    o: Pick<ProcessOptions, "args" | "timeoutMs" | "lingerMs"> & { variables: Record<string, string> },
  ): Promise<Outcome> {
    const { variables, ...rest } = o;
    const { temporaryDirectory } = this.#options;
    const temporary = temporaryDirectory === undefined ? {} : { TMPDIR: temporaryDirectory };
    const running = startProcess({
      ...rest,
      command: process.execPath,
      cwd: resolve(this.#options.root),
      env: { ...inheritedVariables(), ...temporary, ...variables },
    });
    this.#running.add(running);
    const outcome = await running.outcome;
    this.#running.delete(running);
    return outcome;
  }
}

function failure(reason: string): Verdict {
  return { passed: 0, failed: 1, skips: [], reasons: [reason], warnings: [] };
}

function skipped(reason: string): Verdict {
  return { passed: 0, failed: 0, skips: [{ name: "file", reason }], reasons: [], warnings: [] };
}

/**
 * The caller's environment without what would let a test depend on the person who runs it: their cluster, their settings
 * of Odin, their colours.
 */
function inheritedVariables(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !/^(KUBECONFIG|FORCE_COLOR|ODIN_.*)$/.test(name));
  return { ...Object.fromEntries(entries), NO_COLOR: "1" };
}

/**
 * Of each kind, those that may take longest come first: one that began among the last would run alone at the end. Others stay
 * in their order.
 */
function longestFirst(files: readonly TestFile[]): TestFile[] {
  const limit = ({ kind, ownTimeoutMs }: TestFile): number => ownTimeoutMs ?? LIMIT_MS[kind];
  return [...files].sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || limit(b) - limit(a));
}
