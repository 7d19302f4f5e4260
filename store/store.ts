import { EmbeddedSql } from "./embedded.ts";
import { LogArchive } from "./log-archive.ts";

/** What must outlive the objects in the cluster. */
export interface Store {
  /** How messages name it. */
  name: string;
  logs: LogArchive;
  /** Rejects with a `StoreProblem` that says what is in the way, if the store cannot be used. */
  check(): Promise<void>;
  /** Gives the room of what was removed back to the disk. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

/** Says once, when a process starts, whether its store works. Returns at once. */
export function announceStore(
  { name, check }: Store,
  logger: { info(fields: object, message: string): void; error(fields: object, message: string): void },
): void {
  check().then(
    () => logger.info({ store: name }, "store open"),
    (error: unknown) =>
      logger.error({ err: String(error) }, "the store does not work; everything else does, and it is tried again"),
  );
}

/** The files that this process has open, and how many of its parts use each: `odin all` needs one database process, not two. */
const open = new Map<string, { sql: EmbeddedSql; users: number }>();

/**
 * The store in the file at `path`, which several processes, and several parts of one, may share. Never throws and opens nothing: what is wrong with
 * the file is said by each call that needs it, and the first one after it was mended works.
 */
export function openStore(path: string): Store {
  const shared = open.get(path) ?? { sql: new EmbeddedSql(path), users: 0 };
  open.set(path, shared);
  shared.users += 1;
  const { sql } = shared;
  let closed: Promise<void> | undefined;
  return {
    name: path,
    logs: new LogArchive(sql),
    async check() {
      await sql.read({ text: "SELECT MAX(version) AS version FROM schema_version" });
    },
    tidy: () => sql.tidy(),
    close() {
      closed ??= release(path, shared);
      return closed;
    },
  };
}

async function release(path: string, shared: { sql: EmbeddedSql; users: number }): Promise<void> {
  shared.users -= 1;
  if (shared.users > 0) return;
  open.delete(path);
  await shared.sql.close();
}
