import { chmod, lstat, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** A volume that hangs must not hold a worker for ever. */
const DEADLINE_MS = 10_000;
/** Directories made side by side. */
const BATCH = 16;

/** The shared volume cannot be written now; the message names the path and what is in the way. */
export class VolumeUnavailable extends Error {}

/**
 * Makes RUN_PATH and the TASK_PATH of every task on the shared volume, with the mode of the volume's own directory, as the kubelet does
 * (O-107, O-150). Directories that are there already stay as they are; a link in their place is refused. Throws `VolumeUnavailable`.
 */
export async function makeTaskDirectories(
  { volume, data }: { volume: string; data: string },
  run: string,
  tasks: readonly string[],
): Promise<void> {
  const work = async (): Promise<void> => {
    const mode = (await stat(volume)).mode & 0o7777;
    await mkdir(data, { recursive: true, mode });
    await makeOne(join(data, run), mode);
    for (let i = 0; i < tasks.length; i += BATCH)
      await Promise.all(tasks.slice(i, i + BATCH).map((task) => makeOne(join(data, run, task), mode)));
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${DEADLINE_MS / 1000} s`)), DEADLINE_MS);
  });
  try {
    await Promise.race([work(), late]);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new VolumeUnavailable(`the directories of the run cannot be made below ${data}: ${cause}`);
  } finally {
    clearTimeout(timer);
  }
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (!(await lstat(path)).isDirectory()) throw new Error(`${path} exists and is not a directory`);
    return;
  }
  // The process' own mask must not close it to the tasks, which run as other users.
  await chmod(path, mode);
}
