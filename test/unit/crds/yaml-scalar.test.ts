import { suite } from "uvu";
import * as assert from "uvu/assert";
import { plainType, plainValue } from "../../../crds/yaml-scalar.ts";

const test = suite("plain scalars of YAML 1.1");

test("O-120: what each form means; what JSON cannot hold stays text", () => {
  const values: Record<string, [text: string, value: unknown][]> = {
    null: ["", "~", "null", "Null", "NULL"].map((text) => [text, null]),
    bool: [
      ...["yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((text): [string, unknown] => [text, true]),
      ...["no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((text): [string, unknown] => [
        text,
        false,
      ]),
    ],
    int: [
      ["0", 0],
      ["-12", -12],
      ["+12", 12],
      ["1_000", 1000],
      ["0644", 0o644],
      ["-0644", -0o644],
      ["0x1F", 31],
      ["-0x1f", -31],
      ["0b1_01", 5],
      ["1:30", 90],
      ["-190:20:30", -685230],
      ["9007199254740993", "9007199254740993"],
    ],
    float: [
      ["1.5", 1.5],
      ["1.", 1],
      [".5", 0.5],
      ["-1_0.5", -10.5],
      ["1.0e+3", 1000],
      ["1.5e-3", 0.0015],
      ["190:20:30.15", 685230.15],
      [".inf", ".inf"],
      ["-.INF", "-.INF"],
      [".NaN", ".NaN"],
    ],
    timestamp: ["2019-08-08", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43 Z"].map((text) => [text, text]),
    text: [
      ...[
        "y",
        "n",
        "tRue",
        "nUll",
        "1e3",
        "1.0e3",
        "08",
        "0o17",
        "0b2",
        "1:60",
        "01:30",
        "1,000",
        "-",
        "+",
        ".",
        "_1",
        "a b",
      ],
      `1${"0".repeat(200)}`,
    ].map((text) => [text, text]),
  };
  for (const [type, cases] of Object.entries(values)) {
    for (const [text, value] of cases) {
      assert.is(plainType(text), type, text);
      assert.is(plainValue(text), value, text);
    }
  }
});
test.run();
