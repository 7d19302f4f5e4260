import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ApiError, retryAfter } from "../errors.ts";
import { isJobId, MAX_SEGMENTS } from "../odin/ids.ts";
import {
  type ContainedFile,
  containedDirectory,
  containedFile,
  isAbsence,
  openContained,
  systemCode,
} from "./contained.ts";
import { isFileName } from "./file-name.ts";
import type { RepositoryFile, RepositoryJob } from "./jobs-repository.ts";

/** The file that makes a directory a job (O-100). */
export const MAIN_FILE = "main.yml";
const TEMPLATE_ENDING = ".jinja2";
const MAX_MAIN_BYTES = 1024 * 1024;
/** Directories read at once. */
const AT_ONCE = 16;

interface KnownJob {
  stamp: string;
  job: RepositoryJob;
}

/** How a work tree is read. */
export interface WorkTreeOptions {
  /** Real path of the work tree. */
  directory: string;
  /** `ODIN_FS_ROOT`: what stands for the work tree in what is shown. */
  shownRoot: string;
  /** Ids that are no jobs, with all below them: the render directory (O-153). */
  excluded: readonly string[];
}

/**
 * The jobs as they lie in the file system. Texts of `main.yml` are kept while their files stay as they are, so that a listing of many jobs costs
 * a look at each file and no reading.
 */
export class WorkTree {
  readonly #options: WorkTreeOptions;
  #known = new Map<string, KnownJob>();
  #root: { stamp: string; files: readonly RepositoryFile[] } | undefined;

  constructor(options: WorkTreeOptions) {
    this.#options = options;
  }

  /** All jobs, sorted by id. */
  async jobs(): Promise<RepositoryJob[]> {
    const found: RepositoryJob[] = [];
    const known = new Map<string, KnownJob>();
    let level = [""];
    for (let depth = 0; level.length > 0 && depth <= MAX_SEGMENTS; depth++) {
      const next: string[] = [];
      for (let from = 0; from < level.length; from += AT_ONCE) {
        const visits = level.slice(from, from + AT_ONCE).map((id) => this.#visit(id));
        for (const { id, job, below } of await Promise.all(visits)) {
          next.push(...below);
          if (job === undefined) continue;
          known.set(id, job);
          found.push(job.job);
        }
      }
      level = next;
    }
    this.#known = known;
    return found.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** One job as it is now. */
  async job(id: string): Promise<RepositoryJob | undefined> {
    if (!this.isOpenId(id)) return undefined;
    const directory = await this.directoryOf(id);
    if (directory === undefined) return undefined;
    const job = await this.#readJob(id, directory, await entriesOf(directory));
    if (job === undefined) this.#known.delete(id);
    else this.#known.set(id, job);
    return job?.job;
  }

  /** Regular files directly in the root; the same list for as long as they stay the same. */
  async rootFiles(): Promise<readonly RepositoryFile[]> {
    const { directory } = this.#options;
    const found = await filesOf(directory, await entriesOf(directory));
    const stamp = stampOf(found);
    if (this.#root?.stamp !== stamp) {
      this.#root = { stamp, files: found.map(({ name, file }) => repositoryFile(name, file)) };
    }
    return this.#root.files;
  }

  /** Real path of a job's directory, whether or not it is a job; undefined if it is missing or a link leads there. */
  async directoryOf(id: string): Promise<string | undefined> {
    return await containedDirectory(this.#options.directory, id);
  }

  /** Whether a text is a job id outside the excluded directories. */
  isOpenId(id: string): boolean {
    return isJobId(id) && !this.#options.excluded.some((prefix) => id === prefix || id.startsWith(`${prefix}/`));
  }

  /** One directory: the job in it, if it is one, and the directories below that may be jobs or hold some. */
  async #visit(id: string): Promise<{ id: string; job: KnownJob | undefined; below: string[] }> {
    const directory = join(this.#options.directory, id);
    const entries = id === "" ? await this.#rootEntries() : await entriesOf(directory);
    const below = entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => (id === "" ? name : `${id}/${name}`))
      .filter((inner) => this.isOpenId(inner));
    const job = id === "" ? undefined : await this.#readJob(id, directory, entries);
    return { id, job, below };
  }

  /** A root that cannot be read, such as a volume that is gone, is no root without jobs. */
  async #rootEntries(): Promise<Dirent[]> {
    try {
      return await readdir(this.#options.directory, { withFileTypes: true });
    } catch (error) {
      throw new ApiError("RepositoryUnavailable", `the jobs' directory cannot be read (${systemCode(error)})`, {
        headers: retryAfter(15),
        cause: error,
      });
    }
  }

  async #readJob(id: string, directory: string, entries: readonly Dirent[]): Promise<KnownJob | undefined> {
    if (!entries.some(({ name }) => name === MAIN_FILE || name === MAIN_FILE + TEMPLATE_ENDING)) return undefined;
    const found = await filesOf(directory, entries);
    const main = found.find(({ name }) => name === MAIN_FILE);
    if (main === undefined && !found.some(({ name }) => name === MAIN_FILE + TEMPLATE_ENDING)) return undefined;
    const stamp = stampOf(found);
    const before = this.#known.get(id);
    if (before?.stamp === stamp) return before;
    const text = main === undefined ? {} : await readMain(main.file);
    const job: RepositoryJob = {
      id,
      path: `${this.#options.shownRoot}/${id}`,
      ...text,
      templates: found.filter(({ name }) => name.endsWith(TEMPLATE_ENDING)).map(({ name }) => name),
      files: found.map(({ name, file }) => repositoryFile(name, file)),
    };
    return { stamp, job };
  }
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isAbsence(error) || systemCode(error) === "EACCES") return [];
    throw error;
  }
}

async function filesOf(
  directory: string,
  entries: readonly Dirent[],
): Promise<{ name: string; file: ContainedFile }[]> {
  const names = entries
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && isFileName(entry.name))
    .map(({ name }) => name)
    .sort();
  const files = await Promise.all(names.map(async (name) => ({ name, file: await containedFile(directory, name) })));
  return files.flatMap(({ name, file }) => (file === undefined ? [] : [{ name, file }]));
}

function stampOf(files: readonly { name: string; file: ContainedFile }[]): string {
  return files.map(({ name, file }) => `${name}/${file.stamp}`).join("/");
}

async function readMain(file: ContainedFile): Promise<Pick<RepositoryJob, "main" | "problem">> {
  if (file.size > MAX_MAIN_BYTES) {
    return { problem: `main.yml has ${file.size} bytes; the most is ${MAX_MAIN_BYTES}` };
  }
  try {
    const bytes = await readContained(file.path);
    return isUtf8(bytes) ? { main: bytes.toString("utf8") } : { problem: "main.yml is not UTF-8 text" };
  } catch (error) {
    // One job that cannot be read breaks no list (O-60).
    return { problem: `main.yml cannot be read: ${systemCode(error)}` };
  }
}

async function readContained(path: string): Promise<Buffer> {
  const handle = await openContained(path);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function repositoryFile(name: string, { path, size }: ContainedFile): RepositoryFile {
  return { name, size, read: () => readContained(path), open: () => openContained(path) };
}
