import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../../kube/logger.ts";
import { type Identity, makeCommit } from "./commit.ts";
import type { Git } from "./git.ts";
import type { FileWrite } from "./jobs-repository.ts";
import { rebase } from "./rebase.ts";
import { RepositoryLock } from "./repository-lock.ts";
import { EMPTY_TREE } from "./tree-change.ts";
import { forgetMove, moveWorkTree, removeScratch, unfinishedMove } from "./work-tree-update.ts";

/** What the refs of the repository say; undefined: there is no such ref. */
export interface Refs {
  head: string | undefined;
  /** The remote's branch as last fetched or pushed. */
  remote: string | undefined;
  /** The remote's branch as last taken over: commits in it are not ours, also after the remote's history was rewritten. */
  base: string | undefined;
}

/** What a branch is made of. */
export interface BranchParts {
  git: Git;
  directory: string;
  gitDirectory: string;
  branch: string;
  hasRemote: boolean;
  committer: Identity;
  logger: Logger;
}

const NO_COMMIT = "0".repeat(40);
/** How long another process may keep the repository. */
export const LOCK_MS = 15_000;

/** The branch that holds the jobs, with the work tree that always stands for its last commit. What moves it needs the lock: `exclusively`. */
export class JobsBranch {
  readonly #parts: BranchParts;
  readonly #lock: RepositoryLock;
  #refs: Refs = { head: undefined, remote: undefined, base: undefined };
  #moving: Promise<void> | undefined;

  constructor(parts: BranchParts) {
    this.#parts = parts;
    this.#lock = new RepositoryLock(join(parts.gitDirectory, "odin.lock"));
  }

  /** The refs as last read or written. */
  get refs(): Refs {
    return this.#refs;
  }

  /** The last commit; forty zeros while there is none. */
  get head(): string {
    return this.#refs.head ?? NO_COMMIT;
  }

  /** Resolves when the work tree is not being moved, whatever came of it. */
  async settled(): Promise<void> {
    await this.#moving;
  }

  /** HEAD, also where another process has moved it; undefined while a change is under way. */
  async moment(): Promise<string | undefined> {
    const { gitDirectory, branch } = this.#parts;
    if (this.#moving !== undefined || (await unfinishedMove(gitDirectory)) !== undefined) return undefined;
    const text = await readFile(join(gitDirectory, "refs/heads", branch), "utf8").catch(() => "");
    const head = text.trim();
    // A packed branch has no file of its own; whoever moves it gives it one.
    return /^[0-9a-f]{40}$/.test(head) ? head : this.head;
  }

  /** Runs `work` as the only process, with the refs read and nothing left unfinished. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    return await this.#lock.with(LOCK_MS, async () => {
      await this.readRefs();
      await this.#finishMove();
      return await work();
    });
  }

  /** Takes over what was fetched: the branch moves on, and commits made here by hand are put on top. Throws `RebaseConflict`. */
  async integrate(): Promise<void> {
    await this.readRefs();
    const { head, remote, base } = this.#refs;
    if (remote === undefined || (remote === head && remote === base)) return;
    if (remote === head) {
      await this.#point(head, head, remote);
      return;
    }
    const own = head === undefined ? [] : await this.#ownCommits(head, remote, base);
    const target = own.length === 0 ? remote : await this.#onTopOf(remote, own, head);
    if (target !== head || base !== remote) await this.move(head, target, [], remote);
  }

  /** A branch without commits gets an empty one: every state of the jobs has a version. */
  async firstCommit(): Promise<void> {
    const { head, remote } = await this.readRefs();
    if (head !== undefined || remote !== undefined) return;
    const { git, committer } = this.#parts;
    const message = "via odin-http init";
    const commit = await makeCommit(git, { parent: undefined, author: committer, committer, message, files: [] });
    await this.move(undefined, commit, [], undefined);
  }

  /** Moves work tree and branch; readers wait for it, and it is finished after a kill. `base`: the remote's commit that is in it, where there is one. */
  async move(
    from: string | undefined,
    to: string,
    files: readonly FileWrite[],
    base: string | undefined,
  ): Promise<void> {
    await this.#lock.assertHeld();
    const force = files.map(([path]) => path);
    const move = { from: from ?? EMPTY_TREE, to, force, isPushed: base !== undefined };
    const moving = moveWorkTree(this.#parts, move, () => this.#point(from, to, base), files);
    this.#moving = moving.catch(() => undefined);
    try {
      await moving;
    } finally {
      this.#moving = undefined;
    }
  }

  async readRefs(): Promise<Refs> {
    const { git, branch, hasRemote } = this.#parts;
    const names = { head: `refs/heads/${branch}`, remote: `refs/remotes/origin/${branch}`, base: "refs/odin/base" };
    const output = await git.run(["for-each-ref", "--format=%(refname) %(objectname)", ...Object.values(names)]);
    const found = new Map(output.split("\n").map((line) => line.split(" ") as [string, string]));
    this.#refs = {
      head: found.get(names.head),
      remote: hasRemote ? found.get(names.remote) : undefined,
      base: found.get(names.base),
    };
    return this.#refs;
  }

  /** Has the branch, and what is known of the remote's, point to other commits. */
  async #point(from: string | undefined, to: string, base: string | undefined): Promise<void> {
    const { git, branch } = this.#parts;
    const lines = [`update refs/heads/${branch} ${to} ${from ?? NO_COMMIT}`];
    if (base !== undefined) lines.push(`update refs/remotes/origin/${branch} ${base}`, `update refs/odin/base ${base}`);
    const input = Buffer.from(`start\n${lines.join("\n")}\nprepare\ncommit\n`);
    await git.run(["update-ref", "--stdin", "-m", "odin"], { input });
    this.#refs = { ...this.#refs, head: to, ...(base === undefined ? {} : { remote: base, base }) };
  }

  /** Commits of this work tree that never were the remote's, the oldest first. */
  async #ownCommits(head: string, remote: string, base: string | undefined): Promise<string[]> {
    const known = [`^${remote}`, ...(base === undefined ? [] : [`^${base}`])];
    const args = ["rev-list", "--reverse", "--topo-order", "--no-merges", head, ...known];
    const output = await this.#parts.git.run(args);
    return output.split("\n").filter((line) => line !== "");
  }

  async #onTopOf(remote: string, own: readonly string[], head: string | undefined): Promise<string> {
    const { git } = this.#parts;
    const isAhead = (await git.runOrNo(["merge-base", "--is-ancestor", remote, head ?? remote])) !== undefined;
    return isAhead ? (head ?? remote) : await rebase(git, own, remote);
  }

  async #finishMove(): Promise<void> {
    const { gitDirectory, logger } = this.#parts;
    const move = await unfinishedMove(gitDirectory);
    if (move === undefined) return;
    const { head, remote } = this.#refs;
    const from = move.from === EMPTY_TREE ? undefined : move.from;
    // Moved elsewhere by hand since: what there is in the work tree is for that person to keep or not.
    if (head !== from && head !== move.to) return await forgetMove(gitDirectory);
    logger.info({ from: move.from, to: move.to }, "finishing a change that was cut short");
    await removeScratch(gitDirectory);
    // The branch may have moved already; then only the files are left to do.
    await moveWorkTree(this.#parts, move, async () => {
      if (head === from) await this.#point(from, move.to, remote);
    });
    await this.readRefs();
  }
}
