import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunOptions, run, SYSTEM_PATH } from "./command.ts";

/** Runs buildah in a storage of its own. */
export type Buildah = (args: readonly string[], o?: Pick<RunOptions, "cwd" | "onErrorLine">) => Promise<string>;

const TIMEOUT_MS = 20 * 60_000;

/**
 * Gives `work` a buildah that needs no more of the machine than being root: layers are plain copies and commands run in a
 * chroot. What it stored is removed afterwards, so `work` must export what is to stay.
 */
export async function withBuildah<T>(
  signal: AbortSignal | undefined,
  work: (buildah: Buildah) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "odin-buildah-"));
  const env = { ...process.env, PATH: SYSTEM_PATH, BUILDAH_ISOLATION: "chroot", TMPDIR: directory };
  const storage = ["--storage-driver=vfs", `--root=${directory}/storage`, `--runroot=${directory}/run`];
  try {
    return await work((args, o) => run("buildah", [...storage, ...args], { ...o, env, signal, timeoutMs: TIMEOUT_MS }));
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
