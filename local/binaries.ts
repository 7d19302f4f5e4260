import { access, constants, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type BinarySet, binarySet } from "./binary-set.ts";
import { explained } from "./disk-space.ts";
import { downloadReleases } from "./download.ts";
import { withFileLock } from "./file-lock.ts";
import { goBuild } from "./go-build.ts";
import { Interrupted, LocalError, messageOf } from "./local-error.ts";
import type { Progress, Step } from "./progress.ts";

/** The programs of the pinned Kubernetes release. */
export type KubernetesBinary =
  | "etcd"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "kubelet"
  | "kube-proxy"
  | "kubectl";

/**
 * The paths of these programs. Each is taken from KUBEBUILDER_ASSETS, else from the user's cache; what neither has is
 * downloaded from the official releases where they answer, and else all of them are built from the pinned sources.
 */
export function kubernetesBinaries<N extends KubernetesBinary>(
  names: readonly N[],
  progress: Progress,
  signal?: AbortSignal,
): Promise<Record<N, string>> {
  return obtain("kubernetes", names, progress, signal);
}

/** The path of a tool of another set under local/binaries, found or made in the same ways. */
export async function builtTool<N extends string>(
  setName: string,
  tool: N,
  progress: Progress,
  signal?: AbortSignal,
): Promise<string> {
  return (await obtain(setName, [tool], progress, signal))[tool];
}

async function obtain<N extends string>(
  setName: string,
  names: readonly N[],
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<Record<N, string>> {
  if (process.platform !== "linux") {
    throw new LocalError("a local cluster needs Linux; name a cluster of yours with --context NAME instead");
  }
  const set = await binarySet(setName);
  const directories = [process.env.KUBEBUILDER_ASSETS, set.cacheDirectory];
  if ((await missing(names, directories)).length > 0) {
    await provide(set, progress, signal, async (step) => {
      const wanted = await missing(names, directories);
      if (wanted.length === 0) return;
      step.update("looking for the official releases");
      if (!(await tryDownload(set, wanted, step, signal))) await goBuild(set, step, signal);
    });
  }
  const paths: Partial<Record<N, string>> = {};
  for (const name of names) paths[name] = await locate(name, directories);
  return paths as Record<N, string>;
}

/** Two checkouts that start at once share one download or build. */
async function provide(
  set: BinarySet,
  progress: Progress,
  signal: AbortSignal | undefined,
  work: (step: Step) => Promise<void>,
): Promise<void> {
  const step = progress.step(`Getting ${set.title}`);
  try {
    await mkdir(set.cacheDirectory, { recursive: true });
    const onWait = (pid: number) => step.update(`process ${pid} is getting them already; waiting for it`);
    await withFileLock(`${set.cacheDirectory}.lock`, { signal, onWait }, () => work(step));
    step.done(set.cacheDirectory);
  } catch (error) {
    step.fail(error instanceof Interrupted ? "interrupted" : "failed");
    throw explained(error, set.cacheDirectory);
  }
}

async function tryDownload(
  set: BinarySet,
  names: readonly string[],
  step: Step,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    return await downloadReleases(set, names, step, { signal });
  } catch (error) {
    if (signal?.aborted) throw new Interrupted();
    step.update(`download failed (${messageOf(error)}); building instead`);
    return false;
  }
}

async function missing<N extends string>(names: readonly N[], directories: (string | undefined)[]): Promise<N[]> {
  const found = await Promise.all(names.map((name) => search(name, directories)));
  return names.filter((_, index) => found[index] === undefined);
}

async function locate(name: string, directories: (string | undefined)[]): Promise<string> {
  const path = await search(name, directories);
  if (path === undefined) throw new LocalError(`${name} is missing after a download or build that succeeded`);
  return path;
}

async function search(name: string, directories: (string | undefined)[]): Promise<string | undefined> {
  for (const directory of directories) {
    if (!directory) continue;
    const path = join(directory, name);
    if (await executable(path)) return path;
  }
  return undefined;
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
