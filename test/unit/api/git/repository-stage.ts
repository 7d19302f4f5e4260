import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ApiError } from "../../../../api/errors.ts";
import { GitRepository, type GitRepositoryOptions } from "../../../../api/git/git-repository.ts";
import type { FileWrite } from "../../../../api/git/jobs-repository.ts";
import { silentLogger } from "../../../../kube/logger.ts";
import { git } from "../../../support/git-remote.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../support/temporary-directory.ts";

/** A place for work trees, and the repositories that a test opens in it. */
export class RepositoryStage {
  readonly #directory: TemporaryDirectory;
  readonly #opened: GitRepository[] = [];

  private constructor(directory: TemporaryDirectory) {
    this.#directory = directory;
  }

  static async open(): Promise<RepositoryStage> {
    return new RepositoryStage(await temporaryDirectory());
  }

  async close(): Promise<void> {
    for (const repository of this.#opened) await repository.stop();
    await this.#directory.remove();
  }

  /** The work tree that `repository` opens unless it is told another. */
  get directory(): string {
    return this.path("tree");
  }

  path(name: string): string {
    return join(this.#directory.path, name);
  }

  /** A path in the usual work tree. */
  inTree(path: string): string {
    return join(this.directory, path);
  }

  text(path: string): Promise<string> {
    return readFile(this.inTree(path), "utf8");
  }

  /** Opens a repository; it syncs only when it is asked to. */
  async repository(more: Partial<GitRepositoryOptions> = {}): Promise<GitRepository> {
    const repository = await GitRepository.open({
      directory: this.directory,
      shownRoot: "/data/pipelines",
      excluded: ["rendered"],
      branch: "master",
      committer: { name: "odin", email: "odin@localhost" },
      syncMs: 600_000,
      logger: silentLogger,
      ...more,
    });
    this.#opened.push(repository);
    return repository;
  }

  /** Opens a repository with a remote and waits for its first sync. */
  async synced(remote: string, more: Partial<GitRepositoryOptions> = {}): Promise<GitRepository> {
    const repository = await this.repository({ remote, ...more });
    await repository.start();
    return repository;
  }

  /** What `git status` says in the usual work tree; empty if all is committed. */
  status(): Promise<string> {
    return git(this.directory, "status", "--porcelain");
  }
}

/** Writes one file, as an upload does. */
export function put(
  repository: GitRepository,
  path: string,
  content: string | Buffer,
  user = "dpressel",
): Promise<{ head: string; changed: boolean }> {
  const file: FileWrite = [path, Buffer.from(content)];
  return repository.write({ user, message: "via odin-http upload_job_file", files: async () => [file] });
}

/** Code of the `ApiError` that an action ends with; `none` if it succeeds. */
export async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
  return "none";
}
