import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fairShare, shardOf } from "../../../kube/shard.ts";

const shard = suite("shards");

shard("a key is of the same shard everywhere and for ever", () => {
  assert.equal(
    ["default/a", "default/b", "team-a/run-17", "team-a/run-18", "x/läuft"].map((key) => shardOf(key, 4)),
    [3, 0, 1, 1, 2],
  );
  assert.is(shardOf("default/a", 1), 0);
});

shard("keys that differ in little are spread evenly", () => {
  for (const count of [2, 3, 4, 7, 16]) {
    const held = new Array<number>(count).fill(0);
    for (let i = 0; i < 16_000; i++) {
      const at = shardOf(`default/run-${i}`, count);
      held[at] = (held[at] ?? 0) + 1;
    }
    for (const keys of held) assert.ok(Math.abs(keys - 16_000 / count) < 1_600 / count + 100, `${count}: ${held}`);
  }
});

shard("shares are as even as they can be, add up to all shards, and the same for everyone who asks", () => {
  for (const shards of [1, 2, 4, 5, 16]) {
    for (const size of [1, 2, 3, 5, 20]) {
      const members = Array.from({ length: size }, (_, i) => `replica-${i}`);
      const shares = members.map((self) => fairShare(shards, [...members].reverse(), self));
      assert.is(
        shares.reduce((sum, share) => sum + share, 0),
        shards,
      );
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);
    }
  }
  assert.is(fairShare(4, [], "only"), 4, "a process counts itself, seen or not");
  assert.is(fairShare(4, ["a", "a", "b"], "b"), 2, "a name counts once");
});
shard.run();
