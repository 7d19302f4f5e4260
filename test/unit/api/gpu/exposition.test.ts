import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ExpositionReader, type Sample } from "../../../../api/gpu/exposition.ts";
import { randomSource } from "../../../support/random.ts";

const test = suite("the text format of exporters");

interface Read {
  samples: Sample[];
  malformed: number;
}

function read(pieces: string | readonly string[], wanted: (name: string) => boolean = () => true): Read {
  const samples: Sample[] = [];
  const reader = new ExpositionReader(wanted, (sample) => samples.push(sample));
  for (const piece of typeof pieces === "string" ? [pieces] : pieces) reader.push(piece);
  reader.end();
  return { samples, malformed: reader.malformed };
}
const one = (text: string) => {
  const { samples, malformed } = read(text);
  assert.equal([samples.length, malformed], [1, 0], text);
  const [sample] = samples;
  return { name: sample?.name, labels: Object.fromEntries(sample?.labels ?? []), value: sample?.value };
};

test("G-33: names, labels, escapes, blanks, line ends, time stamps", () => {
  assert.equal(one('m{a="1",b="x y"} 2.500000\n'), { name: "m", labels: { a: "1", b: "x y" }, value: 2.5 });
  assert.equal(one("m 1"), { name: "m", labels: {}, value: 1 });
  assert.equal(one("m{} 1"), { name: "m", labels: {}, value: 1 });
  assert.equal(one(' m { a = "1" , b = "2" , } 3 1395066363000 \r\n'), {
    name: "m",
    labels: { a: "1", b: "2" },
    value: 3,
  });
  assert.equal(one('m{a="q\\"b\\\\n\\nz"} 1').labels, { a: 'q"b\\n\nz' });
  assert.equal(one('a:b_c{le="+Inf"} 1e3').value, 1000);
  assert.equal(one('m{a="x{y}=,z"} 1').labels, { a: "x{y}=,z" });
  assert.equal(read("# HELP m help\n# TYPE m gauge\n\n   \n#\n"), { samples: [], malformed: 0 });
});

test("G-33: NaN and infinities in every spelling", () => {
  assert.ok(Number.isNaN(one("m NaN").value));
  for (const text of ["+Inf", "Inf", "inf", "+infinity"]) assert.is(one(`m ${text}`).value, Number.POSITIVE_INFINITY);
  assert.is(one("m -Inf").value, Number.NEGATIVE_INFINITY);
});

test("G-8, G-33: a line that cannot be read is counted, and its neighbours live", () => {
  const wrong = [
    'm{a="q"b"} 1',
    'm{a="1" b="2"} 1',
    'm{a="1"',
    "m{a=1} 1",
    'm{="1"} 1',
    'm{a="1"}',
    "m",
    "m x",
    "m 0x10",
    "m 1 2 3",
    "m 1_000",
    "m+1",
    "{} 1",
    "1m 1",
    "<html>",
    "\u0000\u0001",
  ];
  const { samples, malformed } = read(wrong.map((line) => `before 1\n${line}\nafter 1\n`).join(""));
  assert.is(malformed, wrong.length);
  assert.is(samples.length, 2 * wrong.length);
});

test("G-33: a half line at the end is no line; a whole one without a line end is", () => {
  assert.equal(read('m{a="1"} 5\nm{a="2"').malformed, 1);
  assert.is(read('m{a="1"} 5\nm{a="2"} 6').samples.length, 2);
});

test("G-33: label names that are special in JavaScript are labels like others", () => {
  const { samples } = read('m{__proto__="x",constructor="y",toString="z"} 1');
  assert.equal(
    [...(samples[0]?.labels ?? [])],
    [
      ["__proto__", "x"],
      ["constructor", "y"],
      ["toString", "z"],
    ],
  );
  assert.is(({} as Record<string, unknown>).x, undefined);
});

test("G-32: families that nobody wants are passed over, whatever their labels are", () => {
  const { samples, malformed } = read('other{a="broken} 1\nm 1\n', (name) => name === "m");
  assert.equal([samples.length, malformed], [1, 0]);
});

test("G-33: the text may be cut into pieces anywhere", () => {
  const text = '# HELP m h\nm{a="é€😀",b="\\n"} 1.5\r\n\nbroken{\nm 2';
  const whole = read(text);
  assert.equal([whole.samples.length, whole.malformed], [2, 1]);
  for (let at = 0; at <= text.length; at++) assert.equal(read([text.slice(0, at), text.slice(at)]), whole);
  assert.equal(read([...text]), whole);
});

test("G-33: a line without an end is dropped before it fills the memory", () => {
  const { samples, malformed } = read([
    "before 1\n",
    ...Array.from({ length: 2000 }, () => "x".repeat(1000)),
    "\nafter 1",
  ]);
  assert.equal([samples.map(({ name }) => name), malformed], [["before", "after"], 1]);
});

test("G-33: whole numbers are told from decimals", () => {
  assert.equal(
    read("m 1\nm 1.000000\nm 1e0\n").samples.map(({ fractional }) => fractional),
    [false, true, true],
  );
});

test("G-33: rubbish never throws and is read in one pass", () => {
  const random = randomSource(20260102);
  const pieces = [
    "m",
    "{",
    "}",
    '"',
    "\\",
    "=",
    ",",
    "\n",
    "\r",
    " ",
    "\t",
    "#",
    "1",
    ".",
    "e",
    "NaN",
    "a",
    "\u0000",
    "é",
    "😀",
  ];
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: random.integer(0, 60) }, () => random.pick(pieces)).join("");
    const { samples } = read(text);
    for (const { value } of samples) assert.type(value, "number");
  }
  // Everything that could make a matcher try again and again.
  for (const text of [
    "\\".repeat(60_000),
    `m{a="${"\\\\".repeat(30_000)}`,
    `m{${'a="b",'.repeat(9_000)}`,
    `m{a="${"x".repeat(65_000)}`,
  ]) {
    assert.equal(read(`${text}\nm 1\n`).samples.length, 1);
  }
});

test.run();
