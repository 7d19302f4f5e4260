import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VerdictCache } from "../../../../api/main-file/verdict-cache.ts";

const test = suite("verdict cache");
const forget = (): number => 0;

test("a result is made once, also for callers at the same time, until others push it out", async () => {
  const cache = new VerdictCache(10);
  const made: string[] = [];
  const get = (key: string, weight: number): Promise<string> =>
    cache.get(
      key,
      weight,
      async () => {
        made.push(key);
        return key;
      },
      forget,
    );
  assert.equal(await Promise.all([get("a", 4), get("a", 4)]), ["a", "a"]);
  await get("b", 4);
  await get("a", 4);
  await get("c", 4);
  assert.equal(made, ["a", "b", "c"]);
  await get("a", 4);
  assert.equal(made, ["a", "b", "c"], "the one used last stays");
  await get("b", 4);
  assert.equal(made, ["a", "b", "c", "b"]);
  assert.is(await get("large", 11), "large");
  await get("large", 11);
  assert.equal(made.filter((key) => key === "large").length, 2, "what does not fit is not kept");
});

test("what is rejected is forgotten, or kept for as long as is said", async () => {
  const cache = new VerdictCache(10);
  let made = 0;
  const get = (key: string, keepMs: number): Promise<never> =>
    cache.get(
      key,
      1,
      async () => {
        made += 1;
        throw new Error("no");
      },
      () => keepMs,
    );
  for (let i = 0; i < 3; i++) await get("a", 0).catch(() => undefined);
  assert.is(made, 3);
  for (let i = 0; i < 3; i++) await get("b", 60_000).catch(() => undefined);
  assert.is(made, 4);
});

test.run();
