import { suite } from "uvu";
import * as assert from "uvu/assert";
import { generateCase } from "../../simulation/generate-case.ts";
import { play } from "../../simulation/play.ts";
import { needlessParts, partsOf, withoutParts } from "../../simulation/reduce-case.ts";

/** A short set; `npm run simulate -- --schedules 1000` is the long one. */
const SEEDS = 50;
/** Of later seeds those that once broke a rule, be it by a fault of the operator or by one of the rules themselves. */
const FOUND: readonly number[] = [983, 1210, 1329, 1650];

const schedules = suite("simulated schedules");

for (let first = 1; first <= SEEDS; first += 10) {
  schedules(`F-6, F-8, F-9, F-10, F-17, F-33, F-34: seeds ${first} to ${first + 9} break no rule`, async () => {
    for (let seed = first; seed < first + 10; seed++) {
      const { violations } = await play(generateCase(seed));
      const told = violations.map(({ rule, message }) => `${rule}: ${message}`).join("; ");
      assert.is(told, "", `play it again with: npm run simulate -- --seed ${seed}`);
    }
  });
}

schedules("F-6, F-8, F-9, F-10, F-17, F-33, F-34: seeds that once broke a rule break none", async () => {
  for (const seed of FOUND) {
    const { violations } = await play(generateCase(seed));
    const told = violations.map(({ rule, message }) => `${rule}: ${message}`).join("; ");
    assert.is(told, "", `play it again with: npm run simulate -- --seed ${seed}`);
  }
});

schedules("the same seed always gives the same course of events, another seed another", async () => {
  const digests: string[] = [];
  for (const seed of [3, 11, 3, 11]) digests.push((await play(generateCase(seed))).digest);
  assert.is(digests[0], digests[2]);
  assert.is(digests[1], digests[3]);
  assert.is.not(digests[0], digests[1]);
});

schedules("a case can be cut down to the parts that a failure needs", async () => {
  const plan = generateCase(11);
  const [needed = ""] = plan.faults.map(({ id }) => id);
  const task = `${plan.runs[0]?.id}/${plan.runs[0]?.tasks[0]?.name}`;
  const out = await needlessParts(plan, async (smaller) => {
    const parts = partsOf(smaller);
    return parts.includes(needed) && parts.includes(task);
  });
  assert.equal(partsOf(withoutParts(plan, out)).sort(), [needed, plan.runs[0]?.id ?? "", task].sort());
});

schedules("dependencies on a task that is left out pass to what it depended on", () => {
  const plan = generateCase(1);
  const chain = { ...plan, runs: plan.runs.slice(0, 1).map((run) => ({ ...run, tasks: chained(run.tasks[0]) })) };
  const id = chain.runs[0]?.id;
  const [reduced] = withoutParts(chain, [`${id}/b`]).runs;
  assert.equal(
    reduced?.tasks.map(({ name, depends }) => [name, depends]),
    [
      ["a", []],
      ["c", ["a"]],
    ],
  );
});

function chained<T extends { name: string; depends: string[] }>(task: T | undefined): T[] {
  if (task === undefined) return [];
  return ["a", "b", "c"].map((name, index, names) => ({ ...task, name, depends: names.slice(index - 1, index) }));
}

schedules.run();
