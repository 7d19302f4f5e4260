import { join } from "node:path";
import type { Test } from "uvu";
import type { StoreLocation } from "../../store/store.ts";
import { PostgresServer } from "./postgres-server.ts";
import { skip } from "./skip.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** Runs the cases of a suite over a file and over PostgreSQL, each with a store of its own at `place`; where this machine cannot have the latter, it says so. */
export async function onBothStores(
  what: string,
  cases: (name: string, place: () => Promise<StoreLocation>) => Test,
): Promise<void> {
  const directory = await temporaryDirectory();
  const inFile = cases(`${what}, over a file`, async () => ({ kind: "file", path: join(directory.path, "store.db") }));
  inFile.after(() => directory.remove());
  const server = await PostgresServer.open();
  const inPostgres =
    "cannot" in server
      ? undefined
      : cases(`${what}, over PostgreSQL`, async () => ({ kind: "postgres", ...(await server.database()) }));
  if (!("cannot" in server)) inPostgres?.after(() => server.remove());
  inFile.run();
  if ("cannot" in server) skip(`${what}, over PostgreSQL`, server.cannot);
  inPostgres?.run();
}
