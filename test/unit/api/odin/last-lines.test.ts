import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lastLines } from "../../../../api/odin/last-lines.ts";

const test = suite("api last lines");

test("O-223: the last lines, with or without a line break at the end", () => {
  const cases: [text: string, lines: number, last: string][] = [
    ["a\nb\nc\n", 1, "c\n"],
    ["a\nb\nc\n", 2, "b\nc\n"],
    ["a\nb\nc\n", 3, "a\nb\nc\n"],
    ["a\nb\nc\n", 9, "a\nb\nc\n"],
    ["a\nb\nc", 1, "c"],
    ["a\nb\nc\n", 0, ""],
    ["", 3, ""],
    ["\n", 1, "\n"],
    ["\n\n\n", 2, "\n\n"],
    ["\na\n", 1, "a\n"],
    ["\na\n", 2, "\na\n"],
  ];
  for (const [text, lines, last] of cases)
    assert.is(lastLines(Buffer.from(text), lines).toString(), last, JSON.stringify([text, lines]));
});

test.run();
