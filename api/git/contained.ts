import { constants } from "node:fs";
import { type FileHandle, lstat, open, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

/** A regular file that was found where it may be. */
export interface ContainedFile {
  /** Its real path: no component of it is a link. */
  path: string;
  size: number;
  /** Changes whenever the content may have changed. */
  stamp: string;
}

/**
 * The regular file `name` of a directory, given by its real path. A link is followed if it ends directly or deeper inside the
 * directory and meets no hidden name on its way (O-12). Undefined for anything else, also for what is gone.
 */
export async function containedFile(directory: string, name: string): Promise<ContainedFile | undefined> {
  try {
    const own = join(directory, name);
    const link = await lstat(own);
    if (link.isFile()) return described(own, link);
    if (!link.isSymbolicLink()) return undefined;
    const path = await realpath(own);
    if (!isInside(directory, path)) return undefined;
    const target = await stat(path);
    return target.isFile() ? described(path, target) : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** The real path of a directory below a root, itself a real path; undefined if a component is missing, a link or no directory. */
export async function containedDirectory(root: string, relative: string): Promise<string | undefined> {
  let path = root;
  for (const segment of relative.split("/")) {
    path = join(path, segment);
    try {
      if (!(await lstat(path)).isDirectory()) return undefined;
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw error;
    }
  }
  return path;
}

/** Opens a file that `containedFile` found; refuses one that has become something else since. */
export async function openContained(path: string): Promise<FileHandle> {
  // Without O_NONBLOCK, opening a pipe would wait for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw Object.assign(new Error("it is no file any more"), { code: "ENOENT" });
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether the system says that there is nothing of that kind at that place. */
export function isAbsence(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP";
}

/** The code of a system error such as ENOSPC; of anything else, its text. */
export function systemCode(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : String(error);
}

function described(
  path: string,
  status: { size: number; mtimeMs: number; ctimeMs: number; ino: number },
): ContainedFile {
  return { path, size: status.size, stamp: `${status.ino}:${status.size}:${status.mtimeMs}:${status.ctimeMs}` };
}

function isInside(directory: string, path: string): boolean {
  if (!path.startsWith(`${directory}/`)) return false;
  return path
    .slice(directory.length + 1)
    .split("/")
    .every((segment) => !segment.startsWith("."));
}
