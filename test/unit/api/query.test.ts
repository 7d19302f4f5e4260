import { suite } from "uvu";
import * as assert from "uvu/assert";
import { objectAt, textAt } from "../../../api/body.ts";
import { ApiError } from "../../../api/errors.ts";
import { queryBoolean, queryInteger, queryText } from "../../../api/query.ts";

const test = suite("api query and body values");

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
  return "none";
}

test("O-8: booleans as the clients write them", () => {
  for (const yes of ["True", "true", "1"]) assert.is(queryBoolean({ db: yes }, "db"), true);
  for (const no of ["False", "false", "0", "", undefined]) assert.is(queryBoolean({ db: no }, "db"), false);
  for (const bad of ["yes", "TRUE", "2", " true", "None"])
    assert.is(
      code(() => queryBoolean({ db: bad }, "db")),
      "Invalid",
    );
});

test("a value given twice is refused", () => {
  assert.is(
    code(() => queryText({ q: ["a", "b"] }, "q")),
    "Invalid",
  );
});

test("whole numbers within bounds", () => {
  assert.is(queryInteger({ limit: "1000" }, "limit", 1, 1000), 1000);
  assert.is(queryInteger({}, "limit", 1, 1000), undefined);
  for (const bad of ["0", "1001", "-1", "1.5", "1e3", "0x10", "999999999999", "NaN", " 5"]) {
    assert.is(
      code(() => queryInteger({ limit: bad }, "limit", 1, 1000)),
      "Invalid",
      bad,
    );
  }
});

test("bodies: objects and texts, never what every object inherits", () => {
  for (const bad of [null, [], "x", 1, undefined])
    assert.is(
      code(() => objectAt("body", bad)),
      "Invalid",
    );
  assert.is(textAt("", { job: "x" }, "job"), "x");
  for (const holder of [{}, { job: null }, { job: 1 }, { job: ["x"] }])
    assert.is(
      code(() => textAt("", holder, "job")),
      "Invalid",
    );
  assert.is(
    code(() => textAt("", {}, "constructor")),
    "Invalid",
  );
});

test.run();
