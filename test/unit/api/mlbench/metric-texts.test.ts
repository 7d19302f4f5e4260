import { suite } from "uvu";
import * as assert from "uvu/assert";
import { csvRow } from "../../../../api/mlbench/metrics/csv.ts";
import { pythonFloat } from "../../../../api/mlbench/metrics/python-float.ts";
import { safeName } from "../../../../api/mlbench/metrics/safe-name.ts";
import { metricNumber } from "../../../../store/metric-number.ts";
import { randomSource } from "../../../support/random.ts";

const test = suite("texts of metrics");

test("M-23: numbers are written as Python writes them", () => {
  // Each pair is what `repr(float(...))` prints.
  const cases: readonly [number, string][] = [
    [2, "2.0"],
    [0.25, "0.25"],
    [1e-7, "1e-07"],
    [0, "0.0"],
    [-0, "-0.0"],
    [-1.5, "-1.5"],
    [0.1, "0.1"],
    [1 / 3, "0.3333333333333333"],
    [123456.789, "123456.789"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [0.000123, "0.000123"],
    [1.5e-5, "1.5e-05"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [9999999999999998, "9999999999999998.0"],
    [123456789012345680, "1.2345678901234568e+17"],
    [1e22, "1e+22"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [5e-324, "5e-324"],
    [-2.5e-100, "-2.5e-100"],
    [Number.NaN, "nan"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ];
  for (const [value, text] of cases) assert.is(pythonFloat(value), text);
});

test("M-23: a number that was written reads as the same number", () => {
  const random = randomSource(23);
  const bytes = new DataView(new ArrayBuffer(8));
  for (let round = 0; round < 5000; round++) {
    bytes.setUint32(0, random.integer(0, 2 ** 32 - 1));
    bytes.setUint32(4, random.integer(0, 2 ** 32 - 1));
    const value = bytes.getFloat64(0);
    if (!Number.isFinite(value)) continue;
    assert.is(Number(pythonFloat(value)), value);
    assert.match(pythonFloat(value), /^-?(\d+\.\d+|\d(\.\d+)?e[+-]\d{2,3})$/);
  }
});

test("M-23: finite numbers are told from everything else", () => {
  for (const text of ["0", "-1", "+1", "1.", ".5", "1e5", "1E-5", " 2.5 ", "1e308"])
    assert.ok(metricNumber(text) !== undefined, text);
  for (const text of ["", "nan", "inf", "-Infinity", "1e309", "0x10", "1,5", "1 2", "one", ".", "e5", "1_000"]) {
    assert.is(metricNumber(text), undefined, text);
  }
});

test("M-25: names of files are safe and say what they can", () => {
  const cases: Record<string, string> = {
    "run-1": "run-1",
    "a/b  c": "a_b_c",
    "a / b": "a_b",
    "Übung Größe": "Ubung_Groe",
    "..\\..//etc/passwd": "etc_passwd",
    '"; filename=evil.sh\r\n': "filenameevil.sh",
    "__.a._": "a",
    ﬁne: "fine",
    日本: "",
    "val_Prec@1 @ 0": "val_Prec1__0",
  };
  for (const [name, safe] of Object.entries(cases)) assert.is(safeName(name), safe, name);
  const random = randomSource(25);
  for (let round = 0; round < 1000; round++) {
    const name = random.text("aZ09 /\\._-\"'\n\r;=%äé日\u0000\ud800", 0, 40);
    assert.match(safeName(name), /^([A-Za-z0-9-]([A-Za-z0-9_.-]*[A-Za-z0-9-])?)?$/, JSON.stringify(name));
  }
});

test("M-68: cells that a spreadsheet would compute are quoted; numbers, commas, quotes and line ends stay what they are", () => {
  const row = (name: string, value: string): string =>
    csvRow({ name, date: "2026-01-01T00:00:00.000000Z", value, cumulative: true });
  const date = "2026-01-01T00:00:00.000000Z";
  assert.is(row("loss", "-1.5e-3"), `loss,${date},-1.5e-3,true\r\n`);
  assert.is(row("loss", "+7"), `loss,${date},+7,true\r\n`);
  assert.is(row("=cmd|' /C calc'!A0", "@x"), `'=cmd|' /C calc'!A0,${date},'@x,true\r\n`);
  assert.is(row('a,"b"\nc', "-"), `"a,""b""\nc",${date},'-,true\r\n`);
  assert.is(row("+1,5", "-inf"), `"'+1,5",${date},'-inf,true\r\n`);
});

test.run();
