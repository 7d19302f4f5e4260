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

/**
 * The store in the file at `path`, which several processes may share. Never throws and opens nothing: what is wrong with the file is said by each
 * call that needs it, and the first one after it was mended works.
 */
export function openStore(path: string): Store {
  const sql = new EmbeddedSql(path);
  return {
    name: path,
    logs: new LogArchive(sql),
    async check() {
      await sql.read({ text: "SELECT MAX(version) AS version FROM schema_version" });
    },
    tidy: () => sql.tidy(),
    close: () => sql.close(),
  };
}
