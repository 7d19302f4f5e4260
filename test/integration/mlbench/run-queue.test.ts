// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { OK, RunStage, WAIT_MS } from "./run-stage.ts";

let stage: RunStage;
const queue = suite("the queue of MLBench's runs");
queue.before(async () => {
  stage = await RunStage.open({ maxWorkers: 4 });
});
queue.after(async () => {
  await stage.close();
});

/** Workers of started runs, as the list has them at one moment. */
async function used(): Promise<number> {
  const list = (await stage.get("/api/runs/")).json as unknown as { state: string; num_workers: number }[];
  return list.reduce((sum, run) => sum + (run.state === "started" ? run.num_workers : 0), 0);
}

async function finish(id: number, workers: number): Promise<void> {
  await stage.ready(id, workers);
  await stage.untilCommand(id);
  stage.last.end(id, OK);
  await stage.untilState(id, "finished");
}

queue("M-55, M-56: small runs overtake, and each end, deletion and creation starts what fits", async () => {
  const first = await stage.create("first", { num_workers: "3" });
  await stage.untilState(first, "started");
  const big = await stage.create("big", { num_workers: "4" });
  const middle = await stage.create("middle", { num_workers: "2" });
  const small = await stage.create("small", { num_workers: "1" });
  await stage.untilState(small, "started");
  assert.is(await stage.state(big), "initialized");
  assert.is(await stage.state(middle), "initialized");
  assert.is(await used(), 4);
  // An end.
  await finish(first, 3);
  await stage.untilState(middle, "started");
  assert.is(await stage.state(big), "initialized");
  // Deletions: of a started run, and of the queued ones in front.
  await stage.remove(small);
  await stage.remove(middle);
  await stage.untilState(big, "started");
  assert.is(await used(), 4);
  assert.equal((await stage.lines(big)).slice(0, 2), ["Initializing run", "Waiting for nodes to be available"]);
  await stage.remove(big);
});

/** Between two looks of the controller at a run that waits, where nothing happens. */
const LOOK_MS = 30_000;

queue(
  "M-56: a run that fits now is started by the event, long before the controller would look by itself",
  async () => {
    const ids: number[] = [];
    for (let n = 0; n < 7; n++) ids.push(await stage.create(`turn-${n}`, { num_workers: "4" }));
    const took: number[] = [];
    for (const [index, id] of ids.entries()) {
      const from = performance.now();
      const before = ids[index - 1];
      if (before !== undefined) assert.is((await stage.remove(before)).status, 204);
      await stage.untilState(id, "started");
      if (before !== undefined) took.push(performance.now() - from);
    }
    await stage.remove(ids.at(-1) ?? 0);
    // Of a timer it would take half of that time in the middle; of all turns together, several times as long.
    const total = took.reduce((sum, one) => sum + one, 0);
    console.log(`turns took ${took.map(Math.round).join(", ")} ms`);
    assert.ok(total < (took.length * LOOK_MS) / 4, `${total} ms for ${took.length} turns`);
  },
);

queue("M-55, M-57: whatever comes and goes, used never exceeds the maximum, and all get their turn", async () => {
  let watching = true;
  let most = 0;
  const watcher = (async () => {
    while (watching) {
      most = Math.max(most, await used());
      await new Promise((done) => setTimeout(done, 20));
    }
  })();
  const sizes = [1, 2, 3, 1, 4, 2, 1, 1];
  const ids = await Promise.all(
    sizes.map((workers, index) => stage.create(`one-${index}`, { num_workers: String(workers) })),
  );
  // Before the first one ends, so that the watcher cannot miss it.
  const full = await until(() => used(), WAIT_MS, { describe: "as many as there is room for", accept: (n) => n >= 3 });
  most = Math.max(most, full);
  const left = new Map(ids.map((id, index) => [id, sizes[index] ?? 0]));
  while (left.size > 0) {
    const [id, workers] = (await until(
      async () => {
        for (const one of left) if ((await stage.state(one[0])) === "started") return one;
        return undefined;
      },
      WAIT_MS,
      { describe: "a run starts" },
    )) ?? [0, 0];
    if (workers === 1) await finish(id, 1);
    else await stage.remove(id);
    left.delete(id);
  }
  watching = false;
  await watcher;
  assert.ok(most <= 4, `${most} workers at once`);
});

queue("M-56: a run over a maximum that was lowered later waits, and keeps nobody smaller from starting", async () => {
  const before = stage.last;
  const hog = await stage.create("hog", { num_workers: "4" });
  await stage.untilState(hog, "started");
  const large = await stage.create("large", { num_workers: "4" });
  await before.stop();
  const lowered = await stage.process({ maxWorkers: 2 });
  assert.is((await stage.remove(hog, lowered)).status, 204);
  const tiny = await stage.create("tiny", { num_workers: "2" }, lowered);
  await stage.untilState(tiny, "started", lowered);
  assert.is(await stage.state(large, lowered), "initialized");
  assert.is((await stage.post({ name: "over", num_workers: "3", num_cpus: "0" }, lowered)).status, 400);
});

queue.run();
