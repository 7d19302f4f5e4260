import { stat, unlink } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type SimpleGit, simpleGit } from "simple-git";
import { inTime } from "../../kube/in-time.ts";
import { isAbsence } from "./contained.ts";

/** Where git works and how it reaches the remote. */
export interface GitOptions {
  directory: string;
  /** Absent while there is none yet: only `init` can be run then. */
  gitDirectory?: string;
  /** Value of an `Authorization` header for the remote at `url`. */
  credential?: { url: string; authorization: string };
}

/** How one command is run. */
export interface GitRun {
  input?: Buffer;
  /** The command is ended after so long. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Another index than the work tree's. */
  index?: string;
}

/** A git command that failed. The message is git's, without addresses' credentials and cut to a bound. */
export class GitError extends Error {
  /** 1 often is an answer and no failure; undefined: it did not end by itself. */
  readonly exitCode: number | undefined;
  /** Whether it was ended because it took too long. */
  readonly timedOut: boolean;

  constructor(message: string, exitCode: number | undefined, timedOut = false) {
    super(message);
    this.name = "GitError";
    this.exitCode = exitCode;
    this.timedOut = timedOut;
  }
}

/** What git gets of our environment: how to be found, whose keys and proxies to use, and nothing of our settings. */
const INHERITED = [
  "PATH",
  "HOME",
  "XDG_CONFIG_HOME",
  "TMPDIR",
  "SSH_AUTH_SOCK",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
];
/**
 * Settings that hold whatever the repository's and the user's configuration say: no hooks, no programs started on the way, bytes as they are, no
 * clean-up in the background, and a remote that stops sending is given up.
 */
const CONFIG: Readonly<Record<string, string>> = {
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "core.autocrlf": "false",
  "core.quotePath": "false",
  "core.fsync": "committed,reference",
  "gc.auto": "0",
  "maintenance.auto": "false",
  "fetch.recurseSubmodules": "no",
  "push.recurseSubmodules": "no",
  "push.gpgSign": "false",
  "http.followRedirects": "initial",
  "http.lowSpeedLimit": "1",
  "http.lowSpeedTime": "20",
};
const PROTOCOLS = "https:http:ssh:git:file";
const TIMEOUT_MS = 60_000;
const MAX_MESSAGE = 500;
/** A lock file of git is held for moments; one so old was left by a process that was killed. */
const STALE_LOCK_MS = 10_000;

/** Runs git in one work tree: no shell, no hooks, no pager, no question, none of the transports that run programs (O-105). */
export class Git {
  readonly #options: GitOptions;

  constructor(options: GitOptions) {
    this.#options = options;
  }

  /** Runs a command and returns what it prints. Rejects with a `GitError`; waits for, or removes, locks that others left. */
  async run(args: readonly string[], run: GitRun = {}): Promise<string> {
    const giveUpAt = performance.now() + STALE_LOCK_MS * 1.5;
    while (true) {
      try {
        return await this.#once(args, run);
      } catch (error) {
        const lock =
          error instanceof GitError ? /Unable to create '(.+\.lock)': File exists/.exec(error.message) : null;
        if (lock?.[1] === undefined || performance.now() > giveUpAt) throw error;
        if (!(await this.#removeStale(lock[1]))) await delay(200);
      }
    }
  }

  /** Like `run`, for commands whose exit code 1 means no; then undefined. */
  async runOrNo(args: readonly string[], run: GitRun = {}): Promise<string | undefined> {
    try {
      return await this.run(args, run);
    } catch (error) {
      if (error instanceof GitError && error.exitCode === 1) return undefined;
      throw error;
    }
  }

  async #once(args: readonly string[], run: GitRun): Promise<string> {
    const timeoutMs = run.timeoutMs ?? TIMEOUT_MS;
    let isLate = false;
    let failure: GitError | undefined;
    const onFailure = (exitCode: number, words: string): void => {
      failure = new GitError(`git ${args[0]}: ${shown(words) || `exit code ${exitCode}`}`, exitCode);
    };
    try {
      return await inTime(timeoutMs, run.signal, async ({ signal }) => {
        signal.addEventListener("abort", () => {
          isLate = run.signal?.aborted !== true;
        });
        return await this.#git(run, signal, onFailure).raw([...args]);
      });
    } catch (error) {
      if (failure !== undefined) throw failure;
      const words = isLate ? `took longer than ${timeoutMs} ms` : shown(String(error));
      throw new GitError(`git ${args[0]}: ${words}`, undefined, isLate);
    }
  }

  /** One command's runner. What a failure was is told by `onFailure`: the library passes on nothing but a text. */
  #git(run: GitRun, abort: AbortSignal, onFailure: (exitCode: number, words: string) => void): SimpleGit {
    const environment = this.#environment(run);
    return simpleGit({
      baseDir: this.#options.directory,
      abort,
      allowEnvironment: Object.keys(environment),
      // All of these are ours, below; none comes from a request.
      unsafe: {
        allowUnsafeConfigEnvCount: true,
        allowUnsafeConfigPaths: true,
        allowUnsafeProtocolOverride: true,
        allowUnsafeHooksPath: true,
        allowUnsafeFsMonitor: true,
      },
      errors: (error, { exitCode, stdErr, stdOut }) => {
        if (exitCode <= 0) return error;
        const words = Buffer.concat([...stdErr, ...stdOut]).toString();
        onFailure(exitCode, words);
        return new Error(words || "failed");
      },
      ...(run.input === undefined ? {} : { input: () => run.input }),
    }).env(environment);
  }

  #environment(run: GitRun): Record<string, string> {
    const { gitDirectory, directory, credential } = this.#options;
    const config = Object.entries({
      ...CONFIG,
      ...(credential === undefined
        ? {}
        : {
            // With a redirect the header would go elsewhere.
            "http.followRedirects": "false",
            [`http.${credential.url}.extraHeader`]: `Authorization: ${credential.authorization}`,
          }),
    });
    const inherited = INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    return {
      ...Object.fromEntries(inherited),
      LC_ALL: "C",
      GIT_TERMINAL_PROMPT: "0",
      GIT_OPTIONAL_LOCKS: "0",
      GIT_ALLOW_PROTOCOL: PROTOCOLS,
      // The command line is visible to others, the environment is not.
      GIT_CONFIG_COUNT: String(config.length),
      ...Object.fromEntries(
        config.flatMap(([key, value], index) => [
          [`GIT_CONFIG_KEY_${index}`, key],
          [`GIT_CONFIG_VALUE_${index}`, value],
        ]),
      ),
      // Named outright, git neither looks further up nor asks whose directory it is.
      ...(gitDirectory === undefined ? {} : { GIT_DIR: gitDirectory, GIT_WORK_TREE: directory }),
      ...(run.index === undefined ? {} : { GIT_INDEX_FILE: run.index }),
    };
  }

  /** Whether the lock is gone now. Only locks inside our own repository are ever removed. */
  async #removeStale(named: string): Promise<boolean> {
    const { gitDirectory, directory } = this.#options;
    const path = resolve(directory, named);
    if (gitDirectory === undefined || !path.startsWith(`${gitDirectory}/`)) return false;
    try {
      if (Date.now() - (await stat(path)).mtimeMs < STALE_LOCK_MS) return false;
      await unlink(path);
      return true;
    } catch (error) {
      if (isAbsence(error)) return true;
      throw error;
    }
  }
}

/** Git's words as they may be shown: no credentials of addresses, one line, bounded. */
function shown(words: string): string {
  const line = words
    .replace(/\/\/[^/@\s]*@/g, "//")
    .replace(/(authorization:)\s*\S+\s*\S*/gi, "$1 …")
    .replace(/^hint:.*$/gm, "")
    .trim()
    .replace(/\s*\n\s*/g, "; ");
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE - 1)}…` : line;
}
