import { writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { removeDirectory } from "../api/storage/remove-directory.ts";
import { SettingProblem } from "../settings/settings.ts";

const USAGE = `odin remove-directory PATH...: removes directories with all they hold. Run by the API in a pod that mounts the claims of a
run's tasks (DELETE /v1/pipelines/ID?fs=true); links are removed and not followed.
`;
/** Only there: a slip on somebody's machine must not remove anything. */
const ALLOWED = /^\/removal\/\d+\/[^/]+$/;
const TERMINATION_LOG = "/dev/termination-log";

/** Removes the named directories, each `/removal/<n>/<name>`. Throws at the first that cannot be removed, and says so to the API. */
export async function runRemoveDirectory(argv: readonly string[]): Promise<void> {
  if (argv.includes("--help")) {
    process.stdout.write(USAGE);
    return;
  }
  if (argv.length === 0) throw new SettingProblem("name the directories to remove; see --help");
  for (const path of argv) {
    if (!ALLOWED.test(path) || basename(path) === "." || basename(path) === "..")
      throw new SettingProblem(`${JSON.stringify(path)} is not /removal/<n>/<name>; nothing was removed`);
  }
  try {
    for (const path of argv) await removeDirectory(dirname(path), basename(path));
  } catch (error) {
    // Where there is no such file this is not a pod, and standard error is enough.
    await writeFile(TERMINATION_LOG, error instanceof Error ? error.message : String(error), { flag: "r+" }).catch(
      () => undefined,
    );
    throw error;
  }
}
