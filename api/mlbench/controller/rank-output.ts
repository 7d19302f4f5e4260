import type { MlbenchOutput, OutputStream, SourcePosition } from "../../../store/mlbench-output.ts";
import { LineSplitter } from "./line-splitter.ts";

/** Bytes that may wait for the store before the pod is held back. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** The store does not stand where this process thought: another one follows the same command, or an answer of the store was lost. */
export class OutputMoved extends Error {
  constructor(source: string) {
    super(`the output ${source} was stored by somebody else meanwhile`);
    this.name = "OutputMoved";
  }
}

interface Followed {
  stream: OutputStream;
  source: string;
  splitter: LineSplitter;
  /** Where the store stands. */
  stored: SourcePosition;
  lines: string[];
}

/** The way of one rank's output from its pod into the store, from where the store stands. */
export class RankOutput {
  readonly #output: MlbenchOutput;
  readonly #run: number;
  readonly #followed: readonly Followed[];
  #waitingBytes = 0;
  #storing: Promise<void> | undefined;
  #failure: unknown;

  private constructor(output: MlbenchOutput, run: number, followed: readonly Followed[]) {
    this.#output = output;
    this.#run = run;
    this.#followed = followed;
  }

  /** Rejects with a `StoreProblem`. */
  static async open(output: MlbenchOutput, run: number, rank: number): Promise<RankOutput> {
    const streams: OutputStream[] = ["stdout", "stderr"];
    const followed = await Promise.all(
      streams.map(async (stream): Promise<Followed> => {
        const source = `${rank}/${stream}`;
        const stored = await output.position(run, source);
        return { stream, source, stored, splitter: new LineSplitter(stored), lines: [] };
      }),
    );
    return new RankOutput(output, run, followed);
  }

  /** Whether the command has said on its standard output that its goal is reached; stored, once `settled` has resolved. */
  get hasGoal(): boolean {
    return this.#of("stdout").splitter.hasGoal;
  }

  /** The byte of a stream that is needed next. */
  received(stream: OutputStream): number {
    return this.#of(stream).splitter.received;
  }

  /** Takes the next bytes of a stream; a promise while too much waits for the store. That one, or `settled`, rejects if the store refuses. */
  take(stream: OutputStream, chunk: Buffer): void | Promise<void> {
    const followed = this.#of(stream);
    followed.lines.push(...followed.splitter.feed(chunk));
    this.#waitingBytes += chunk.length;
    const storing = this.settled();
    if (this.#waitingBytes > MAX_WAITING_BYTES) return storing;
    // Whoever takes the next piece, or the end, is told.
    storing.catch(() => undefined);
  }

  /** Nothing more will come. */
  async end(): Promise<void> {
    for (const followed of this.#followed) followed.lines.push(...followed.splitter.end());
    await this.settled();
  }

  /** Resolves when all complete lines that were taken are stored. After the store has refused any, nothing more is stored. */
  async settled(): Promise<void> {
    while (this.#followed.some(hasUnstored)) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#storing ??= this.#store().finally(() => {
        this.#storing = undefined;
      });
      await this.#storing;
    }
  }

  async #store(): Promise<void> {
    this.#waitingBytes = 0;
    try {
      for (const followed of this.#followed) if (hasUnstored(followed)) await this.#storeLines(followed);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async #storeLines(followed: Followed): Promise<void> {
    const { stream, source, splitter, stored } = followed;
    const { position } = splitter;
    const lines = followed.lines.map((text) => ({ stream, text }));
    followed.lines = [];
    const done = await this.#output.append(this.#run, {
      lines,
      source: { name: source, from: stored, to: position },
      goal: stream === "stdout" && splitter.hasGoal,
    });
    if (done === "moved") throw new OutputMoved(source);
    followed.stored = position;
  }

  #of(stream: OutputStream): Followed {
    const followed = this.#followed.find((one) => one.stream === stream);
    if (followed === undefined) throw new Error(`there is no stream ${stream}`);
    return followed;
  }
}

function hasUnstored({ splitter, stored }: Followed): boolean {
  const { bytes, inside } = splitter.position;
  return bytes !== stored.bytes || inside !== stored.inside;
}
