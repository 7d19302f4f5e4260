import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { ApiError } from "../errors.ts";
import { isAbsence } from "./contained.ts";

/** Refuses, as `RepositoryConflict`, a path that a link, a file or a directory keeps from being a file in the work tree (O-12). */
export async function assertFilePlace(directory: string, path: string): Promise<void> {
  const segments = path.split("/");
  for (let count = 1; count <= segments.length; count++) {
    const part = segments.slice(0, count).join("/");
    const isLast = count === segments.length;
    try {
      const status = await lstat(join(directory, part));
      if (isLast ? status.isDirectory() : !status.isDirectory()) {
        const what = isLast ? "a directory" : "no directory";
        throw new ApiError("RepositoryConflict", `${part} is ${what} in the jobs repository`);
      }
    } catch (error) {
      if (isAbsence(error)) return;
      throw error;
    }
  }
}
