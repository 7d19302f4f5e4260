import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  byCodePoint,
  canonicalJson,
  canonicalString,
  JsonTextProblem,
  MAX_JSON_DEPTH,
  measureOf,
  membersOf,
  objectOf,
} from "../../../store/json-text.ts";
import { randomSource } from "../../support/random.ts";

const SAMPLES = 3_000;
const test = suite("JSON as it is stored");

const reasonOf = (text: string): string => {
  try {
    canonicalJson(text);
  } catch (error) {
    if (error instanceof JsonTextProblem) return error.message;
    throw error;
  }
  throw new Error(`taken: ${text.slice(0, 100)}`);
};
const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

test("C-54: numbers come back digit for digit, however long they are", () => {
  const digits = "123456789".repeat(200);
  for (const number of [digits, `-${digits}`, "0.10", "-0", "1E400", "1e-400", "9007199254740993", "1.0"]) {
    assert.is(canonicalJson(` [ ${number} ,{"n": ${number}}]`), `[${number},{"n":${number}}]`);
  }
});

test("C-54: no name and no character is special", () => {
  const text = '{"__proto__":{"x":1},"":2,"a.b":3,"$set":4,"\\u0000":"\\u0000","\\ud800":"\\udfff","constructor":5}';
  assert.equal(
    [...membersOf(canonicalJson(text))],
    [
      ["", "2"],
      ["\0", '"\\u0000"'],
      ["$set", "4"],
      ["__proto__", '{"x":1}'],
      ["a.b", "3"],
      ["constructor", "5"],
      ["\ud800", '"\\udfff"'],
    ],
  );
  assert.is(canonicalJson('"é\u007f\u{1F600}\\/\\u00e9\\t"'), '"\\u00e9\\u007f\\ud83d\\ude00/\\u00e9\\t"');
  assert.is(canonicalString('"\\\u2028\ud83d'), '"\\"\\\\\\u2028\\ud83d"');
  assert.ok(/^[ -~]*$/.test(canonicalJson(JSON.stringify(String.fromCodePoint(0x10ffff, 0x7f, 0xffff, 0x1f)))));
});

test("C-5: keys are sorted by code point at every level, of a repeated one the last counts, no blank is left", () => {
  assert.is(
    canonicalJson(' { "b" : [ { "z" : 1 , "a" : { } } , [ ] ] , "a" : 1 , "\\u0061" : 2, "😀":1, "\ufffd":2 } '),
    '{"a":2,"b":[{"a":{},"z":1},[]],"\\ufffd":2,"\\ud83d\\ude00":1}',
  );
  const texts = ["a", "", "ab", "\ud800", "\udfff", "\u{10000}", "\u{10000}a", "\uffff", "\u{1F600}", "é"];
  const points = (text: string): number[] => [...text].map((character) => character.codePointAt(0) ?? 0);
  const expected = [...texts].sort((a, b) => {
    const [left, right] = [points(a), points(b)];
    const at = left.findIndex((point, index) => point !== right[index]);
    return at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1);
  });
  assert.equal([...texts].sort(byCodePoint), expected);
});

test("C-6: 200 levels are taken, 201 are not; brackets within strings are no levels", () => {
  assert.is(canonicalJson(nested(MAX_JSON_DEPTH)), nested(MAX_JSON_DEPTH));
  assert.match(reasonOf(nested(MAX_JSON_DEPTH + 1)), "200 levels");
  assert.match(reasonOf("[".repeat(4_000_000)), "200 levels");
  const within = JSON.stringify([nested(300), '\\"[[[['.repeat(100)]);
  assert.is(canonicalJson(within), within);
});

test("C-46: what is no JSON is refused with the parser's reason", () => {
  for (const text of [
    "",
    "NaN",
    "[Infinity]",
    "{'a':1}",
    "[1,]",
    '{"a":1,}',
    '"\n"',
    "01",
    "1 2",
    '"',
    "{",
    "\ufeff{}",
  ]) {
    assert.ok(reasonOf(text).length > 5, text);
  }
});

test("C-57: the measure is that of Python's printing, to the character", () => {
  assert.is(measureOf("{}"), 2);
  for (const [value, printed] of [
    ['{"a":1}', '{"a": 1}'],
    ['{"a":[1,2,{"b":null}],"c":",:"}', '{"a": [1, 2, {"b": null}], "c": ",:"}'],
    ['["\\",:\\\\",":"]', '["\\",:\\\\", ":"]'],
  ] as const) {
    assert.is(measureOf(canonicalJson(value)), printed.length, value);
  }
  // One character each: as it is, the short escapes as two, all others as six, beyond the BMP as twelve.
  const widths = { a: 1, "/": 1, " ": 1, "~": 1, '"': 2, "\\": 2, "\b": 2, "\f": 2, "\n": 2, "\r": 2, "\t": 2 };
  const wide = { "\0": 6, "\x0b": 6, "\x7f": 6, é: 6, "\u2028": 6, "\ud800": 6, "\u{1F600}": 12 };
  for (const [character, width] of Object.entries({ ...widths, ...wide })) {
    assert.is(measureOf(canonicalJson(JSON.stringify(character))), width + 2, JSON.stringify(character));
  }
});

test("whatever JSON is given: nothing changes but order and form, and the members make the same text again", () => {
  const random = randomSource(57);
  const string = (): string => random.text('ab"\\/\0\n\u007fé,:{}[]\ud83d\u{1F600}_', 0, 6);
  const any = (levels: number): unknown => {
    const kind = random.integer(0, levels > 0 ? 5 : 3);
    if (kind === 0) return random.pick([null, true, false]);
    if (kind === 1) return random.integer(-1000, 1000) / 8;
    if (kind <= 3) return string();
    const items = Array.from({ length: random.integer(0, 4) }, () => any(levels - 1));
    return kind === 4 ? items : Object.fromEntries(items.map((item) => [string(), item]));
  };
  for (let count = 0; count < SAMPLES; count++) {
    const value = { value: any(4), [string()]: any(1) };
    const text = JSON.stringify(value, null, random.integer(0, 2));
    const stored = canonicalJson(text);
    assert.equal(JSON.parse(stored), JSON.parse(text));
    assert.is(canonicalJson(stored), stored);
    assert.is(objectOf(membersOf(stored)), stored);
    assert.ok(/^[ -~]*$/.test(stored));
  }
});

test.run();
