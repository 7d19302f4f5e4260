import { existsSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { userCacheDirectory } from "./binary-set.ts";
import { stopCluster } from "./cluster.ts";
import { runInterruptibly } from "./interrupt.ts";
import { LocalError, messageOf, systemCode } from "./local-error.ts";
import { stopProcesses } from "./processes.ts";
import { type Progress, streamProgress } from "./progress.ts";
import { DEFAULT_RUN_DIRECTORY, demoFiles, runDirectory } from "./run-directory.ts";

const HELP = `Usage: npm run down -- [--dir DIR] [--purge-cache]

Stops what \`npm run demo\` started in this checkout, however it was interrupted: the operator and the API, the local
cluster with its node and pods, and removes its directory, mounts, network and cgroups. Run twice, it does nothing more.

  --dir DIR      what \`npm run demo -- --dir DIR\` started, instead of ${DEFAULT_RUN_DIRECTORY}
  --purge-cache  also remove ${userCacheDirectory()}
                 (binaries and images; without them the next start takes minutes)
`;

await runInterruptibly(async () => {
  const values = readArguments();
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  try {
    await down(values, streamProgress());
  } catch (error) {
    if (systemCode(error) !== "EACCES" && systemCode(error) !== "EPERM") throw error;
    throw new LocalError(`${messageOf(error)}; it was started by another user: run this as that user, or with sudo`);
  }
});

async function down(values: { dir?: string | undefined; "purge-cache": boolean }, progress: Progress): Promise<void> {
  const directory = runDirectory(values.dir);
  if (existsSync(directory.processes)) {
    const step = progress.step("Stopping the operator and the API");
    const names = await stopProcesses(directory.processes);
    step.done(names.length > 0 ? names.join(", ") : "they had ended already");
  }
  await stopCluster(directory.cluster, progress);
  for (const file of demoFiles(directory)) await rm(file, { recursive: true, force: true });
  // Only if it is empty: other things in it are not ours to judge.
  await rmdir(directory.path).catch(() => {});
  const cache = userCacheDirectory();
  if (values["purge-cache"]) {
    await rm(cache, { recursive: true, force: true });
    process.stdout.write(`Removed ${cache}.\n`);
  } else if (existsSync(cache)) {
    process.stdout.write(`Binaries and images stay in ${cache}; --purge-cache removes them.\n`);
  }
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        dir: { type: "string" },
        "purge-cache": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new LocalError(`${messageOf(error).replaceAll("\n", " ")}; --help shows the usage`);
  }
}
