import { setTimeout as delay } from "node:timers/promises";
import { isKubeError } from "../../../kube/errors.ts";
import { EXEC_FAILED, type ExecOptions } from "../../../kube/exec.ts";
import type { MlbenchOutput } from "../../../store/mlbench-output.ts";
import { BEGINNING } from "../../../store/mlbench-output.ts";
import type { WorkerPod } from "../runs/managed-run.ts";
import { followScript, type Look, lookScript, parseLook, readScript, startScript } from "./pod-scripts.ts";
import { RankOutput } from "./rank-output.ts";

/** `execInPod` of a client. */
export type ExecProgram = (options: ExecOptions) => Promise<number>;

/** The command of one rank. */
export interface Rank {
  rank: number;
  runId: number;
  namespace: string;
  pod: WorkerPod;
  command: readonly string[];
  /** The run's directory for records in the container. */
  directory: string;
}

/** How the command of a rank ended: with an exit status, or in a way that leaves none, told in a sentence without a full stop. */
export type RankEnd = { exitStatus: number } | { reason: string };

/** The defaults are what production uses. */
export interface RankTimings {
  /** Without any output for so long, the connection is made anew: no half of it can be dead without being noticed. */
  silenceMs: number;
  /** For a program that answers at once. */
  shortMs: number;
  firstRetryMs: number;
  lastRetryMs: number;
  /** For a start that was begun to become one; also for all the words of a program that answers at once. */
  startMs: number;
}

export const RANK_TIMINGS: RankTimings = {
  silenceMs: 60_000,
  shortMs: 60_000,
  firstRetryMs: 500,
  lastRetryMs: 15_000,
  startMs: 60_000,
};

/** What a rank needs to be followed. */
export interface RankSurroundings {
  exec: ExecProgram;
  output: MlbenchOutput;
  /** The command has said that its goal is reached, and that is stored. */
  onGoal(): void;
  /** Something went wrong that is tried again. */
  onTrouble(error: unknown): void;
  /** Ends the following, and not the command. */
  signal: AbortSignal;
  timings: RankTimings;
}

/** Longest answer that is read of a program that answers at once. */
const MAX_ANSWER_BYTES = 4 * 1024;

/**
 * Starts the command of a rank, unless it was started before by whomever, and brings its output into the store until it has ended (M-51). What breaks is
 * tried again for as long as `signal` lasts; rejects when that fires. A container without a shell gets the command as it is, once.
 */
export async function runRank(rank: Rank, surroundings: RankSurroundings): Promise<RankEnd> {
  return await new RankCommand(rank, surroundings).run();
}

class RankCommand {
  readonly #rank: Rank;
  readonly #around: RankSurroundings;
  #isStarted = false;
  #startingSince: number | undefined;

  constructor(rank: Rank, surroundings: RankSurroundings) {
    this.#rank = rank;
    this.#around = surroundings;
  }

  async run(): Promise<RankEnd> {
    const { signal, timings } = this.#around;
    let retryMs = timings.firstRetryMs;
    while (true) {
      signal.throwIfAborted();
      try {
        const end = await this.#step();
        if (end !== undefined) return end;
        retryMs = timings.firstRetryMs;
      } catch (error) {
        signal.throwIfAborted();
        const end = this.#endOf(error);
        if (end !== undefined) return end;
        this.#around.onTrouble(error);
        await sleep(retryMs, signal);
        retryMs = Math.min(retryMs * 2, timings.lastRetryMs);
      }
    }
  }

  /** A look, and what it asks for. The end, if there is one. */
  async #step(): Promise<RankEnd | undefined> {
    const { pod, rank, directory } = this.#rank;
    if (!this.#isStarted) {
      const start = await this.#start();
      if (start !== undefined) return start;
    }
    const look = await this.#look();
    switch (look.state) {
      case "other":
        return { reason: replaced(pod.name) };
      case "none":
        // Where the lock is not, there was no start.
        this.#isStarted = false;
        return undefined;
      case "starting":
        return await this.#starting();
      case "running":
      case "lost":
      case "ended":
        break;
      default:
        throw new Error(`unknown state ${look satisfies never}`);
    }
    const output = await RankOutput.open(this.#around.output, this.#rank.runId, rank);
    const offsets = [output.received("stdout"), output.received("stderr")] as const;
    if (look.state === "running") {
      await this.#follow(output, followScript(directory, ...offsets), true);
      return undefined;
    }
    if (offsets[0] < look.stdoutBytes || offsets[1] < look.stderrBytes) {
      await this.#follow(output, readScript(directory, ...offsets), false);
      // A connection may lose the last of what a program writes: whether all is there is for the next look.
      if (output.received("stdout") < look.stdoutBytes || output.received("stderr") < look.stderrBytes)
        return undefined;
    }
    await output.end();
    if (output.hasGoal) this.#around.onGoal();
    return look.state === "ended"
      ? { exitStatus: look.exitStatus }
      : { reason: `The command of rank ${rank} is gone without an exit status` };
  }

  /** Starts the command unless it was started. */
  async #start(): Promise<RankEnd | undefined> {
    const { pod, directory, command } = this.#rank;
    let said: string;
    try {
      said = await this.#ask(startScript(directory, pod.uid, command));
    } catch (error) {
      if (!isMissingShell(error)) throw error;
      return await this.#runPlain();
    }
    if (said === "other\n") return { reason: replaced(pod.name) };
    if (said !== "started\n") throw new Error(`the command could not be started in pod ${pod.name}`);
    this.#isStarted = true;
    return undefined;
  }

  async #look(): Promise<Look> {
    const { pod, directory } = this.#rank;
    const look = parseLook(await this.#ask(lookScript(directory, pod.uid)));
    if (look === undefined) throw new Error(`pod ${pod.name} did not say how its command stands`);
    return look;
  }

  /** The shell that has taken the lock is about to write its number, unless it was killed just then. */
  async #starting(): Promise<RankEnd | undefined> {
    const { signal, timings } = this.#around;
    this.#startingSince ??= performance.now();
    if (performance.now() - this.#startingSince > timings.startMs) {
      return { reason: `The start of the command of rank ${this.#rank.rank} was cut off` };
    }
    await sleep(timings.firstRetryMs, signal);
    return undefined;
  }

  /** Takes what a program sends until it ends, or nothing comes for too long. */
  async #follow(output: RankOutput, command: readonly string[], stdin: boolean): Promise<void> {
    const { silenceMs } = this.#around.timings;
    await this.#bounded(silenceMs, async (signal, heard) => {
      await this.#exec(command, signal, stdin, async (stream, chunk) => {
        heard();
        await output.take(stream, chunk);
        if (output.hasGoal) {
          await output.settled();
          this.#around.onGoal();
        }
        heard();
      });
    });
    await output.settled();
  }

  /**
   * For a container without `/bin/sh`: the command itself, whose output comes over the one connection that there will ever be. That it was begun is noted
   * before, so that nobody begins it again.
   */
  async #runPlain(): Promise<RankEnd> {
    const { rank, runId, command } = this.#rank;
    const { signal } = this.#around;
    const source = { name: `${rank}/plain`, from: BEGINNING, to: { bytes: 1, inside: false } };
    const lost = {
      reason: `The connection to the command of rank ${rank} was lost, and its image has no /bin/sh to take it up again`,
    };
    if ((await this.#around.output.append(runId, { lines: [], source })) === "moved") return lost;
    const output = await RankOutput.open(this.#around.output, runId, rank);
    let exitStatus: number;
    try {
      exitStatus = await this.#exec(command, signal, false, async (stream, chunk) => {
        await output.take(stream, chunk);
        if (output.hasGoal) {
          await output.settled();
          this.#around.onGoal();
        }
      });
    } catch (error) {
      signal.throwIfAborted();
      await output.end().catch(() => undefined);
      if (isKubeError(error) && error.reason === EXEC_FAILED) {
        return { reason: `The command of rank ${rank} could not be started: ${error.message}` };
      }
      this.#around.onTrouble(error);
      return lost;
    }
    await output.end();
    if (output.hasGoal) this.#around.onGoal();
    return { exitStatus };
  }

  /** What a program that answers at once writes to its standard output. */
  async #ask(command: readonly string[]): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const status = await this.#bounded(this.#around.timings.shortMs, (signal) =>
      this.#exec(command, signal, false, (stream, chunk) => {
        bytes += chunk.length;
        if (stream === "stdout" && bytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
      }),
    );
    if (status !== 0)
      throw new Error(`a program in pod ${this.#rank.pod.name} ended with status ${status ?? "unknown"}`);
    return Buffer.concat(chunks).toString("utf8");
  }

  #exec(
    command: readonly string[],
    signal: AbortSignal,
    stdin: boolean,
    onData: ExecOptions["onData"],
  ): Promise<number> {
    const { namespace, pod } = this.#rank;
    return this.#around.exec({ namespace, pod: pod.name, container: pod.container, command, stdin, onData, signal });
  }

  /** Ends the work `ms` after it was last heard of; undefined then. */
  async #bounded<T>(ms: number, work: (signal: AbortSignal, heard: () => void) => Promise<T>): Promise<T | undefined> {
    const { signal } = this.#around;
    const either = new AbortController();
    const abort = () => either.abort(signal.reason);
    const timer = setTimeout(() => either.abort(), ms);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      return await work(either.signal, () => timer.refresh());
    } catch (error) {
      signal.throwIfAborted();
      if (either.signal.aborted && isKubeError(error, "aborted")) return undefined;
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  /** The end of the rank, if this is one and not merely trouble. */
  #endOf(error: unknown): RankEnd | undefined {
    const { pod } = this.#rank;
    return isKubeError(error, "notFound") ? { reason: `The pod ${pod.name} is gone` } : undefined;
  }
}

function replaced(pod: string): string {
  return `The pod ${pod} was replaced by another one`;
}

/** Whether the node could not start our program because the container has no shell. */
function isMissingShell(error: unknown): boolean {
  return (
    isKubeError(error) &&
    error.reason === EXEC_FAILED &&
    /\/bin\/sh/.test(error.message) &&
    /no such file or directory|executable file not found/i.test(error.message)
  );
}

/** Ends early, and without an error, when the signal aborts. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
