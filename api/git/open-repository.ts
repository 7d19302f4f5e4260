import { mkdir, readdir, readFile, realpath, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { SettingProblem } from "../../settings/settings.ts";
import { isAbsence, systemCode } from "./contained.ts";
import { Git, type GitOptions } from "./git.ts";

/** A git work tree that can be worked in. */
export interface OpenedRepository {
  git: Git;
  /** Real path. */
  directory: string;
  gitDirectory: string;
  /** Whether there is a remote `origin`. */
  hasRemote: boolean;
}

interface OpenOptions {
  directory: string;
  branch: string;
  remote?: string;
  credential?: GitOptions["credential"];
}

const SETTING = "--repository (ODIN_REPOSITORY)";
const MIN_VERSION = [2, 38] as const;
/** Files go in and out byte by byte, whatever a `.gitattributes` among them says. */
const ATTRIBUTES = "* -text -filter -ident -working-tree-encoding";

/**
 * Makes a directory a git work tree if it is none (O-100), and checks that it is on the branch. Throws a `SettingProblem` where only a person can
 * help.
 */
export async function openRepository(options: OpenOptions): Promise<OpenedRepository> {
  const { branch } = options;
  const directory = await usableDirectory(options.directory);
  const [present] = await Promise.all([gitDirectoryOf(directory), checkVersion(new Git({ directory }))]);
  if (present === undefined) await new Git({ directory }).run(["init", "--quiet", `--initial-branch=${branch}`]);
  const gitDirectory = present ?? (await realpath(join(directory, ".git")));
  const credential = options.credential === undefined ? {} : { credential: options.credential };
  const git = new Git({ directory, gitDirectory, ...credential });
  await checkBranch(git, directory, branch);
  await keepBytes(gitDirectory);
  return { git, directory, gitDirectory, hasRemote: await setRemote(git, options.remote) };
}

async function usableDirectory(path: string): Promise<string> {
  try {
    await makeDirectory(path);
    const directory = await realpath(path);
    // A file of that name counts as there to `mkdir`.
    await readdir(directory);
    return directory;
  } catch (error) {
    throw new SettingProblem(
      `${SETTING} ${JSON.stringify(path)}: cannot be made (${systemCode(error)}); name a directory that this process may write`,
    );
  }
}

/** Makes a directory with its parents, one by one: Node's own way does not come back where a file system refuses with ENOENT. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (systemCode(error) === "EEXIST") return;
    if (systemCode(error) !== "ENOENT") throw error;
    await makeDirectory(dirname(path));
    await mkdir(path).catch((second: unknown) => {
      if (systemCode(second) !== "EEXIST") throw second;
    });
  }
}

async function checkVersion(git: Git): Promise<void> {
  let words: string;
  try {
    words = await git.run(["version"]);
  } catch (error) {
    throw new Error("git cannot be run; install git 2.38 or later", { cause: error });
  }
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(words)?.slice(1) ?? []).map(Number);
  if (major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1])) {
    throw new Error(`${words.trim()} is too old; install git ${MIN_VERSION.join(".")} or later`);
  }
}

/** Where the repository of this very directory lies: one further up is somebody else's. */
async function gitDirectoryOf(directory: string): Promise<string | undefined> {
  const path = join(directory, ".git");
  try {
    if ((await stat(path)).isDirectory()) return await realpath(path);
    const elsewhere = /^gitdir: (.+)$/m.exec(await readFile(path, "utf8"))?.[1];
    if (elsewhere !== undefined) return await realpath(resolve(directory, elsewhere));
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
  throw new SettingProblem(`${SETTING} ${JSON.stringify(directory)}: its .git is no repository`);
}

async function checkBranch(git: Git, directory: string, branch: string): Promise<void> {
  const wanted = `refs/heads/${branch}`;
  const current = (await git.runOrNo(["symbolic-ref", "--quiet", "HEAD"]))?.trim();
  if (current === wanted) return;
  const born = await git.runOrNo(["rev-parse", "--quiet", "--verify", "HEAD"]);
  if (born !== undefined) {
    const on = current === undefined ? "on no branch" : `on branch ${current.replace("refs/heads/", "")}`;
    throw new SettingProblem(
      `--pipelines-main (ODIN_PIPELINES_MAIN) ${JSON.stringify(branch)}: the work tree ${directory} is ${on}; check that branch out, or set the one it is on`,
    );
  }
  await git.run(["symbolic-ref", "HEAD", wanted]);
}

async function keepBytes(gitDirectory: string): Promise<void> {
  const path = join(gitDirectory, "info", "attributes");
  const present = await readFile(path, "utf8").catch((error: unknown) => {
    if (isAbsence(error)) return "";
    throw error;
  });
  if (present.split("\n").includes(ATTRIBUTES)) return;
  await mkdir(join(gitDirectory, "info"), { recursive: true });
  await writeFile(path, `${present}${present === "" || present.endsWith("\n") ? "" : "\n"}${ATTRIBUTES}\n`);
}

async function setRemote(git: Git, url: string | undefined): Promise<boolean> {
  const present = (await git.runOrNo(["config", "--get", "remote.origin.url"]))?.trim();
  if (url === undefined || url === present) return present !== undefined;
  if (present === undefined) await git.run(["remote", "add", "--", "origin", url]);
  else await git.run(["remote", "set-url", "--", "origin", url]);
  return true;
}
