import { suite } from "uvu";
import * as assert from "uvu/assert";
import { downloadDate, EPOCH, momentAt, momentOf, shortDate } from "../../../../api/mlbench/dates.ts";
import { randomSource } from "../../../support/random.ts";

const test = suite("dates of metrics");

test("M-13: dates come in with T or a blank, a fraction of one to nine digits, and Z, an offset or no zone", () => {
  const cases: Record<string, string> = {
    "2026-11-20 23:35:10.314416": "2026-11-20T23:35:10.314416Z",
    "2026-11-20T23:35:10": "2026-11-20T23:35:10.000000Z",
    "2026-11-20T23:35:10Z": "2026-11-20T23:35:10.000000Z",
    "2026-11-20T23:35:10.3Z": "2026-11-20T23:35:10.300000Z",
    "2026-11-20T23:35:10.123456789Z": "2026-11-20T23:35:10.123456Z",
    "2026-11-20T23:35:10.999999999": "2026-11-20T23:35:10.999999Z",
    "2026-01-01 00:00:00.5+00:00": "2026-01-01T00:00:00.500000Z",
    "2026-01-01 00:00:00+01:30": "2025-12-31T22:30:00.000000Z",
    "2026-12-31T23:59:59.000001-05:00": "2027-01-01T04:59:59.000001Z",
    "2024-02-29T00:00:00": "2024-02-29T00:00:00.000000Z",
    "2000-02-29T00:00:00": "2000-02-29T00:00:00.000000Z",
    "2026-04-30 23:59:59": "2026-04-30T23:59:59.000000Z",
    "0001-01-01T00:00:00": "0001-01-01T00:00:00.000000Z",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
    "1969-12-31T23:59:59.000001Z": "1969-12-31T23:59:59.000001Z",
  };
  for (const [text, moment] of Object.entries(cases)) assert.is(momentOf(text), moment, text);
});

test("M-13: anything else is no date", () => {
  const wrong = [
    ...["", "now", "0", "1700000000", "2026-11-20", "2026-11-20T23:35", "20261120T233510Z", "2026-11-20t23:35:10z"],
    ...[
      "2026-02-29T00:00:00",
      "2026-02-30T00:00:00",
      "1900-02-29T00:00:00",
      "2026-06-31T00:00:00",
      "2026-13-01T00:00:00",
      "2026-00-01T00:00:00",
    ],
    ...["2026-01-00T00:00:00", "2026-01-32T00:00:00", "2026-01-01T24:00:00", "2026-01-01T00:60:00"],
    ...["2026-01-01T00:00:60", "2026-01-01T00:00:00.", "2026-01-01T00:00:00.1234567890", "2026-01-01T00:00:00+24:00"],
    ...["2026-01-01T00:00:00+0100", "2026-01-01T00:00:00 UTC", " 2026-01-01T00:00:00", "2026-01-01T00:00:00\n"],
    ...["2026-01-01  00:00:00", "+12026-01-01T00:00:00", "0000-12-31T23:59:59", "٢٠٢٦-01-01T00:00:00"],
    ...["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"],
  ];
  for (const text of wrong) assert.is(momentOf(text), undefined, JSON.stringify(text));
});

test("moments sort as texts as they do in time, and an offset changes nothing of the fraction", () => {
  const random = randomSource(20);
  for (let round = 0; round < 500; round++) {
    const [a, b] = [random, random].map(({ integer }) => integer(0, 250_000_000_000) * 1000 + integer(0, 999));
    const [first, second] = [a ?? 0, b ?? 0].map((ms) => momentOf(new Date(ms).toISOString()) ?? "");
    assert.is((first ?? "") < (second ?? ""), (a ?? 0) < (b ?? 0));
    const minutes = random.integer(-1439, 1439);
    const local = new Date((a ?? 0) + minutes * 60_000).toISOString().slice(0, 23);
    const [hours, rest] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) =>
      String(part).padStart(2, "0"),
    );
    assert.is(momentOf(`${local}${minutes < 0 ? "-" : "+"}${hours}:${rest}`), first);
  }
});

test("M-12: in short the fraction has six digits or is left out", () => {
  assert.is(shortDate("2026-01-01T00:00:00.000000Z"), "2026-01-01T00:00:00Z");
  assert.is(shortDate("2026-01-01T00:00:00.500000Z"), "2026-01-01T00:00:00.500000Z");
  assert.is(shortDate("2026-01-01T00:00:00.000001Z"), "2026-01-01T00:00:00.000001Z");
  assert.is(momentAt(Date.UTC(2026, 0, 1) + 7), "2026-01-01T00:00:00.007000Z");
  assert.is(momentAt(0), EPOCH);
});

test("M-28: in a download the fraction is cut to three digits", () => {
  assert.is(downloadDate("2026-01-01T00:00:00.999999Z"), "2026-01-01T00:00:00.999Z");
  assert.is(downloadDate("2026-01-01T00:00:00.000999Z"), "2026-01-01T00:00:00.000Z");
  assert.is(downloadDate("2026-01-01T00:00:00.000000Z"), "2026-01-01T00:00:00Z");
});

test.run();
