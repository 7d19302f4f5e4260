import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { podName } from "../../../crds/names.ts";
import { run as runCommand } from "../../../local/command.ts";
import { openStore, type Store } from "../../../store/store.ts";
import { StoreProblem } from "../../../store/store-problem.ts";
import { until } from "../../support/deadline.ts";
import { FakeKubelet } from "../../support/fake-kubelet.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { Stage, task } from "./stage.ts";

const WAIT_MS = 90_000;
const opened = await PostgresServer.open();
if ("cannot" in opened) skip("file", `no PostgreSQL server: ${opened.cannot}`);
else tests(opened);

function tests(server: PostgresServer): void {
  const test = suite("an operator with a store in PostgreSQL");
  let stage: Stage;
  let kubelet: FakeKubelet;
  let store: Store;

  test.before(async () => {
    try {
      const location = { kind: "postgres" as const, ...(await server.database()) };
      store = openStore(location);
      stage = await Stage.open({}, location, { runRetentionDays: 30 });
      kubelet = await FakeKubelet.start(stage.client);
    } catch (error) {
      console.error(error);
      throw error;
    }
  });
  test.after(async () => {
    await kubelet?.stop();
    await stage?.close();
    await store?.close();
    await server.remove();
  });

  /** A run of two tasks, one after the other, that both write something and end well; returns its UID. */
  async function play(name: string, on = stage): Promise<string> {
    const { metadata } = await on.create(name, { tasks: [task("a"), task("b", { depends: ["a"] })] });
    for (const each of ["a", "b"]) {
      await on.pod(name, each);
      const pod = podName(name, each, 1);
      await kubelet.bind(on.namespace, pod);
      kubelet.write(pod, `${name} ${each}\n`);
      kubelet.end(pod);
      await on.succeed(name, each);
    }
    await on.untilPhase(name, "DONE");
    return metadata.uid;
  }

  /** Waits until the run and both of its logs are kept, whole. */
  async function untilKept(uid: string, from = store): Promise<void> {
    await until(() => from.logs.ofRun(uid), WAIT_MS, {
      describe: "both logs are kept",
      accept: (all) => all.length === 2 && all.every(({ state }) => state === "whole"),
    });
    await until(() => from.runs.byUid(uid), WAIT_MS, { describe: "the run is kept" });
  }

  test("O-225: logs and ended runs are kept in it, and another process reads them", async () => {
    const uid = await play("first");
    await untilKept(uid);
    const [first] = await store.logs.ofRun(uid);
    assert.is((await store.logs.text(first?.podUid ?? ""))?.toString(), "first a\n");
  });

  test("F-36: while the server is stopped runs go on and pods stay; then everything is kept", async () => {
    await server.stop();
    const uid = await play("stopped");
    assert.is((await stage.pods("stopped")).length, 2);
    await server.start();
    await untilKept(uid);
  });

  test("F-36: while the server hangs runs go on; then everything is kept", async () => {
    const thaw = await server.freeze();
    let uid: string;
    try {
      uid = await play("hung");
    } finally {
      thaw();
    }
    await untilKept(uid);
  });

  test("F-36: connections that are cut again and again delay, and lose nothing", async () => {
    let cutting = true;
    const cuts = (async () => {
      while (cutting) {
        const cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'odin'";
        await server.query(cut).catch(() => undefined);
        await delay(50);
      }
    })();
    const uids: string[] = [];
    try {
      for (let n = 0; n < 3; n++) uids.push(await play(`cut-${n}`));
    } finally {
      cutting = false;
      await cuts;
    }
    for (const uid of uids) await untilKept(uid);
  });

  test("F-37: while its disk is full runs go on and pods stay; then everything is kept", async () => {
    const disk = await server.directory("small-disk");
    try {
      await runCommand("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", disk]);
    } catch (error) {
      return skip("a full disk", `no file system can be mounted here: ${String(error).slice(0, 100)}`);
    }
    const tables = await server.directory("small-disk/tables");
    await server.query(`CREATE TABLESPACE small LOCATION '${tables}'`);
    await server.query("CREATE DATABASE small TABLESPACE small");
    const location = { kind: "postgres" as const, ...(await server.database()), database: "small" };
    const full = openStore(location);
    let other: Stage | undefined;
    try {
      const fill = (n: number, bytes: number): Promise<unknown> => {
        const owner = {
          podUid: `fill-${n}`,
          namespace: "x",
          pod: "p",
          runUid: "fill",
          run: "r",
          task: "t",
          attempt: 1,
        };
        const text = randomBytes(bytes);
        const saved = full.logs.save({ ...owner, container: "m", createdAt: "" }, { text, dropped: 0 }, "whole");
        return saved.then(
          () => undefined,
          (error: unknown) => error,
        );
      };
      for (let n = 0; n < 20; n++) await fill(n, 1_000_000);
      let problem: unknown;
      for (let n = 20; problem === undefined && n < 100; n++) problem = await fill(n, 50_000);
      assert.is(problem instanceof StoreProblem && problem.kind, "full", String(problem));
      assert.match(String(problem), "make room");
      other = await Stage.open({}, location, { runRetentionDays: 30 });
      const uid = await play("full", other);
      assert.is((await other.pods("full")).length, 2);
      await runCommand("mount", ["-o", "remount,size=64m", disk]);
      await untilKept(uid, full);
    } finally {
      await other?.close();
      await full.close();
      await server.query("DROP DATABASE small WITH (FORCE)");
      await server.query("DROP TABLESPACE small");
      await runCommand("umount", [disk]);
    }
  });

  test.run();
}
