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
  await within(5_000, async () => {
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
  await within(5_000, () => Promise.all(Array.from({ length: 10 }, take)));
  assert.is(new Set(seen).size, 10, `rounds at each turn: ${seen}`);
});

test.run();
