import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { BinarySet } from "./binary-set.ts";
import { withTemporary } from "./cache-temporary.ts";
import { findExecutable, run, SYSTEM_PATH } from "./command.ts";
import { assertFreeSpace } from "./disk-space.ts";
import { LocalError } from "./local-error.ts";
import type { Step } from "./progress.ts";

/** The programs and the linker's temporary files. Go's own caches take 4 GB more, maybe elsewhere and maybe filled. */
const BUILD_MEGABYTES = 1000;
const BUILD_TIMEOUT_MS = 60 * 60_000;
/** The name that Go gives a program is the last element of its import path: etcd's is `server/v3`, the Prometheus operator's `cmd/operator`. */
const PUBLISHED_NAMES: Record<string, string> = { server: "etcd", operator: "prometheus-operator" };

/**
 * Builds every tool of the set with `go build` and puts them into its cache directory, which must exist. They are built
 * beside it and moved in one by one, so a program in the cache is always whole.
 */
export async function goBuild(set: BinarySet, step: Step, signal?: AbortSignal): Promise<void> {
  const go = await findGo();
  if (!go) {
    throw new LocalError(
      `this machine lacks ${set.title}, which can be neither downloaded (dl.k8s.io and github.com do not answer) nor built (there is no \`go\`). Install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a directory that has them`,
    );
  }
  const options = {
    cwd: set.directory,
    env: { ...process.env, PATH: SYSTEM_PATH },
    signal,
    timeoutMs: BUILD_TIMEOUT_MS,
  };
  await assertFreeSpace(set.cacheDirectory, BUILD_MEGABYTES, `building ${set.title}`);
  let downloads = 0;
  const onDownload = (line: string) => {
    if (line.startsWith("go: downloading ")) step.update(`module ${++downloads}: ${line.slice(16)}`);
  };
  step.update("reading the module list");
  const listed = await run(go, ["list", ...set.flags, "-deps", "tool"], { ...options, onErrorLine: onDownload });
  const total = listed.trim().split("\n").length;
  // `-v` names each package when it is compiled; those that Go's own cache has are not named.
  let compiled = 0;
  const onErrorLine = (line: string) => {
    onDownload(line);
    if (!line.includes(": ")) step.update(`package ${++compiled} of at most ${total}: ${line}`);
  };
  await withTemporary(`${set.cacheDirectory}.build-`, async (temporary) => {
    step.update(`compiling ${total} packages (several minutes the first time; later starts use the result)`);
    const [work, output] = [join(temporary, "work"), join(temporary, "output")];
    await mkdir(work);
    const env = { ...options.env, GOTMPDIR: work };
    await run(go, ["build", "-v", ...set.flags, "-o", `${output}/`, "tool"], { ...options, env, onErrorLine });
    for (const name of await readdir(output)) {
      await rename(join(output, name), join(set.cacheDirectory, PUBLISHED_NAMES[name] ?? name));
    }
  });
}

/** Many machines have Go where its official archive puts it, without having it on PATH. */
function findGo(): Promise<string | undefined> {
  return findExecutable("go", ["/usr/local/go/bin"]);
}
