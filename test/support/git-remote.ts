import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { until } from "./deadline.ts";
import { lastingPort } from "./lasting-port.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

const execute = promisify(execFile);
const ENVIRONMENT = {
  GIT_AUTHOR_NAME: "somebody",
  GIT_AUTHOR_EMAIL: "somebody@elsewhere",
  GIT_COMMITTER_NAME: "somebody",
  GIT_COMMITTER_EMAIL: "somebody@elsewhere",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
};

/** Runs git as somebody else would, and returns what it prints. */
export async function git(directory: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute("git", args, { cwd: directory, env: { ...process.env, ...ENVIRONMENT } });
  return stdout.trimEnd();
}

/** A bare repository that a git daemon serves on loopback, with a clone of it in which somebody else works. */
export class GitRemote {
  readonly #directory: TemporaryDirectory;
  readonly #port: number;
  #daemon: ChildProcess | undefined;

  private constructor(directory: TemporaryDirectory, port: number) {
    this.#directory = directory;
    this.#port = port;
  }

  static async open(): Promise<GitRemote> {
    const remote = new GitRemote(await temporaryDirectory(), await lastingPort());
    await git(remote.#directory.path, "init", "--quiet", "--bare", "--initial-branch=master", "jobs.git");
    await remote.start();
    return remote;
  }

  /** The bare repository. */
  get path(): string {
    return join(this.#directory.path, "jobs.git");
  }

  get url(): string {
    return `git://127.0.0.1:${this.#port}/jobs.git`;
  }

  async start(): Promise<void> {
    const args = ["daemon", "--export-all", "--enable=receive-pack", "--reuseaddr", "--listen=127.0.0.1"];
    this.#daemon = spawn(
      "git",
      [...args, `--port=${this.#port}`, `--base-path=${this.#directory.path}`, this.#directory.path],
      { stdio: "ignore" },
    );
    await until(() => accepts(this.#port), 60_000, { describe: "the git daemon listens" });
  }

  /** Nobody answers any more. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = new Promise((done) => daemon.once("exit", done));
    // The process that `git` starts for the daemon ends with it only by this signal.
    daemon.kill("SIGTERM");
    await ended;
    await until(async () => !(await accepts(this.#port)), 60_000, { describe: "the git daemon is gone" });
  }

  async remove(): Promise<void> {
    await this.stop();
    await this.#directory.remove();
  }

  /** Somebody else commits and pushes files; undefined removes one. Returns the commit. */
  async push(files: Record<string, string | undefined>, message = "by somebody else"): Promise<string> {
    const clone = join(this.#directory.path, "clone");
    await execute("rm", ["-rf", clone]);
    await git(this.#directory.path, "clone", "--quiet", this.path, "clone");
    for (const [path, text] of Object.entries(files)) {
      if (text === undefined) await git(clone, "rm", "--quiet", "--", path);
      else {
        await mkdir(dirname(join(clone, path)), { recursive: true });
        await writeFile(join(clone, path), text);
        await git(clone, "add", "--", path);
      }
    }
    await git(clone, "commit", "--quiet", "--message", message);
    await git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/master");
    return await git(clone, "rev-parse", "HEAD");
  }

  /** The branch's commit. */
  async head(): Promise<string> {
    return await git(this.path, "rev-parse", "--verify", "refs/heads/master");
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
