import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Gate } from "../../../api/gate.ts";

const test = suite("api gate");

interface Job {
  run: () => Promise<void>;
  finish: () => void;
}

function job(log: string[], name: string): Job {
  let finish: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return {
    run: async () => {
      log.push(name);
      await done;
    },
    finish,
  };
}

const full = (): Error => new Error("full");

test("runs as much as it has slots for, the rest in order, and refuses what finds the queue full", async () => {
  const log: string[] = [];
  const gate = new Gate(2, 2);
  const jobs = ["a", "b", "c", "d"].map((name) => job(log, name));
  const runs = jobs.map(({ run }) => gate.run(run, full));
  assert.equal(log, ["a", "b"]);
  assert.is(gate.full, true);
  let refused = "";
  await gate
    .run(async () => {}, full)
    .catch((error: Error) => {
      refused = error.message;
    });
  assert.is(refused, "full");
  jobs[0]?.finish();
  await runs[0];
  assert.equal(log, ["a", "b", "c"]);
  for (const { finish } of jobs) finish();
  await Promise.all(runs);
  assert.equal(log, ["a", "b", "c", "d"]);
});

test("work that throws gives its slot back", async () => {
  const gate = new Gate(1, 0);
  for (let i = 0; i < 3; i++) {
    const failed = await gate.run(() => Promise.reject(new Error("boom")), full).catch((error: Error) => error.message);
    assert.is(failed, "boom");
  }
  assert.is(await gate.run(async () => 7, full), 7);
});

test.run();
