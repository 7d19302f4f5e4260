import * as assert from "uvu/assert";
import { MlbenchPods, type PodRecord } from "../../../store/mlbench-pods.ts";
import type { Sql } from "../../../store/sql.ts";

function pod(uid: string, more: Partial<PodRecord> = {}): PodRecord {
  const labels = { app: "mlbench", component: "worker", release: "it's" };
  return { uid, name: `pod-${uid}`, labels, ip: "", node: "", run: null, createdAt: 1_000, ...more };
}

/** Adds what holds for the records of MLBench's pods whatever database they are in. `open` is asked for one with nothing in it. */
export function mlbenchPodsCases(
  test: (title: string, work: () => Promise<void>) => void,
  open: () => Promise<Sql>,
): void {
  test("M-74: pods are kept with all their fields, and brought up to date", async () => {
    const pods = new MlbenchPods(await open());
    await pods.upsert([]);
    await pods.upsert([pod("a"), pod("b", { run: 7 })]);
    const later = pod("a", { ip: "10.0.0.1", node: "node-1", run: 8, labels: { app: "mlbench" } });
    await pods.upsert([later]);
    assert.equal(await pods.newest("pod-a"), later);
    assert.equal(await pods.newest("pod-b"), pod("b", { run: 7 }));
    assert.is(await pods.newest("pod-c"), undefined);
    const many = Array.from({ length: 450 }, (_, n) => pod(`m${n}`, { run: 9, createdAt: 1_000 + (n % 3) }));
    await pods.upsert(many);
    const found = await pods.ofRun(9);
    assert.is(found.length, 450);
    assert.equal(
      found.map(({ createdAt }) => createdAt),
      found.map(({ createdAt }) => createdAt).sort(),
    );
    assert.equal(await pods.runs(), [7, 8, 9]);
    await pods.drop(many.map(({ uid }) => uid));
    assert.equal(await pods.ofRun(9), []);
    assert.equal(await pods.runs(), [7, 8]);
  });

  test("M-64: the newest pod of a name is found, and the older one with its run", async () => {
    const pods = new MlbenchPods(await open());
    await pods.upsert([
      pod("old", { name: "w-0", run: 1, createdAt: 1_000 }),
      pod("new", { name: "w-0", run: 2, createdAt: 2_000 }),
    ]);
    await pods.markGone(["old", "new"], 5_000);
    assert.is((await pods.newest("w-0"))?.uid, "new");
    assert.equal(
      (await pods.ofRun(1)).map(({ uid }) => uid),
      ["old"],
    );
  });

  test("M-64: pods without a run have their time after they went, others stay as long as their run", async () => {
    const pods = new MlbenchPods(await open());
    await pods.upsert([pod("a"), pod("b"), pod("c", { run: 3 }), pod("d")]);
    await pods.markGone(["a", "c"], 10_000);
    await pods.markGone(["b"], 20_000);
    // The first word about it counts.
    await pods.markGone(["a"], 30_000);
    assert.equal(await pods.present(), ["d"]);
    assert.equal(await pods.goneBefore(10_000), []);
    assert.equal(await pods.goneBefore(10_001), ["a"]);
    assert.equal((await pods.goneBefore(99_999)).sort(), ["a", "b"]);
    // What was still being written about it does not bring it back.
    await pods.upsert([pod("a", { ip: "10.0.0.9" })]);
    assert.equal(await pods.present(), ["d"]);
  });
}
