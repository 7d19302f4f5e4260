import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../kube/logger.ts";
import { ApiError, retryAfter } from "../errors.ts";
import { differingFiles, type Identity, makeCommit } from "./commit.ts";
import { isAbsence } from "./contained.ts";
import { type Git, GitError, type GitOptions } from "./git.ts";
import { packIfMany } from "./housekeeping.ts";
import type {
  Change,
  FileWrite,
  JobsRepository,
  RepositoryFile,
  RepositoryJob,
  RepositoryState,
} from "./jobs-repository.ts";
import { openRepository } from "./open-repository.ts";
import { RebaseConflict, rebase } from "./rebase.ts";
import { RepositoryLock } from "./repository-lock.ts";
import { SharedPass } from "./shared-pass.ts";
import { EMPTY_TREE } from "./tree-change.ts";
import { WorkQueue } from "./work-queue.ts";
import { WorkTree } from "./work-tree.ts";
import { forgetMove, moveWorkTree, removeScratch, replaceFile, unfinishedMove } from "./work-tree-update.ts";

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

/** What the refs of the repository say; undefined: there is no such ref. */
interface Refs {
  head: string | undefined;
  /** The remote's branch as last fetched or pushed. */
  remote: string | undefined;
  /** The remote's branch as last taken over: commits in it are not ours, also after the remote's history was rewritten. */
  base: string | undefined;
}

const NO_COMMIT = "0".repeat(40);
const MAX_WAITING = 256;
/** How long a write waits for the remote (O-104). */
const REFRESH_MS = 5_000;
const FETCH_MS = 30_000;
const FIRST_FETCH_MS = 600_000;
const PUSH_MS = 30_000;
/** How long another process may keep the repository. */
const LOCK_MS = 15_000;
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
  readonly #lock: RepositoryLock;
  readonly #queue = new WorkQueue(MAX_WAITING);
  readonly #stopping = new AbortController();
  readonly #listeners: (() => void)[] = [];
  #refs: Refs = { head: undefined, remote: undefined, base: undefined };
  #dirty = false;
  #error: string | undefined;
  /** When the last look at the remote that succeeded began. */
  #freshAt = Number.NEGATIVE_INFINITY;
  /** A sync that has not begun yet. */
  #nextSync: Promise<void> | undefined;
  #moving: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  #packing: Promise<void> | undefined;

  private constructor(options: GitRepositoryOptions, opened: Awaited<ReturnType<typeof openRepository>>) {
    this.#options = options;
    this.#git = opened.git;
    this.#directory = opened.directory;
    this.#gitDirectory = opened.gitDirectory;
    this.#hasRemote = opened.hasRemote;
    this.#lock = new RepositoryLock(join(opened.gitDirectory, "odin.lock"));
    this.#tree = new WorkTree({ ...options, directory: opened.directory });
  }

  /** Opens the work tree, or makes it, and finishes what a killed process has left. Does not ask the remote. */
  static async open(options: GitRepositoryOptions): Promise<GitRepository> {
    const repository = new GitRepository(options, await openRepository(options));
    try {
      await repository.#exclusively(async () => {
        await removeScratch(repository.#gitDirectory);
        if (!repository.#hasRemote) await repository.#firstCommit();
        await repository.#integrate();
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
    return this.#refs.head !== undefined;
  }

  async jobs(): Promise<RepositoryJob[]> {
    await this.#moving;
    return await this.#scans.run();
  }

  async job(id: string): Promise<RepositoryJob | undefined> {
    await this.#moving;
    return await this.#tree.job(id);
  }

  async rootFiles(): Promise<readonly RepositoryFile[]> {
    await this.#moving;
    return await this.#tree.rootFiles();
  }

  head(): string {
    return this.#refs.head ?? NO_COMMIT;
  }

  async atHead<T>(read: () => Promise<T>): Promise<{ head: string; value: T }> {
    const giveUpAt = performance.now() + LOCK_MS;
    while (performance.now() < giveUpAt) {
      await this.#moving;
      const before = await this.#moment();
      if (before !== undefined) {
        const value = await read();
        if ((await this.#moment()) === before) return { head: before, value };
      }
      await delay(SOON_MS);
    }
    throw new ApiError("Busy", "the jobs repository keeps changing; try again in a moment", {
      headers: retryAfter(5),
    });
  }

  /** HEAD, also where another process has moved it; undefined while a change is under way. */
  async #moment(): Promise<string | undefined> {
    if (this.#moving !== undefined || (await unfinishedMove(this.#gitDirectory)) !== undefined) return undefined;
    const text = await readFile(join(this.#gitDirectory, "refs/heads", this.#options.branch), "utf8").catch(() => "");
    const head = text.trim();
    // A packed branch has no file of its own; whoever moves it gives it one.
    return /^[0-9a-f]{40}$/.test(head) ? head : this.head();
  }

  state(): RepositoryState {
    const version = this.#refs.remote ?? this.head();
    return { version, dirty: this.#dirty, ...(this.#error === undefined ? {} : { error: this.#error }) };
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
      if (this.#freshAt < askedAt) throw this.#unreachable();
    }
    try {
      const written = await this.#queue.run(() => this.#exclusively(() => this.#write(change)));
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
      for (const [path] of files) await this.#checkPlace(path);
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
        if (this.head() !== commit) await this.#move(from, commit, differing, this.#hasRemote ? commit : undefined);
        return { head: commit, changed: true };
      }
      if (attempt >= PUSHES) {
        throw new ApiError("RepositoryConflict", `the git remote refuses the change: ${refusal}`);
      }
      await this.#fetch(FETCH_MS);
      await this.#integrate();
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
      throw this.#unreachable();
    }
    this.#succeed(startedAt);
    return undefined;
  }

  /** Whether the remote's branch holds a commit; false also if it cannot be asked. */
  async #hasLanded(commit: string): Promise<boolean> {
    try {
      await this.#fetch(REFRESH_MS);
      const { remote } = await this.#readRefs();
      if (remote === undefined) return false;
      if ((await this.#git.runOrNo(["merge-base", "--is-ancestor", commit, remote])) === undefined) return false;
    } catch (error) {
      if (error instanceof GitError) return false;
      throw error;
    }
    await this.#integrate();
    return true;
  }

  /** One look at the remote; calls that come before it begins share it. Never rejects. */
  #sync(): Promise<void> {
    this.#nextSync ??= this.#queue
      .runAlways(async () => {
        this.#nextSync = undefined;
        const startedAt = performance.now();
        await this.#exclusively(async () => {
          if (this.#hasRemote) await this.#fetch(this.#refs.remote === undefined ? FIRST_FETCH_MS : FETCH_MS);
          await this.#firstCommit();
          await this.#integrate();
          await this.#lookForEdits();
        });
        this.#succeed(startedAt);
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
      if (!isNew || this.#refs.remote !== undefined) throw error;
    }
  }

  /** Takes over what was fetched: the branch moves on, and commits made here by hand are put on top. */
  async #integrate(): Promise<void> {
    await this.#readRefs();
    const { head, remote, base } = this.#refs;
    if (remote === undefined || (remote === head && remote === base)) return;
    if (remote === head) {
      await this.#moveBranch(head, head, remote);
      return;
    }
    const own = head === undefined ? [] : await this.#ownCommits(head, remote, base);
    const target = own.length === 0 ? remote : await this.#onTopOf(remote, own, head);
    if (target !== head || base !== remote) await this.#move(head, target, [], remote);
  }

  /** Commits of this work tree that never were the remote's, the oldest first. */
  async #ownCommits(head: string, remote: string, base: string | undefined): Promise<string[]> {
    const known = [`^${remote}`, ...(base === undefined ? [] : [`^${base}`])];
    const output = await this.#git.run(["rev-list", "--reverse", "--topo-order", "--no-merges", head, ...known]);
    return output.split("\n").filter((line) => line !== "");
  }

  async #onTopOf(remote: string, own: readonly string[], head: string | undefined): Promise<string> {
    const isAhead = (await this.#git.runOrNo(["merge-base", "--is-ancestor", remote, head ?? remote])) !== undefined;
    return isAhead ? (head ?? remote) : await rebase(this.#git, own, remote);
  }

  /** A branch without commits gets an empty one: every state of the jobs has a version. */
  async #firstCommit(): Promise<void> {
    const { head, remote } = await this.#readRefs();
    if (head !== undefined || remote !== undefined) return;
    const { committer } = this.#options;
    const commit = await makeCommit(this.#git, {
      parent: undefined,
      author: committer,
      committer,
      message: "via odin-http init",
      files: [],
    });
    await this.#move(undefined, commit, [], undefined);
  }

  /** Moves work tree and branch; readers wait for it, and it is finished after a kill. */
  async #move(
    from: string | undefined,
    to: string,
    files: readonly FileWrite[],
    base: string | undefined,
  ): Promise<void> {
    await this.#lock.assertHeld();
    const parts = { ...this.#options, git: this.#git, directory: this.#directory, gitDirectory: this.#gitDirectory };
    const force = files.map(([path]) => path);
    const move = { from: from ?? EMPTY_TREE, to, force, isPushed: base !== undefined };
    const moving = moveWorkTree(parts, move, () => this.#moveBranch(from, to, base), files);
    this.#moving = moving.catch(() => undefined);
    try {
      await moving;
    } finally {
      this.#moving = undefined;
    }
  }

  async #moveBranch(from: string | undefined, to: string, base: string | undefined): Promise<void> {
    const { branch } = this.#options;
    const lines = [`update refs/heads/${branch} ${to} ${from ?? NO_COMMIT}`];
    if (base !== undefined) lines.push(`update refs/remotes/origin/${branch} ${base}`, `update refs/odin/base ${base}`);
    const input = Buffer.from(`start\n${lines.join("\n")}\nprepare\ncommit\n`);
    await this.#git.run(["update-ref", "--stdin", "-m", "odin"], { input });
    this.#refs = { ...this.#refs, head: to, ...(base === undefined ? {} : { remote: base, base }) };
  }

  /** Runs `work` as the only process, with the refs read and nothing left unfinished. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    return await this.#lock.with(LOCK_MS, async () => {
      await this.#readRefs();
      await this.#finishMove();
      return await work();
    });
  }

  async #finishMove(): Promise<void> {
    const move = await unfinishedMove(this.#gitDirectory);
    if (move === undefined) return;
    const { head, remote } = this.#refs;
    const from = move.from === EMPTY_TREE ? undefined : move.from;
    // Moved elsewhere by hand since: what there is in the work tree is for that person to keep or not.
    if (head !== from && head !== move.to) return await forgetMove(this.#gitDirectory);
    this.#options.logger.info({ from: move.from, to: move.to }, "finishing a change that was cut short");
    await removeScratch(this.#gitDirectory);
    const parts = { ...this.#options, git: this.#git, directory: this.#directory, gitDirectory: this.#gitDirectory };
    // The branch may have moved already; then only the files are left to do.
    await moveWorkTree(parts, move, async () => {
      if (head === from) await this.#moveBranch(from, move.to, remote);
    });
    await this.#readRefs();
  }

  async #readRefs(): Promise<Refs> {
    const { branch } = this.#options;
    const names = { head: `refs/heads/${branch}`, remote: `refs/remotes/origin/${branch}`, base: "refs/odin/base" };
    const output = await this.#git.run(["for-each-ref", "--format=%(refname) %(objectname)", ...Object.values(names)]);
    const found = new Map(output.split("\n").map((line) => line.split(" ") as [string, string]));
    this.#refs = {
      head: found.get(names.head),
      remote: this.#hasRemote ? found.get(names.remote) : undefined,
      base: found.get(names.base),
    };
    return this.#refs;
  }

  async #lookForEdits(): Promise<void> {
    const output = await this.#git.run(["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"]);
    this.#dirty = output !== "";
  }

  /** Refuses a path that a link, a file or a directory keeps from being a file in the work tree (O-12). */
  async #checkPlace(path: string): Promise<void> {
    const segments = path.split("/");
    for (let count = 1; count <= segments.length; count++) {
      const part = segments.slice(0, count).join("/");
      const isLast = count === segments.length;
      try {
        const status = await lstat(join(this.#directory, part));
        if (isLast ? status.isDirectory() : !status.isDirectory()) {
          throw new ApiError(
            "RepositoryConflict",
            `${part} is ${isLast ? "a directory" : "no directory"} in the jobs repository`,
          );
        }
      } catch (error) {
        if (isAbsence(error)) return;
        throw error;
      }
    }
  }

  #author(user: string): Identity {
    const { email } = this.#options.committer;
    return { name: user, email: user.includes("@") ? user : `${user}@${email.split("@")[1] ?? "localhost"}` };
  }

  #succeed(startedAt: number): void {
    this.#freshAt = startedAt;
    if (this.#error !== undefined) this.#options.logger.info({}, "the jobs repository is in sync again");
    this.#error = undefined;
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    if (this.#error !== message) this.#options.logger.warn({ reason: message }, "the jobs repository cannot be synced");
    this.#error = message;
    this.#conflict = error instanceof RebaseConflict;
  }

  #conflict = false;

  #unreachable(): ApiError {
    const reason = this.#error ?? `no answer within ${REFRESH_MS} ms`;
    if (this.#conflict && this.#error !== undefined) return new ApiError("RepositoryConflict", reason);
    return unavailable(`the git remote cannot be reached (${reason}); reading goes on, changes have to wait`);
  }

  #tellListeners(): void {
    for (const fn of this.#listeners) fn();
  }
}

function unavailable(detail: string, cause?: unknown): ApiError {
  return new ApiError("RepositoryUnavailable", detail, {
    headers: retryAfter(15),
    ...(cause === undefined ? {} : { cause }),
  });
}
