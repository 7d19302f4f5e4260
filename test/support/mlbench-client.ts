import { join } from "node:path";
import { run } from "../../local/command.ts";
import { ROOT } from "./documents.ts";
import { testVariable } from "./kubectl.ts";
import { clientCommands } from "./odin-clients.ts";

const SCRIPT = join(ROOT, "test/support/odin-clients/mlbench.py");
const CALL_MS = 120_000;

/** What the client got for a call. */
export interface Outcome {
  status: number;
  headers: Record<string, string>;
  text: string;
  json: unknown;
}

/** The published client of MLBench, in a process of its own for each call. */
export class MlbenchClient {
  /** Directory with the commands of its virtual environment. */
  readonly commands: string;
  readonly #home: string;

  private constructor(commands: string, home: string) {
    this.commands = commands;
    this.#home = home;
  }

  /** `home`: a directory for what it may write. Throws, saying why, where the client cannot be installed. */
  static async install(home: string): Promise<MlbenchClient> {
    return new MlbenchClient(await clientCommands("mlbench-core-3.0.0"), home);
  }

  /** Runs test/support/odin-clients/mlbench.py; what it prints. */
  async run(...args: string[]): Promise<string> {
    return await this.type("", ...args);
  }

  /** As `run`, with answers to what it asks. */
  async type(input: string, ...args: string[]): Promise<string> {
    const env = { HOME: this.#home, PATH: process.env.PATH ?? "", KUBECONFIG: testVariable("KUBECONFIG") };
    return await run(join(this.commands, "python"), [SCRIPT, ...args], { timeoutMs: CALL_MS, env, input });
  }

  /** Calls methods of its class, one after the other. */
  async call(url: string, ...calls: [method: string, values: object][]): Promise<Outcome[]> {
    const outcomes = resultsOf(await this.run("calls", JSON.stringify({ url, calls }))) as Outcome[];
    return outcomes.map((outcome) => {
      try {
        return { ...outcome, json: JSON.parse(outcome.text) };
      } catch {
        return outcome;
      }
    });
  }
}

/** What a script of ours printed as its results, line by line. */
export function resultsOf(output: string): unknown[] {
  const lines = output.split("\n").filter((line) => line.startsWith("RESULT "));
  return lines.map((line) => JSON.parse(line.slice("RESULT ".length)));
}

/** The object that was answered. */
export function objectOf(outcome: Outcome | undefined): Record<string, unknown> {
  return (outcome?.json ?? {}) as Record<string, unknown>;
}

/** The list of objects that was answered. */
export function listOf(outcome: Outcome | undefined): Record<string, unknown>[] {
  return (outcome?.json ?? []) as Record<string, unknown>[];
}
