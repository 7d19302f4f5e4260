import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";

/** How long a copy waits for others' writes to end. */
const BUSY_MS = 30_000;

/**
 * Writes a copy of the embedded store at `path` to `target`, which must not be there: the whole of it at one instant, in one file,
 * while other processes read and write. Throws where there is no store.
 */
export async function copyEmbedded(path: string, target: string): Promise<void> {
  // Opening it would make one.
  if (!existsSync(path)) throw new Error(`there is no store ${path}`);
  const client = createClient({ url: pathToFileURL(path).href });
  try {
    await client.execute(`PRAGMA busy_timeout = ${BUSY_MS}`);
    await client.execute({ sql: "VACUUM INTO ?", args: [target] });
  } finally {
    client.close();
  }
}
