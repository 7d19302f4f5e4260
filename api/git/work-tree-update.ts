import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  rmdir,
  unlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Logger } from "../../kube/logger.ts";
import { isAbsence, systemCode } from "./contained.ts";
import type { Git } from "./git.ts";
import type { FileWrite } from "./jobs-repository.ts";
import { type TreeChange, treeChanges } from "./tree-change.ts";

/** A move of the work tree from one commit to another. */
export interface Move {
  /** Commit or tree that the work tree stands for now. */
  from: string;
  /** Commit that it is to stand for. */
  to: string;
  /** Paths that are written whatever lies there: a caller asked for exactly these. */
  force: readonly string[];
  /** The remote has the new commit: there is no way back. */
  isPushed: boolean;
}

interface Parts {
  git: Git;
  directory: string;
  gitDirectory: string;
  logger: Logger;
}

const JOURNAL = "odin-move.json";
const SCRATCH = "odin-scratch-";
/** Reports that git writes when it cannot make a commit. */
const CRASH = "fast_import_crash_";
const OTHER_REPOSITORY = "160000";

/**
 * Brings files and index from one commit to another, and `commit` in between moves the branch. A journal says what is under way, so that a
 * process killed at any point is followed by one that goes on: each file is either as it was or as it is to be, never half. Files with local edits
 * keep them (O-104); a file is only replaced if it still is what the old commit has, or if it is forced. `known` are all files that differ,
 * where the caller has them at hand.
 */
export async function moveWorkTree(
  parts: Parts,
  move: Move,
  commit: () => Promise<void>,
  known: readonly FileWrite[] = [],
): Promise<void> {
  const { gitDirectory } = parts;
  const journal = join(gitDirectory, JOURNAL);
  await writeAtomically(journal, JSON.stringify(move));
  const scratch = await mkdtemp(join(gitDirectory, SCRATCH));
  let committed = false;
  try {
    const index = await copyOfIndex(gitDirectory, scratch);
    if (known.length > 0) await putKnownFiles(parts, known, scratch, index);
    else await putChangedFiles(parts, move, scratch, index);
    await commit();
    committed = true;
    await rename(index, join(gitDirectory, "index"));
  } catch (error) {
    if (!move.isPushed && !committed) await undo(parts, move);
    throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  await forgetMove(gitDirectory);
}

/** Says that nothing is under way. */
export async function forgetMove(gitDirectory: string): Promise<void> {
  await rm(join(gitDirectory, JOURNAL), { force: true });
}

/** Puts back what a move that failed has replaced (O-105). Where that fails as well, the move is finished later. */
async function undo(parts: Parts, { from, to, force }: Move): Promise<void> {
  const { gitDirectory, logger } = parts;
  try {
    const scratch = await mkdtemp(join(gitDirectory, SCRATCH));
    const index = await copyOfIndex(gitDirectory, scratch);
    await putChangedFiles(parts, { from: to, to: from, force, isPushed: false }, scratch, index);
    await forgetMove(gitDirectory);
  } catch (error) {
    logger.error({ err: error }, "a change of the jobs repository is cut short; it is finished later");
  }
}

/** The move that a killed process has left unfinished, if there is one. */
export async function unfinishedMove(gitDirectory: string): Promise<Move | undefined> {
  try {
    return JSON.parse(await readFile(join(gitDirectory, JOURNAL), "utf8")) as Move;
  } catch (error) {
    if (isAbsence(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Removes what processes that were killed, or had no room, have left in the git directory; to be called with the lock held. */
export async function removeScratch(gitDirectory: string): Promise<void> {
  for (const name of await readdir(gitDirectory)) {
    if (name.startsWith(SCRATCH) || name.startsWith(CRASH))
      await rm(join(gitDirectory, name), { recursive: true, force: true });
  }
}

/** Puts bytes at a path, at once, unless they are there already. */
export async function replaceFile(directory: string, gitDirectory: string, path: string, bytes: Buffer): Promise<void> {
  if ((await objectAt(directory, path)) === blobId(bytes)) return;
  const scratch = await mkdtemp(join(gitDirectory, SCRATCH));
  try {
    await putFile(directory, scratch, path, bytes);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A copy that git can work on: nobody ever sees the index half way, and a lock that others have left on it is in nobody's way. */
async function copyOfIndex(gitDirectory: string, scratch: string): Promise<string> {
  const index = join(scratch, "index");
  await copyFile(join(gitDirectory, "index"), index).catch((error: unknown) => {
    if (!isAbsence(error)) throw error;
  });
  return index;
}

async function putChangedFiles(parts: Parts, move: Move, scratch: string, index: string): Promise<void> {
  // Keeps what the index knows of files that stay the same, so that looking for local edits stays cheap.
  await parts.git.run(["read-tree", "--reset", move.to], { index });
  const changes = await treeChanges(parts.git, move.from, move.to);
  await replaceFiles(parts, changes, new Set(move.force), scratch, index);
}

async function putKnownFiles(
  { git, directory }: Parts,
  files: readonly FileWrite[],
  scratch: string,
  index: string,
): Promise<void> {
  const lines = files.map(([path, bytes]) => `100644 ${blobId(bytes)}\t${path}\0`);
  const input = Buffer.from(lines.join(""));
  await git.run(["update-index", "--verbose", "--add", "--replace", "-z", "--index-info"], { index, input });
  for (const [path, bytes] of files) await putFile(directory, scratch, path, bytes);
}

/** Puts a file in its place at once. */
async function putFile(directory: string, scratch: string, path: string, bytes: Buffer): Promise<void> {
  const draft = join(scratch, "file");
  await writeFile(draft, bytes);
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await rename(draft, join(directory, path));
}

async function replaceFiles(
  parts: Parts,
  changes: readonly TreeChange[],
  force: ReadonlySet<string>,
  scratch: string,
  index: string,
): Promise<void> {
  const { directory, logger } = parts;
  const isOurs = async ({ path, from, to }: TreeChange): Promise<boolean> => {
    const present = await objectAt(directory, path);
    if (present === undefined || present === from || present === to || force.has(path)) return true;
    logger.warn({ path }, "a file with local changes is left as it is; the jobs repository has another");
    return false;
  };
  // First what goes: a directory may come where a file was, or a file where a directory was.
  for (const change of changes) {
    if (change.to === undefined && (await isOurs(change))) await removeFile(directory, join(directory, change.path));
  }
  const wanted: TreeChange[] = [];
  for (const change of changes) {
    if (change.to === undefined || change.mode === OTHER_REPOSITORY) continue;
    if (await isOurs(change)) wanted.push(change);
  }
  await exportFiles(parts.git, wanted, scratch, index);
  for (const { path } of wanted) {
    try {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await rename(join(scratch, "files", path), join(directory, path));
    } catch (error) {
      if (!["EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY"].includes(systemCode(error))) throw error;
      logger.warn({ path }, "local files are in the way of a file of the jobs repository");
    }
  }
}

/** Has git write the new files beside the index, whence each gets to its place by a rename. */
async function exportFiles(git: Git, changes: readonly TreeChange[], scratch: string, index: string): Promise<void> {
  if (changes.length === 0) return;
  const paths = changes.map(({ path }) => path);
  const input = Buffer.from(`${paths.join("\0")}\0`);
  await git.run(["checkout-index", "-z", "--stdin", `--prefix=${join(scratch, "files")}/`], { index, input });
}

/** Git's id of what lies at a path; undefined if nothing does, a text that is no id if it is nothing that git would have put there. */
async function objectAt(directory: string, relative: string): Promise<string | undefined> {
  const path = join(directory, relative);
  try {
    if (await leadsThroughLink(directory, relative)) return "below a link";
    const status = await lstat(path);
    if (status.isSymbolicLink()) return blobId(Buffer.from(await readlink(path)));
    if (!status.isFile()) return "no file";
    const hash = createHash("sha1").update(`blob ${status.size}\0`);
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    return hash.digest("hex");
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

async function leadsThroughLink(directory: string, relative: string): Promise<boolean> {
  const segments = relative.split("/").slice(0, -1);
  let path = directory;
  for (const segment of segments) {
    path = join(path, segment);
    if ((await lstat(path)).isSymbolicLink()) return true;
  }
  return false;
}

/** Git's id of a file's content. */
export function blobId(bytes: Buffer): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** Removes a file and the directories that are empty then. */
async function removeFile(directory: string, path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!isAbsence(error)) throw error;
  });
  for (let above = dirname(path); above !== directory; above = dirname(above)) {
    try {
      await rmdir(above);
    } catch {
      return;
    }
  }
}

async function writeAtomically(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
