import type { MlbenchOutput, OutputLine } from "../../../store/mlbench-output.ts";

/** What the controller says about a run, in the order in which it does; each step is said once, whoever leads (M-48). */
export const STEPS = { initialized: 1, queued: 2, started: 3, ready: 4, ended: 5 } as const;
export type Step = keyof typeof STEPS;

/** Name of the controller among the sources of a run's lines. */
const SOURCE = "controller";

/** The lines that the controller itself adds to the output of runs. */
export class RunLines {
  readonly #output: Pick<MlbenchOutput, "append" | "position">;
  /** The last step that is known to be stored. */
  readonly #steps = new Map<number, number>();

  constructor(output: Pick<MlbenchOutput, "append" | "position">) {
    this.#output = output;
  }

  /** Says what belongs to a step, unless it or a later one has been said: by a process before this one, perhaps. Rejects with a `StoreProblem`. */
  async step(run: number, step: Step, lines: readonly OutputLine[]): Promise<void> {
    const number = STEPS[step];
    while ((this.#steps.get(run) ?? 0) < number) {
      const from = await this.#output.position(run, SOURCE);
      if (from.bytes < number) {
        const source = { name: SOURCE, from, to: { bytes: number, inside: false } };
        if ((await this.#output.append(run, { lines, source })) === "moved") continue;
      }
      this.#steps.set(run, Math.max(from.bytes, number));
    }
  }

  /** Adds a line to stdout, as often as it is called. */
  async say(run: number, text: string): Promise<void> {
    await this.#output.append(run, { lines: [{ stream: "stdout", text }] });
  }

  forget(run: number): void {
    this.#steps.delete(run);
  }
}

/** Lines of stdout. */
export function told(...texts: string[]): OutputLine[] {
  return texts.map((text) => ({ stream: "stdout", text }));
}

/** What stderr says of a run that failed (M-53). */
export function failure(reason: string): OutputLine[] {
  return ["Run failed", reason].map((text) => ({ stream: "stderr", text }));
}
