import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { silentLogger } from "../../../kube/logger.ts";
import { ArchiveSweep } from "../../../operator/act/archive-sweep.ts";
import type { CachedRun } from "../../../operator/cached-run.ts";
import type { Caches } from "../../../operator/caches.ts";
import { EmbeddedSql } from "../../../store/embedded.ts";
import { JobRecords } from "../../../store/job-records.ts";
import { LogArchive } from "../../../store/log-archive.ts";
import { MlbenchMetrics } from "../../../store/mlbench-metrics.ts";
import { MlbenchOutput } from "../../../store/mlbench-output.ts";
import { MlbenchPods } from "../../../store/mlbench-pods.ts";
import { RunArchive } from "../../../store/run-archive.ts";
import type { Store } from "../../../store/store.ts";
import { UserData } from "../../../store/user-data.ts";
import { VestaHistory } from "../../../store/vesta-history.ts";
import { VestaHosts } from "../../../store/vesta-hosts.ts";
import { VestaMessages } from "../../../store/vesta-messages.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const test = suite("archive sweep");
const HOUR_MS = 3_600_000;
let place: TemporaryDirectory;
let sql: EmbeddedSql;
let now = 0;
let logs: LogArchive;

test.before(async () => {
  place = await temporaryDirectory();
  sql = new EmbeddedSql(join(place.path, "store.db"));
  logs = new LogArchive(sql, () => now);
});
test.after(async () => {
  await sql.close();
  await place.remove();
});

/** Keeps a log of a run, stored so many hours ago. */
async function keep(runUid: string, hoursAgo: number, namespace = "ns"): Promise<void> {
  now = Date.now() - hoursAgo * HOUR_MS;
  const owner = { podUid: `pod-of-${runUid}`, namespace, pod: "p", runUid, run: "r", task: "t", attempt: 1 };
  await logs.save({ ...owner, container: "main", createdAt: "" }, { text: Buffer.from("x"), dropped: 0 }, "whole");
}

/** Keeps an ended run, which ended so many hours ago. */
async function keepRun(uid: string, hoursAgo: number): Promise<void> {
  const endedAt = Date.now() - hoursAgo * HOUR_MS;
  const record = { uid, namespace: "ns", name: uid, job: "", version: "", user: "", phase: "DONE", createdAt: endedAt };
  await new RunArchive(sql).save([{ ...record, endedAt, document: {} }]);
}

function sweeper(
  runs: string[],
  retentionDays: number,
  more: { runRetentionDays?: number; maxLogBytes?: number } = {},
): ArchiveSweep {
  const list = (): CachedRun[] => runs.map((uid) => ({ metadata: { name: uid, uid, resourceVersion: "1" } }));
  const archive = new RunArchive(sql);
  const store: Store = {
    name: "",
    logs,
    runs: archive,
    jobs: new JobRecords(sql),
    userData: new UserData(sql),
    mlbenchMetrics: new MlbenchMetrics(sql),
    mlbenchPods: new MlbenchPods(sql),
    vestaMessages: new VestaMessages(sql),
    vestaHosts: (writer) => new VestaHosts(sql, writer),
    vestaHistory: new VestaHistory(sql),
    mlbenchOutput: (maxLines) => new MlbenchOutput(sql, maxLines),
    check: async () => {},
    tidy: () => sql.tidy(),
    close: () => sql.close(),
  };
  const caches = { runs: { list } } as unknown as Caches;
  return new ArchiveSweep({
    store,
    caches,
    namespace: "ns",
    logRetentionDays: retentionDays,
    runRetentionDays: 0,
    logger: silentLogger,
    ...more,
  });
}

test("O-211: logs of runs that are gone are removed, unless they are new or another operator's", async () => {
  await keep("there", 5);
  await keep("gone", 5);
  await keep("new", 0);
  await keep("elsewhere", 5, "other");
  await sweeper(["there"], 0).sweep();
  assert.equal((await logs.runs(undefined, "", 100)).map(({ runUid }) => runUid).sort(), ["elsewhere", "new", "there"]);
  assert.is((await logs.ofRun("there"))[0]?.state, "whole");
});

test("logs older than the retention are dropped, and what was done is told in their place", async () => {
  await keep("old", 49);
  await keep("young", 47);
  await sweeper(["old", "young", "there", "new"], 2).sweep();
  const [old] = await logs.ofRun("old");
  assert.equal([old?.state, old?.reason], ["none", "removed after 2 days, as ODIN_LOG_RETENTION says"]);
  assert.is(await logs.text("pod-of-old"), undefined);
  assert.is((await logs.ofRun("young"))[0]?.state, "whole");
});

test("O-211: a run that goes takes its logs along at once, while the sweep is on", async () => {
  const sweep = sweeper([], 0);
  sweep.runGone("young");
  assert.is((await logs.ofRun("young")).length, 1);
  sweep.start();
  sweep.runGone("young");
  // The store does one thing after the other: this one comes after the removal.
  assert.equal(await logs.ofRun("young"), []);
  await sweep.stop();
});

test("runs without an object are told apart from those with one, and keep their logs until their own time is up", async () => {
  const runs = new RunArchive(sql);
  await keepRun("kept", 30);
  await keep("kept", 29);
  await keep("stray", 29);
  await sweeper(["kept"], 0, { runRetentionDays: 2 }).sweep();
  assert.equal(await runs.withoutObject(["kept"]), []);
  await sweeper([], 0, { runRetentionDays: 2 }).sweep();
  assert.equal(await runs.withoutObject(["kept"]), ["kept"]);
  assert.equal([(await logs.ofRun("kept")).length, (await logs.ofRun("stray")).length], [1, 0]);
  // Its object is there again, as after a restore of the cluster.
  await sweeper(["kept"], 0, { runRetentionDays: 1 }).sweep();
  assert.equal(await runs.withoutObject(["kept"]), []);
  assert.equal(await runs.kept(["kept"]), new Set(["kept"]));
  await sweeper([], 0, { runRetentionDays: 1 }).sweep();
  assert.equal(await runs.kept(["kept"]), new Set());
  assert.equal(await logs.ofRun("kept"), []);
});

test("F-37: logs that take up too much make room, the oldest first", async () => {
  await keep("first", 2);
  await keep("second", 1);
  const all = ["first", "second", "there", "old"];
  const sizes = await sql.read({ text: "SELECT SUM(stored_size) AS bytes FROM pod_log" });
  await sweeper(all, 0, { maxLogBytes: Number(sizes[0]?.bytes) - 1 }).sweep();
  assert.is((await logs.ofRun("second"))[0]?.state, "whole");
  const dropped = await sql.read({ text: "SELECT run_uid FROM pod_log WHERE reason LIKE '%ODIN_LOG_MAX_TOTAL%'" });
  assert.is(dropped.length, 1);
});

test.run();
