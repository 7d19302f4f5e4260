import { setMaxListeners } from "node:events";
import { isKubeError } from "../../../kube/errors.ts";
import { inTime } from "../../../kube/in-time.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { MlbenchOutput } from "../../../store/mlbench-output.ts";
import type { CommandEnd, ManagedRun, RunCommandEvents, RunCommands, WorkerPod } from "../runs/managed-run.ts";
import { RECORDS_PATH } from "../runs/records.ts";
import { terminateScript } from "./pod-scripts.ts";
import { type ExecProgram, RANK_TIMINGS, type Rank, type RankEnd, type RankTimings, runRank } from "./rank-command.ts";

/** What the commands of runs need. */
export interface CommandRunsOptions extends RunCommandEvents {
  /** `execInPod` with a client. */
  exec: ExecProgram;
  output: MlbenchOutput;
  logger: Logger;
  /** Where containers keep the records; only tests have another place. */
  recordsPath?: string;
  timings?: Partial<CommandTimings>;
}

/** The defaults are what production uses. */
export interface CommandTimings extends RankTimings {
  /** For the other ranks to end, after one has failed (M-52). */
  graceMs: number;
}

const GRACE_MS = 30_000;

/** Starts the commands of runs once, follows them, and tells how they end (M-50 to M-52). All that it needs to go on is in the pods and in the store. */
export class CommandRuns implements RunCommands {
  readonly #options: CommandRunsOptions;
  readonly #runs = new Map<string, CommandRun>();

  constructor(options: CommandRunsOptions) {
    this.#options = options;
  }

  start(run: ManagedRun, pods: readonly WorkerPod[]): void {
    const known = this.#runs.get(run.uid);
    if (known !== undefined) {
      if (known.end !== undefined) this.#options.onEnd(run.uid, known.end);
      return;
    }
    const started = new CommandRun(run, pods, this.#options);
    this.#runs.set(run.uid, started);
    started.follow().then(
      (end) => this.#options.onEnd(run.uid, end),
      (error: unknown) => {
        // Stopped, or a fault of ours: the next start takes it up again.
        if (this.#runs.get(run.uid) === started) this.#runs.delete(run.uid);
        if (!started.isStopped)
          this.#options.logger.error({ err: messageOf(error), run: run.id }, "a run is not followed");
      },
    );
  }

  async stop(runUid: string, graceMs: number): Promise<void> {
    const run = this.#runs.get(runUid);
    if (run === undefined) return;
    await run.stop(graceMs);
    if (this.#runs.get(runUid) === run) this.#runs.delete(runUid);
  }

  async detach(): Promise<void> {
    const runs = [...this.#runs.values()];
    this.#runs.clear();
    await Promise.all(runs.map((run) => run.leave()));
  }
}

/** The command of one run, on all its ranks. */
class CommandRun {
  /** Undefined while the command is under way. */
  end: CommandEnd | undefined;
  readonly #run: ManagedRun;
  readonly #options: CommandRunsOptions;
  readonly #timings: CommandTimings;
  readonly #ranks: readonly Rank[];
  readonly #ends = new Map<number, RankEnd>();
  readonly #following = new AbortController();
  #followed: Promise<unknown> = Promise.resolve();
  #isDecided = false;

  constructor(run: ManagedRun, pods: readonly WorkerPod[], options: CommandRunsOptions) {
    this.#run = run;
    this.#options = options;
    this.#timings = { ...RANK_TIMINGS, graceMs: GRACE_MS, ...options.timings };
    this.#ranks = run.commands.map((command, rank) => {
      const pod = pods.find((one) => one.rank === rank);
      if (pod === undefined) throw new Error(`run ${run.id} has no worker for rank ${rank}`);
      const directory = `${options.recordsPath ?? RECORDS_PATH}/${run.uid}`;
      return { rank, runId: run.id, namespace: run.namespace, pod, command, directory };
    });
    setMaxListeners(0, this.#following.signal);
  }

  get isStopped(): boolean {
    return this.#following.signal.aborted && !this.#isDecided;
  }

  /** Resolves when the command has ended; rejects when it is not followed any more. To be called once. */
  follow(): Promise<CommandEnd> {
    const followed = this.#follow();
    this.#followed = followed.catch(() => undefined);
    return followed;
  }

  /** Asks the command to end, gives it that time, and follows it no longer. */
  async stop(graceMs: number): Promise<void> {
    if (this.end === undefined && graceMs > 0) {
      await inTime(graceMs, this.#following.signal, async ({ signal }) => {
        await Promise.all(this.#ranks.map((rank) => this.#terminate(rank, signal)));
        await Promise.race([this.#followed, aborted(signal)]);
      });
    }
    await this.leave();
  }

  /** Follows the command no longer; resolves when nothing is done for it. */
  async leave(): Promise<void> {
    this.#following.abort();
    await this.#followed;
  }

  async #follow(): Promise<CommandEnd> {
    const { signal } = this.#following;
    let failure: string | undefined;
    let decide: () => void = () => undefined;
    const decided = new Promise<void>((done) => {
      decide = done;
    });
    // Said to a process before this one, which could not tell it any more.
    let hasGoal = await this.#hadGoal();
    if (hasGoal) decide();
    let grace: NodeJS.Timeout | undefined;
    const follow = async (rank: Rank): Promise<void> => {
      const end = await runRank(rank, {
        exec: this.#options.exec,
        output: this.#options.output,
        timings: this.#timings,
        signal,
        onTrouble: (error) => this.#report(rank, error),
        onGoal: () => {
          hasGoal ||= failure === undefined;
          if (hasGoal) decide();
        },
      });
      this.#ends.set(rank.rank, end);
      if (failure === undefined && !hasGoal) failure = failureOf(end, rank);
      if (this.#ends.size === this.#ranks.length) decide();
      else if (failure !== undefined) grace ??= setTimeout(decide, this.#timings.graceMs);
    };
    const all = Promise.allSettled(hasGoal ? [] : this.#ranks.map(follow));
    await Promise.race([decided, aborted(signal)]);
    clearTimeout(grace);
    signal.throwIfAborted();
    this.#isDecided = true;
    this.#following.abort();
    await all;
    const ranks = this.#ranks.map(({ rank, pod }) => ({
      pod: pod.name,
      exitStatus: exitStatusOf(this.#ends.get(rank)),
    }));
    this.end = failure === undefined ? { ok: true, ranks } : { ok: false, reason: failure, ranks };
    return this.end;
  }

  /** Asks the store until it answers. */
  async #hadGoal(): Promise<boolean> {
    const { signal } = this.#following;
    while (true) {
      signal.throwIfAborted();
      try {
        return (await this.#options.output.state(this.#run.id)).goal;
      } catch (error) {
        this.#options.logger.warn({ err: messageOf(error), run: this.#run.id }, "the output of a run cannot be read");
        await Promise.race([new Promise((done) => setTimeout(done, this.#timings.firstRetryMs)), aborted(signal)]);
      }
    }
  }

  /** As far as that can be done: its pod is deleted after that. */
  async #terminate({ namespace, pod, directory }: Rank, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.exec({
        namespace,
        pod: pod.name,
        container: pod.container,
        command: terminateScript(directory),
        onData: () => undefined,
        signal,
      });
    } catch (error) {
      this.#options.logger.debug({ err: messageOf(error), run: this.#run.id, pod: pod.name }, "not asked to end");
    }
  }

  #report(rank: Rank, error: unknown): void {
    const fields = { err: messageOf(error), run: this.#run.id, pod: rank.pod.name };
    this.#options.logger.warn(fields, "the command of a run is out of reach, and is asked for again");
  }
}

function failureOf(end: RankEnd, { rank }: Rank): string | undefined {
  if ("reason" in end) return end.reason;
  return end.exitStatus === 0 ? undefined : `Command of rank ${rank} exited with status ${end.exitStatus}`;
}

function exitStatusOf(end: RankEnd | undefined): number | null {
  return end !== undefined && "exitStatus" in end ? end.exitStatus : null;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });
}

function messageOf(error: unknown): string {
  return isKubeError(error) || error instanceof Error ? error.message : String(error);
}
