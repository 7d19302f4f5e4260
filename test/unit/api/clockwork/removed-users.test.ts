import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RemovedUsers } from "../../../../api/clockwork/user-data/removed-users.ts";

const HOUR_MS = 3_600_000;
const test = suite("props of removed users");

const world = (owners: string[], users: string[]) => {
  const state = { owners: new Set(owners), users: new Set(users), now: 0, failing: false, warnings: 0 };
  const log = (): void => undefined;
  const removed = new RemovedUsers({
    data: {
      owners: async () => [...state.owners],
      forgetUser: async (email) => {
        if (state.failing) throw new Error("the store is away");
        state.owners.delete(email);
      },
    },
    isKnown: (email) => state.users.has(email),
    logger: { debug: log, info: log, warn: () => void state.warnings++, error: log },
    now: () => state.now,
  });
  return { state, removed };
};

test("C-55: props go with their user, and stay with one who has the same e-mail", async () => {
  const { state, removed } = world(["ada", "eve"], ["eve"]);
  removed.noteRemoved("ada");
  removed.noteRemoved("eve");
  await removed.stop();
  assert.equal([...state.owners], ["eve"]);
});

test("C-55: while the store is away nothing is forgotten to be forgotten", async () => {
  const { state, removed } = world(["ada"], []);
  state.failing = true;
  removed.noteRemoved("ada");
  await removed.look(false);
  assert.equal([[...state.owners], state.warnings], [["ada"], 2]);
  state.failing = false;
  await removed.look(false);
  assert.equal([...state.owners], []);
});

test("C-55: a user whose removal nobody saw is missed for a day first; back in time, he has his notes", async () => {
  const { state, removed } = world(["ada", "bob", "eve"], ["eve"]);
  await removed.look(true);
  state.now = 12 * HOUR_MS;
  state.users.add("bob");
  await removed.look(true);
  assert.is(state.owners.size, 3);
  state.now = 24 * HOUR_MS;
  state.users.delete("bob");
  await removed.look(true);
  assert.equal([...state.owners], ["bob", "eve"]);
  state.now = 47 * HOUR_MS;
  await removed.look(true);
  assert.equal([...state.owners], ["bob", "eve"]);
  state.now = 48 * HOUR_MS;
  await removed.look(true);
  assert.equal([...state.owners], ["eve"]);
});

test.run();
