import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../kube/logger.ts";
import { ApiError, retryAfter } from "../errors.ts";
import { differingFiles, type Identity, makeCommit } from "./commit.ts";
import { assertFilePlace } from "./file-place.ts";
import { type Git, GitError, type GitOptions } from "./git.ts";
import { packIfMany } from "./housekeeping.ts";
import { JobsBranch, LOCK_MS } from "./jobs-branch.ts";
import type { Change, JobsRepository, RepositoryFile, RepositoryJob, RepositoryState } from "./jobs-repository.ts";
import { openRepository } from "./open-repository.ts";
import { RebaseConflict } from "./rebase.ts";
import { SharedPass } from "./shared-pass.ts";
import { SyncState, unavailable } from "./sync-state.ts";
import { WorkQueue } from "./work-queue.ts";
import { WorkTree } from "./work-tree.ts";
import { removeScratch, replaceFile } from "./work-tree-update.ts";

/** Where the jobs are kept and how. */
export interface GitRepositoryOptions {
  /** `ODIN_REPOSITORY`. */
  directory: string;
  /** `ODIN_FS_ROOT`. */
  shownRoot: string;
  /** Ids that are no jobs, with all below them. */
  excluded: readonly string[];
  branch: string;
  /** Address of `origin`; absent: as the work tree has it. */
  remote?: string;
  credential?: GitOptions["credential"];
  committer: Identity;
  syncMs: number;
  logger: Logger;
}

const MAX_WAITING = 256;
/** How long a write waits for the remote (O-104). */
const REFRESH_MS = 5_000;
const FETCH_MS = 30_000;
const FIRST_FETCH_MS = 600_000;
const PUSH_MS = 30_000;
const PUSHES = 4;
const SOON_MS = 25;

/**
 * The jobs in a git work tree. Changes are made one at a time, in this process by a queue and among processes by a lock; with a remote, only what
 * it has accepted becomes visible here, so that nothing has to be taken back.
 */
export class GitRepository implements JobsRepository {
  readonly #options: GitRepositoryOptions;
  readonly #git: Git;
  readonly #directory: string;
  readonly #gitDirectory: string;
  readonly #hasRemote: boolean;
  readonly #tree: WorkTree;
  readonly #scans = new SharedPass(() => this.#tree.jobs());
  readonly #branch: JobsBranch;
  readonly #state: SyncState;
  readonly #queue = new WorkQueue(MAX_WAITING);
  readonly #stopping = new AbortController();
  readonly #listeners: (() => void)[] = [];
  #dirty = false;
  /** A sync that has not begun yet. */
  #nextSync: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  #packing: Promise<void> | undefined;

  private constructor(options: GitRepositoryOptions, opened: Awaited<ReturnType<typeof openRepository>>) {
    this.#options = options;
    this.#git = opened.git;
    this.#directory = opened.directory;
    this.#gitDirectory = opened.gitDirectory;
    this.#hasRemote = opened.hasRemote;
    this.#branch = new JobsBranch({ ...options, ...opened });
    this.#state = new SyncState(options.logger);
    this.#tree = new WorkTree({ ...options, directory: opened.directory });
  }

  /** Opens the work tree, or makes it, and finishes what a killed process has left. Does not ask the remote. */
  static async open(options: GitRepositoryOptions): Promise<GitRepository> {
    const repository = new GitRepository(options, await openRepository(options));
    try {
      await repository.#branch.exclusively(async () => {
        await removeScratch(repository.#gitDirectory);
        if (!repository.#hasRemote) await repository.#branch.firstCommit();
        await repository.#branch.integrate();
        await repository.#lookForEdits();
      });
    } catch (error) {
      if (!(error instanceof RebaseConflict) && !(error instanceof ApiError)) throw error;
      // Another server is at work, or somebody has to solve a conflict: the first sync comes back to it.
      options.logger.warn({ reason: error.message }, "the jobs repository is opened as it is");
    }
    return repository;
  }

  /** Syncs now and then every period; the promise resolves after the first sync, whatever came of it. */
  start(): Promise<void> {
    const first = this.#sync();
    this.#loop = first.then(async () => {
      while (!this.#stopping.signal.aborted) {
        await delay(this.#options.syncMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
        if (this.#stopping.signal.aborted) return;
        await this.#sync();
        this.#packing ??= packIfMany(
          this.#git,
          this.#gitDirectory,
          this.#options.logger,
          this.#stopping.signal,
        ).finally(() => {
          this.#packing = undefined;
        });
      }
    });
    return first;
  }

  /** Ends the syncs; what is being written is written to its end. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#packing;
    await this.#queue.idle();
  }

  /** Whether a text is a job id outside the excluded directories. */
  isOpenId(id: string): boolean {
    return this.#tree.isOpenId(id);
  }

  /** Calls `fn` after each sync and each write. */
  onChange(fn: () => void): void {
    this.#listeners.push(fn);
  }

  get isKnown(): boolean {
    return this.#branch.refs.head !== undefined;
  }

  async jobs(): Promise<RepositoryJob[]> {
    await this.#branch.settled();
    return await this.#scans.run();
  }

  async job(id: string): Promise<RepositoryJob | undefined> {
    await this.#branch.settled();
    return await this.#tree.job(id);
  }

  async rootFiles(): Promise<readonly RepositoryFile[]> {
    await this.#branch.settled();
    return await this.#tree.rootFiles();
  }

  head(): string {
    return this.#branch.head;
  }

  async atHead<T>(read: () => Promise<T>): Promise<{ head: string; value: T }> {
    const giveUpAt = performance.now() + LOCK_MS;
    while (performance.now() < giveUpAt) {
      await this.#branch.settled();
      const before = await this.#branch.moment();
      if (before !== undefined) {
        const value = await read();
        if ((await this.#branch.moment()) === before) return { head: before, value };
      }
      await delay(SOON_MS);
    }
    throw new ApiError("Busy", "the jobs repository keeps changing; try again in a moment", {
      headers: retryAfter(5),
    });
  }

  state(): RepositoryState {
    const version = this.#branch.refs.remote ?? this.head();
    const { error } = this.#state;
    return { version, dirty: this.#dirty, ...(error === undefined ? {} : { error }) };
  }

  /** Seconds since the last look at the repository, and at its remote where it has one, that succeeded began; since the start where none has. */
  get syncAgeSeconds(): number {
    return this.#state.ageSeconds;
  }

  async knows(commit: string): Promise<boolean> {
    if (!/^[0-9a-f]{40}$/.test(commit)) return false;
    try {
      return (await this.#git.runOrNo(["cat-file", "-e", `${commit}^{commit}`])) !== undefined;
    } catch (error) {
      if (error instanceof GitError && error.exitCode === 128) return false;
      throw error;
    }
  }

  async refresh(deadlineMs: number): Promise<void> {
    const enough = new AbortController();
    const waited = delay(deadlineMs, undefined, { signal: enough.signal }).catch(() => undefined);
    await Promise.race([this.#sync(), waited]);
    enough.abort();
  }

  async write(change: Change): Promise<{ head: string; changed: boolean }> {
    const askedAt = performance.now();
    if (this.#hasRemote) {
      await this.refresh(REFRESH_MS);
      if (this.#state.freshAt < askedAt) throw this.#state.unreachable(REFRESH_MS);
    }
    try {
      const written = await this.#queue.run(() => this.#branch.exclusively(() => this.#write(change)));
      this.#tellListeners();
      return written;
    } catch (error) {
      if (error instanceof RebaseConflict) throw new ApiError("RepositoryConflict", error.message, { cause: error });
      if (!(error instanceof GitError)) throw error;
      this.#options.logger.error({ err: error }, "the jobs repository could not be written");
      throw unavailable("the jobs repository cannot be written now; try again later", error);
    }
  }

  async #write(change: Change): Promise<{ head: string; changed: boolean }> {
    try {
      return await this.#commit(change);
    } catch (error) {
      if (error instanceof GitError) await removeScratch(this.#gitDirectory);
      throw error;
    }
  }

  async #commit(change: Change): Promise<{ head: string; changed: boolean }> {
    for (let attempt = 1; ; attempt++) {
      const files = await change.files();
      for (const [path] of files) await assertFilePlace(this.#directory, path);
      const head = this.head();
      const differing = await differingFiles(this.#git, head, files);
      if (differing.length === 0) {
        for (const [path, bytes] of files) await replaceFile(this.#directory, this.#gitDirectory, path, bytes);
        return { head, changed: false };
      }
      const commit = await makeCommit(this.#git, {
        parent: head,
        author: this.#author(change.user),
        committer: this.#options.committer,
        message: change.message,
        files: differing,
      });
      const refusal = this.#hasRemote ? await this.#push(commit) : undefined;
      if (refusal === undefined) {
        const from = head;
        if (this.head() !== commit)
          await this.#branch.move(from, commit, differing, this.#hasRemote ? commit : undefined);
        return { head: commit, changed: true };
      }
      if (attempt >= PUSHES) {
        throw new ApiError("RepositoryConflict", `the git remote refuses the change: ${refusal}`);
      }
      await this.#fetch(FETCH_MS);
      await this.#branch.integrate();
    }
  }

  /** Pushes a commit. Returns the remote's words if it refuses, undefined once it has the commit. */
  async #push(commit: string): Promise<string | undefined> {
    const startedAt = performance.now();
    const { branch } = this.#options;
    const spec = `${commit}:refs/heads/${branch}`;
    try {
      await this.#git.run(["push", "--porcelain", "--no-verify", "origin", spec], { timeoutMs: PUSH_MS });
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      const refusal = /!\t\S+\t(\[[^\n;]+)/.exec(error.message)?.[1];
      if (refusal !== undefined) return refusal;
      // The answer may have been lost on its way.
      if (await this.#hasLanded(commit)) return undefined;
      this.#fail(error);
      throw this.#state.unreachable(REFRESH_MS);
    }
    this.#state.succeeded(startedAt);
    return undefined;
  }

  /** Whether the remote's branch holds a commit; false also if it cannot be asked. */
  async #hasLanded(commit: string): Promise<boolean> {
    try {
      await this.#fetch(REFRESH_MS);
      const { remote } = await this.#branch.readRefs();
      if (remote === undefined) return false;
      if ((await this.#git.runOrNo(["merge-base", "--is-ancestor", commit, remote])) === undefined) return false;
    } catch (error) {
      if (error instanceof GitError) return false;
      throw error;
    }
    await this.#branch.integrate();
    return true;
  }

  /** One look at the remote; calls that come before it begins share it. Never rejects. */
  #sync(): Promise<void> {
    this.#nextSync ??= this.#queue
      .runAlways(async () => {
        this.#nextSync = undefined;
        const startedAt = performance.now();
        await this.#branch.exclusively(async () => {
          if (this.#hasRemote) await this.#fetch(this.#branch.refs.remote === undefined ? FIRST_FETCH_MS : FETCH_MS);
          await this.#branch.firstCommit();
          await this.#branch.integrate();
          await this.#lookForEdits();
        });
        this.#state.succeeded(startedAt);
      })
      .catch((error: unknown) => {
        this.#nextSync = undefined;
        this.#fail(error);
      })
      .then(() => this.#tellListeners());
    return this.#nextSync;
  }

  async #fetch(timeoutMs: number): Promise<void> {
    const { branch } = this.#options;
    const spec = `+refs/heads/${branch}:refs/remotes/origin/${branch}`;
    const options = { timeoutMs, signal: this.#stopping.signal };
    try {
      const flags = ["--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--verbose"];
      await this.#git.run(["fetch", ...flags, "origin", spec], options);
    } catch (error) {
      // A remote without the branch is one without commits: the first push makes it. That one we know is gone is no such.
      const isNew = error instanceof GitError && error.message.includes("couldn't find remote ref");
      if (!isNew || this.#branch.refs.remote !== undefined) throw error;
    }
  }

  async #lookForEdits(): Promise<void> {
    const output = await this.#git.run(["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"]);
    this.#dirty = output !== "";
  }

  #author(user: string): Identity {
    const { email } = this.#options.committer;
    return { name: user, email: user.includes("@") ? user : `${user}@${email.split("@")[1] ?? "localhost"}` };
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    this.#state.failed(error);
  }

  #tellListeners(): void {
    for (const fn of this.#listeners) fn();
  }
}
