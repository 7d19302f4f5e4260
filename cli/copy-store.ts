import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { readSettings, SettingProblem } from "../settings/settings.ts";
import { STORE_SETTINGS } from "../settings/shared.ts";
import { copyEmbedded } from "../store/copy-embedded.ts";

const USAGE = `odin copy-store [--store PATH]: writes a copy of the embedded store to standard output, whole and as of one instant, while
others use it. The copy is made in the temporary directory first. A PostgreSQL database is copied with pg_dump.
`;

/** Writes a copy of the embedded store that `--store` or ODIN_STORE names to standard output, for a backup. */
export async function runCopyStore(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  if (argv.includes("--help")) {
    process.stdout.write(USAGE);
    return;
  }
  const { store } = readSettings({ store: STORE_SETTINGS.store }, argv, env);
  if (store?.kind !== "file") {
    throw new SettingProblem(
      store === undefined
        ? "there is no store to copy: --store (ODIN_STORE) is none"
        : "the store is a PostgreSQL database; copy it with pg_dump",
    );
  }
  const directory = await mkdtemp(join(tmpdir(), "odin-copy-"));
  try {
    const copy = join(directory, "store.db");
    await copyEmbedded(store.path, copy);
    await pipeline(createReadStream(copy), process.stdout, { end: false });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
