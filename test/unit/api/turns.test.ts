import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Turns } from "../../../api/turns.ts";
import { within } from "../../support/deadline.ts";

const test = suite("turns");

test("everybody gets a turn, in the order of asking", async () => {
  const turns = new Turns();
  const taken: number[] = [];
  const take = async (number: number): Promise<void> => {
    await turns.next();
    taken.push(number);
  };
  await within(20_000, async () => {
    const first = [1, 2, 3].map(take);
    await first[0];
    await Promise.all([...first, ...[4, 5].map(take)]);
  });
  assert.equal(taken, [1, 2, 3, 4, 5]);
});

test("between two turns the event loop goes round", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  let rounds = 0;
  const count = (): void => {
    rounds += 1;
    if (rounds < 50) setImmediate(count);
  };
  const take = async (): Promise<void> => {
    await turns.next();
    seen.push(String(rounds));
  };
  setImmediate(count);
  await within(20_000, () => Promise.all(Array.from({ length: 10 }, take)));
  assert.is(new Set(seen).size, 10, `rounds at each turn: ${seen}`);
});

test("a round takes as many as it may, the first of them at once, and the others wait for the next rounds", async () => {
  const turns = new Turns(3);
  const taken: number[] = [];
  for (let number = 0; number < 8; number++) turns.take(() => void taken.push(number));
  const atOnce = [...taken];
  await new Promise((done) => setImmediate(done));
  const afterOne = taken.length;
  await within(20_000, () => turns.next());
  assert.equal([atOnce, afterOne, taken], [[0, 1, 2], 6, [0, 1, 2, 3, 4, 5, 6, 7]]);
});

test("work that throws takes nobody's turn away", async () => {
  const turns = new Turns(1);
  assert.throws(
    () =>
      turns.take(() => {
        throw new Error("mine");
      }),
    "mine",
  );
  await within(20_000, () => turns.next());
});

test.run();
