import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LineSplitter, MAX_LINE_BYTES } from "../../../../api/mlbench/controller/line-splitter.ts";
import { BEGINNING } from "../../../../store/mlbench-output.ts";
import { randomSource } from "../../../support/random.ts";

const test = suite("lines of a stream");

function split(...chunks: (string | Buffer)[]): { lines: string[]; splitter: LineSplitter } {
  const splitter = new LineSplitter(BEGINNING);
  return { lines: chunks.flatMap((chunk) => splitter.feed(Buffer.from(chunk))), splitter };
}

test("M-36: lines come without their ends, LF or CR LF, also over several pieces", () => {
  const { lines, splitter } = split("a\nb\r\n\n", "c", "d\r", "\ne\rf\n", "g");
  assert.equal(lines, ["a", "b", "", "cd", "e\rf"]);
  assert.equal(splitter.position, { bytes: 14, inside: false });
  assert.is(splitter.received, 15);
  assert.equal(splitter.end(), ["g"]);
  assert.equal(splitter.end(), []);
  assert.is(splitter.position.bytes, 15);
});

test("M-36: a character that lies in two pieces is one; rubbish and U+0000 are marked", () => {
  const euro = Buffer.from("€");
  assert.equal(split(euro.subarray(0, 1), euro.subarray(1), "\n").lines, ["€"]);
  assert.equal(split(Buffer.from([0xff, 0x61, 0x00, 0x0a])).lines, ["\u{FFFD}a\u{FFFD}"]);
});

test("M-37: a longer line is cut at once, without a piece of a character, and its rest passed over", () => {
  const exact = "x".repeat(MAX_LINE_BYTES);
  assert.equal(split(`${exact}\r\n`).lines, [exact]);
  assert.equal(split(exact, "\r", "\n").lines, [exact]);
  assert.equal(split(`${exact}yz\nnext\n`).lines, [exact, "next"]);
  const { lines, splitter } = split(exact, "yz");
  assert.equal(lines, [exact]);
  assert.equal(splitter.position, { bytes: MAX_LINE_BYTES + 2, inside: true });
  assert.equal(splitter.feed(Buffer.from("more")), []);
  assert.equal(splitter.feed(Buffer.from("more\nnext\n")), ["next"]);
  const [wide] = split(`x${"€".repeat(MAX_LINE_BYTES)}\n`).lines;
  assert.ok(wide !== undefined && !wide.includes("\u{FFFD}"));
  assert.ok(Buffer.byteLength(wide) <= MAX_LINE_BYTES && Buffer.byteLength(wide) > MAX_LINE_BYTES - 3);
  const [rubbish] = split(Buffer.concat([Buffer.alloc(MAX_LINE_BYTES, 0xff), Buffer.from("\n")])).lines;
  assert.ok(rubbish !== undefined && Buffer.byteLength(rubbish) <= MAX_LINE_BYTES);
});

test("M-52: the goal is seen in a line, also far behind what is kept of it, over a border of pieces, and in no piece of a line", () => {
  assert.is(split("Goal Reached!").splitter.hasGoal, false, "not a line yet");
  assert.is(split("a\n>> Goal Rea", "ched! <<\n").splitter.hasGoal, true);
  assert.is(split("Goal\nReached!\n").splitter.hasGoal, false);
  const long = "x".repeat(MAX_LINE_BYTES * 3);
  assert.is(split(long, "Goal Rea", "ched!").splitter.hasGoal, true);
  assert.is(split(`${long}Goal R`, "eached!\n").splitter.hasGoal, true);
  assert.is(split(`${long}Goal\n`, " Reached!\n").splitter.hasGoal, false);
});

test("M-51: whoever goes on at any position of any splitting gets the lines that are missing, each once", () => {
  const random = randomSource(7);
  const texts = Array.from({ length: 60 }, (_, i) => {
    if (i % 20 === 7) return "y".repeat(random.integer(MAX_LINE_BYTES - 3, MAX_LINE_BYTES * 3));
    return `${i} ${"ä€😀x".repeat(random.integer(0, 30))}${i % 3 === 0 ? "\r" : ""}`;
  });
  const bytes = Buffer.from(texts.join("\n"));
  const whole = new LineSplitter(BEGINNING);
  const expected = [...whole.feed(bytes), ...whole.end()];
  assert.is(expected.length, texts.length);
  for (let round = 0; round < 200; round++) {
    const lines: string[] = [];
    let position = BEGINNING;
    while (position.bytes < bytes.length) {
      const splitter = new LineSplitter(position);
      const end = random.integer(0, 3) === 0 ? bytes.length : random.integer(position.bytes, bytes.length);
      for (let at = position.bytes; at < end; ) {
        const next = Math.min(end, at + random.integer(1, 9_000));
        lines.push(...splitter.feed(bytes.subarray(at, next)));
        at = next;
        assert.is(splitter.received, at);
      }
      if (end === bytes.length) lines.push(...splitter.end());
      position = splitter.position;
    }
    assert.equal(lines, expected);
  }
});

test.run();
