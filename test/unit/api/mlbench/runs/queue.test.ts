import { suite } from "uvu";
import * as assert from "uvu/assert";
import { admissions, type QueuedRun } from "../../../../../api/mlbench/runs/queue.ts";

const queue = suite("who starts next");

const ids = (waiting: QueuedRun[], free: number): number[] => admissions(waiting, free).map(({ id }) => id);

queue("M-55: the smallest first, then the lowest id; the first that does not fit ends the walk", () => {
  const waiting = [
    { id: 1, workers: 8 },
    { id: 2, workers: 2 },
    { id: 3, workers: 1 },
    { id: 4, workers: 2 },
  ];
  assert.equal(ids(waiting, 128), [3, 2, 4, 1]);
  assert.equal(ids(waiting, 4), [3, 2]);
  assert.equal(ids(waiting, 0), []);
  assert.equal(ids(waiting, -3), []);
  assert.equal(ids([{ id: 1, workers: 200 }], 128), []);
});

queue("M-55: whatever waits: what starts fits, and nobody is passed over for a bigger or a later one", () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % below;
  };
  for (let round = 0; round < 2000; round++) {
    const waiting = Array.from({ length: random(12) }, (_, id) => ({ id: id + 1, workers: 1 + random(9) }));
    const free = random(30) - 3;
    const admitted = admissions(waiting, free);
    const used = admitted.reduce((sum, { workers }) => sum + workers, 0);
    assert.ok(used <= Math.max(0, free));
    for (const left of waiting.filter((run) => !admitted.includes(run))) {
      const before = (a: QueuedRun, b: QueuedRun): boolean =>
        a.workers < b.workers || (a.workers === b.workers && a.id < b.id);
      assert.not.ok(
        admitted.some((run) => before(left, run)),
        "somebody was passed over",
      );
    }
    const next = waiting
      .filter((run) => !admitted.includes(run))
      .sort((a, b) => a.workers - b.workers || a.id - b.id)[0];
    assert.ok(next === undefined || next.workers > free - used, "one that fits was left");
  }
});

queue.run();
