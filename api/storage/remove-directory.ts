import { lstat, realpath, rm, unlink } from "node:fs/promises";
import { join } from "node:path";

/**
 * Removes `<parent>/<name>` with all it holds, and resolves once it no longer exists; one that never did is success. Links are removed and never
 * followed. Throws if `name` is not a single name, so that nothing but what lies strictly inside `parent` can go (O-12), and if something
 * cannot be removed.
 */
export async function removeDirectory(parent: string, name: string): Promise<void> {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name))
    throw new Error(`${JSON.stringify(name)} is not the name of a directory inside ${parent}`);
  const path = join(await existing(parent), name);
  if (path === join("/", name)) throw new Error(`${path} lies in the root of the file system; not removed`);
  try {
    if ((await lstat(path)).isSymbolicLink()) return await unlink(path);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  await rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 200 });
}

/** The directory itself, where it is a link; as given where it does not exist. */
async function existing(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isAbsent(error)) return path;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
