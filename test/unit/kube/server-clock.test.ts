import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Moment } from "../../../kube/elapsed-clock.ts";
import { ServerClock } from "../../../kube/server-clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.parse("2026-01-01T12:00:00.000Z");

/** A machine and a server whose clocks can be set; time goes by for both. */
class World {
  monotonicMs = 5_000;
  wallMs = START;
  serverMs = START;
  clock = new ServerClock((): Moment => ({ monotonicMs: this.monotonicMs, wallMs: this.wallMs }));

  pass(ms: number): void {
    this.monotonicMs += ms;
    this.wallMs += ms;
    this.serverMs += ms;
  }

  /** A request that takes that long, answered half-way. */
  ask(ms = 4): void {
    const sentAt = this.monotonicMs;
    this.pass(ms / 2);
    const header = new Date(this.serverMs).toUTCString();
    this.pass(ms / 2);
    this.clock.heard(header, sentAt);
  }

  /** A second answer every 100 ms for a while. */
  talk(forMs: number): void {
    for (let passed = 0; passed < forMs; passed += 100) {
      this.pass(96);
      this.ask();
    }
  }

  /** How far the estimate is ahead of the server. */
  get ahead(): number {
    return this.clock.nowMs() - this.serverMs;
  }
}

const clocks = suite("the server's clock");

clocks("F-25: clocks that agree are used as they are", () => {
  const world = new World();
  world.talk(30_000);
  assert.ok(Math.abs(world.ahead) <= 1, String(world.ahead));
});

for (const minutes of [-10, 10]) {
  clocks(`F-25: a machine that is off by ${minutes} minutes goes by the server's time from the first answer on`, () => {
    const world = new World();
    world.serverMs += minutes * MINUTE;
    world.ask();
    assert.ok(Math.abs(world.ahead) <= 1_005, String(world.ahead));
    world.talk(10_000);
    assert.ok(Math.abs(world.ahead) <= 110, String(world.ahead));
  });

  clocks(`F-25: a step of this machine's clock by ${minutes} minutes does not matter`, () => {
    const world = new World();
    world.talk(5_000);
    world.wallMs += minutes * MINUTE;
    assert.ok(Math.abs(world.ahead) <= 1, String(world.ahead));
    world.talk(60_000);
    assert.ok(Math.abs(world.ahead) <= 1, String(world.ahead));
  });
}

clocks(
  "F-25: a server that is set back is followed at once, so that what it dates from now on does not look old",
  () => {
    const world = new World();
    world.talk(5_000);
    world.serverMs -= 10 * MINUTE;
    world.pass(1_000);
    world.ask();
    assert.ok(Math.abs(world.ahead) <= 1_005, String(world.ahead));
  },
);

clocks("F-25: a server that is set forward makes no deadline early", () => {
  const world = new World();
  world.talk(5_000);
  const before = world.clock.nowMs();
  world.serverMs += 10 * MINUTE;
  world.talk(60_000);
  const went = world.clock.nowMs() - before;
  assert.ok(went >= 60_000 && went <= 60_000 * 1.002, `${went} ms for a minute`);
  assert.ok(world.ahead < 0, "only late");
});

clocks("F-25: servers that differ are taken for the one that is behind", () => {
  const world = new World();
  for (let round = 0; round < 60; round++) {
    world.serverMs += 10 * MINUTE;
    world.ask();
    world.serverMs -= 10 * MINUTE;
    world.pass(1_000);
    world.ask();
  }
  assert.ok(world.ahead <= 1_005, String(world.ahead));
  assert.ok(world.ahead >= -1_005, String(world.ahead));
});

clocks("F-25: a clock that is hours off is put right", () => {
  const world = new World();
  world.talk(5_000);
  world.serverMs += 5 * HOUR;
  world.ask();
  assert.ok(Math.abs(world.ahead) <= 1_005, String(world.ahead));
});

clocks("F-25: time never stands still or goes back between answers, and nonsense is ignored", () => {
  const world = new World();
  world.ask();
  const before = world.clock.nowMs();
  for (const header of [undefined, "", "yesterday", "NaN"]) world.clock.heard(header, world.monotonicMs);
  world.pass(10);
  assert.is(world.clock.nowMs(), before + 10);
  assert.is(Date.parse(world.clock.now()), before + 10);
});

clocks("F-25: an answer that took long says no more than it can", () => {
  const world = new World();
  world.talk(5_000);
  world.ask(30_000);
  assert.ok(Math.abs(world.ahead) <= 1, String(world.ahead));
});
clocks.run();
