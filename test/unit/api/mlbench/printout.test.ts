import { suite } from "uvu";
import * as assert from "uvu/assert";
import { printout } from "../../../../api/mlbench/printout.ts";

const test = suite("Python's printouts");

test("M-17: a map of labels, its keys in ascending order", () => {
  assert.is(
    printout({ release: "worn-mouse", component: "worker", app: "mlbench" }),
    "{'app': 'mlbench', 'component': 'worker', 'release': 'worn-mouse'}",
  );
  assert.is(printout({}), "{}");
  assert.is(printout({ a: "" }), "{'a': ''}");
});

test("M-48, M-65: lists", () => {
  assert.is(printout(["a-0.a", "a-1.a"]), "['a-0.a', 'a-1.a']");
  assert.is(
    printout(["sh", "/usr/bin/mpirun", "--host", "10.244.2.58,10.244.3.57", "/usr/local/bin/python", "/app/main.py"]),
    "['sh', '/usr/bin/mpirun', '--host', '10.244.2.58,10.244.3.57', '/usr/local/bin/python', '/app/main.py']",
  );
  assert.is(printout([]), "[]");
  assert.is(printout([["a"], { b: ["c"] }]), "[['a'], {'b': ['c']}]");
});

// What Python 3 prints for `repr` of each of these.
for (const [text, shown] of [
  ["it's", `"it's"`],
  ['say "x"', `'say "x"'`],
  [`it's "x"`, `'it\\'s "x"'`],
  ["a\\b", "'a\\\\b'"],
  ["a\nb\r\tc", "'a\\nb\\r\\tc'"],
  ["\x00\x1b\x7f", "'\\x00\\x1b\\x7f'"],
  ["\xa0\xad", "'\\xa0\\xad'"],
  ["é漢😀", "'é漢😀'"],
  ["\u200b\u2028\ufeff", "'\\u200b\\u2028\\ufeff'"],
  ["\u{e0001}", "'\\U000e0001'"],
  ["\ud800", "'\\ud800'"],
] as const) {
  test(`M-17: escapes of ${JSON.stringify(text)} are Python's`, () => {
    assert.is(printout(text), shown);
  });
}
test.run();
