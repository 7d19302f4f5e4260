import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fields, fieldValues, supplied } from "../../../../api/mlbench/fields.ts";
import { ApplicationError } from "../../../../api/mlbench/mlbench-error.ts";

const fields = suite("fields of a body");

/** The body of the error that something throws. */
function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    assert.instance(error, ApplicationError);
    return (error as ApplicationError).body;
  }
  return undefined;
}

fields("M-5: numbers are parsed from text, and are what they are in JSON", () => {
  const of = new Fields({ i: "12", s: " -3 ", n: 4, f: "1.5e2", d: ".5", e: "", big: 2 ** 53 });
  assert.is(of.integer("i"), 12);
  assert.is(of.integer("s"), -3);
  assert.is(of.integer("n"), 4);
  assert.is(of.number("f"), 150);
  assert.is(of.number("d"), 0.5);
  assert.is(of.number("i"), 12);
  for (const name of ["e", "absent", "constructor"]) {
    assert.is(of.integer(name), undefined);
    assert.is(of.number(name), undefined);
  }
  assert.equal(
    refusal(() => of.integer("big")),
    {
      status: "Bad Request",
      message: "big: 9007199254740992 is no whole number",
    },
  );
});

fields("M-5, §12 row 7: which values are true", () => {
  const of = new Fields({ a: true, b: "true", c: "True", d: "1", e: false, f: "TRUE", g: "yes", h: 1, i: "" });
  for (const name of ["a", "b", "c", "d"]) assert.is(of.boolean(name), true, name);
  for (const name of ["e", "f", "g", "h", "i", "absent"]) assert.is(of.boolean(name), false, name);
});

fields("M-10: a bad value is a 400 with field and value, a missing one says what has to be supplied", () => {
  const of = new Fields({
    i: "1.5",
    n: "1e999",
    t: { json: "{}" },
    h: "0x10",
    inf: "Infinity",
    long: "x".repeat(5000),
  });
  assert.equal(
    refusal(() => of.integer("i")),
    { status: "Bad Request", message: 'i: "1.5" is no whole number' },
  );
  for (const name of ["n", "t", "h", "inf"]) {
    assert.match(String((refusal(() => of.number(name)) as { message: string }).message), /is no number$/);
  }
  assert.equal(
    refusal(() => of.text("t")),
    { status: "Bad Request", message: "t: {} is no text" },
  );
  assert.ok((refusal(() => of.integer("long")) as { message: string }).message.length < 300);
  assert.equal(
    refusal(() => supplied("name", of.text("name"))),
    {
      status: "Bad Request",
      message: "name has to be supplied",
    },
  );
});

fields("M-5: of a body only the fields that are asked for are kept, and what is structured as its text", () => {
  const body = JSON.parse('{"a":null,"b":{"c":[1]},"d":false,"e":1.5,"f":"x","__proto__":{"g":1},"more":{}}');
  assert.equal(fieldValues(body, ["a", "b", "d", "e", "f", "g", "constructor"]), {
    b: { json: '{"c":[1]}' },
    ...{ d: false, e: 1.5, f: "x" },
  });
});

fields("M-5: texts are kept as they are", () => {
  const of = new Fields({ a: " é ", b: 1.5, c: true, d: "" });
  assert.equal(
    ["a", "b", "c", "d", "e"].map((name) => of.text(name)),
    [" é ", "1.5", "true", "", undefined],
  );
});
fields.run();
