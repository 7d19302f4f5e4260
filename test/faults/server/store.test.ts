// timeout: 600, on demand
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openStore, type Store } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { FakeKubelet } from "../../support/fake-kubelet.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { type Ground, task } from "../ground.ts";
import { faultCase, isWanted } from "../row.ts";

const execute = promisify(execFile);
const store = suite("store");
const STORED_MS = 120_000;

/** A run of two tasks, one after the other, whose containers write this; ends with its pods still there. */
async function runThrough(ground: Ground, kubelet: FakeKubelet, text: string): Promise<string> {
  ground.node.direct = () => "wait";
  const { metadata } = await ground.create("run", [task("a"), task("b", "a")]);
  for (const pod of ["run--a", "run--b"]) {
    await ground.untilPod(pod);
    await kubelet.bind(ground.namespace, pod);
    kubelet.write(pod, text);
    kubelet.end(pod);
    await ground.node.set(pod, "succeed");
  }
  await ground.untilEnded("run");
  assert.is((await ground.pods()).length, 2, "pods stay as long as their logs are nowhere else");
  return metadata.uid;
}

/** Waits until both logs of the run are in the store, whole. */
async function untilStored(place: Store, uid: string): Promise<void> {
  await until(() => place.logs.ofRun(uid), STORED_MS, {
    describe: "both logs are stored",
    accept: (all) => all.length === 2 && all.every(({ state }) => state === "whole"),
    everyMs: 500,
  });
}

faultCase(store, "F-36", "the file is no database, until somebody mends it", async (ground) => {
  const kubelet = await FakeKubelet.start(ground.client);
  const path = ground.file("store.db");
  await writeFile(path, "this is no database ".repeat(500));
  const mended = openStore(path);
  try {
    await ground.start("a", { ODIN_STORE: path });
    const uid = await runThrough(ground, kubelet, "some text\n");
    await writeFile(path, "");
    await untilStored(mended, uid);
  } finally {
    await mended.close();
    await kubelet.stop();
  }
});

const opened = isWanted("F-36") ? await PostgresServer.open() : { cannot: "the row was not asked for" };
if ("cannot" in opened) skip("F-36 with PostgreSQL", opened.cannot);
else {
  store.after(() => opened.remove());
  for (const [how, away] of [
    ["is killed", () => opened.stop("SIGQUIT").then(() => () => opened.start())],
    ["hangs", () => opened.freeze().then((thaw) => async () => thaw())],
  ] as const) {
    faultCase(store, "F-36", `the PostgreSQL server ${how}, and comes back`, async (ground) => {
      const kubelet = await FakeKubelet.start(ground.client);
      const location = await opened.database();
      const database = openStore({ kind: "postgres", ...location });
      try {
        await writeFile(ground.file("password"), location.password ?? "", { mode: 0o600 });
        await ground.start("a", {
          ODIN_STORE: `postgres://${location.user}@${location.host}:${location.port}/${location.database}`,
          ODIN_STORE_PASSWORD_FILE: ground.file("password"),
        });
        const back = await away();
        let uid: string;
        try {
          uid = await runThrough(ground, kubelet, "some text\n");
        } finally {
          await back();
        }
        await untilStored(database, uid);
      } finally {
        await database.close();
        await kubelet.stop();
      }
    });
  }
}

const isRoot = process.getuid?.() === 0;
if (!isRoot) skip("F-37", "only root can make a small file system");
else {
  faultCase(store, "F-37", "the store's disk is full, until somebody makes room", async (ground) => {
    const disk = ground.file("disk");
    await mkdir(disk);
    await execute("mount", ["-t", "tmpfs", "-o", "size=400k", "tmpfs", disk]);
    const kubelet = await FakeKubelet.start(ground.client);
    const place = openStore(join(disk, "store.db"));
    try {
      await ground.start("a", { ODIN_STORE: join(disk, "store.db") });
      // Random, so that it takes as much room compressed.
      const uid = await runThrough(ground, kubelet, `${randomBytes(450_000).toString("base64")}\n`);
      const whole = (await place.logs.ofRun(uid).catch(() => [])).filter(({ state }) => state === "whole");
      assert.is(whole.length, 0, "nothing of that size fits");
      await execute("mount", ["-o", "remount,size=40m", disk]);
      await untilStored(place, uid);
    } finally {
      await place.close();
      await kubelet.stop();
      await ground.end();
      await execute("umount", [disk]);
    }
  });
}
store.run();
