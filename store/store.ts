import { Bucket, type BucketLocation } from "./bucket.ts";
import { EmbeddedSql } from "./embedded.ts";
import { JobRecords } from "./job-records.ts";
import { LogArchive } from "./log-archive.ts";
import { MlbenchMetrics } from "./mlbench-metrics.ts";
import { MlbenchOutput } from "./mlbench-output.ts";
import { MlbenchPods } from "./mlbench-pods.ts";
import type { ObjectWork } from "./object-change.ts";
import { nameOfPostgres, type PostgresLocation, PostgresSql } from "./postgres.ts";
import { RunArchive } from "./run-archive.ts";
import type { Sql } from "./sql.ts";
import { UserData } from "./user-data.ts";
import { VestaHistory } from "./vesta-history.ts";
import { VestaHosts } from "./vesta-hosts.ts";
import { VestaMessages } from "./vesta-messages.ts";

/** What must outlive the objects in the cluster. */
export interface Store {
  /** How messages name it. */
  name: string;
  logs: LogArchive;
  runs: RunArchive;
  jobs: JobRecords;
  userData: UserData;
  mlbenchMetrics: MlbenchMetrics;
  mlbenchPods: MlbenchPods;
  vestaMessages: VestaMessages;
  /** The output of runs, of which each array keeps so many lines. */
  mlbenchOutput(maxLines: number): MlbenchOutput;
  /** The hosts whose GPUs are shown; what this process writes is marked with that name, which no other has. */
  vestaHosts(writer: string): VestaHosts;
  vestaHistory: VestaHistory;
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

/** Where a store is: a file, or a database on a server. */
export type StoreLocation = { kind: "file"; path: string } | ({ kind: "postgres" } & PostgresLocation);

/** The databases that this process has open, and how many of its parts use each: `odin all` needs one database process, or pool, not two. */
const open = new Map<string, { sql: Sql; users: number }>();

/**
 * The store at that place, with the texts of logs in a bucket where one is named, or in the file of that path, which several processes, and several parts of one, may share. Never throws and opens
 * nothing: what is wrong with it is said by each call that needs it, and the first one after it was mended works. `work`: what carries out changes of users' data, where that is not done at once.
 */
export function openStore(place: (StoreLocation & { logs?: BucketLocation }) | string, work?: ObjectWork): Store {
  const location = typeof place === "string" ? { kind: "file" as const, path: place } : place;
  const blobs = "logs" in location && location.logs !== undefined ? new Bucket(location.logs) : undefined;
  const name = location.kind === "file" ? location.path : nameOfPostgres(location);
  const shared = open.get(name) ?? { sql: openSql(location), users: 0 };
  open.set(name, shared);
  shared.users += 1;
  const { sql } = shared;
  let closed: Promise<void> | undefined;
  return {
    name,
    logs: new LogArchive(sql, Date.now, blobs),
    runs: new RunArchive(sql),
    jobs: new JobRecords(sql),
    userData: new UserData(sql, work),
    mlbenchMetrics: new MlbenchMetrics(sql),
    mlbenchPods: new MlbenchPods(sql),
    vestaMessages: new VestaMessages(sql),
    mlbenchOutput: (maxLines) => new MlbenchOutput(sql, maxLines),
    vestaHosts: (writer) => new VestaHosts(sql, writer),
    vestaHistory: new VestaHistory(sql),
    async check() {
      await sql.read({ text: "SELECT MAX(version) AS version FROM schema_version" });
    },
    tidy: () => sql.tidy(),
    close() {
      closed ??= release(name, shared);
      return closed;
    },
  };
}

function openSql(location: StoreLocation): Sql {
  return location.kind === "file" ? new EmbeddedSql(location.path) : new PostgresSql(location);
}

async function release(name: string, shared: { sql: Sql; users: number }): Promise<void> {
  shared.users -= 1;
  if (shared.users > 0) return;
  open.delete(name);
  await shared.sql.close();
}
