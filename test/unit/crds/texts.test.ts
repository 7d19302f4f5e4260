import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TextProblem } from "../../../crds/problem.ts";
import { type Reference, referencedTasks, resolveReferences } from "../../../crds/references.ts";
import { substituteVariables } from "../../../crds/variables.ts";
import { randomSource } from "../../support/random.ts";

const texts = suite("variables and references");
const variables = (text: string): string => substituteVariables(text, (name) => `<${name}>`);
const values: Record<string, unknown> = {
  "a.x": "one",
  "a.n": 5,
  "a.b": false,
  "a.list": [1, "two"],
  "a.key": "x",
  "b.key": "x",
  "a.braces": "{^a.x}",
};
const resolve = ({ task, path }: Reference): unknown => values[[task, ...path].join(".")];
const references = (text: string): string => resolveReferences(text, resolve);

texts("O-150: both spellings, and $$ for a dollar", () => {
  assert.is(variables("$RUN_PATH/${TASK_ID}-x"), "<RUN_PATH>/<TASK_ID>-x");
  assert.is(variables("$$RUN_PATH costs $$5"), "$RUN_PATH costs $5");
  assert.is(variables("$$$PIPE_ID"), "$<PIPE_ID>");
  assert.is(variables("nothing here"), "nothing here");
});

texts("O-150: an unknown name or a stray dollar is refused, with the text", () => {
  for (const text of ["$NOPE", "${NOPE}", "$5", "ends in $", "${RUN_PATH", "${}", "${__proto__}", "$constructor"]) {
    assert.throws(
      () => variables(text),
      (error: unknown) => error instanceof TextProblem && error.message.includes(text.slice(0, 20)),
      text,
    );
  }
});

texts("O-151: a whole element, and one inside a text", () => {
  assert.is(references("^a.x"), "one");
  assert.is(references("--x={^a.x}!"), "--x=one!");
  assert.is(references("^a.n"), "5");
  assert.is(references("^a.b"), "false");
  assert.is(references("{^a.list}"), '[1,"two"]');
});

texts("O-151: braces nest and resolve inside-out; braces without a reference stay", () => {
  assert.is(references("{^a.{^b.key}}"), "one");
  assert.is(references("^a.{^b.key}"), "one");
  for (const text of ["{x}", "{}", "{", "}", "{ ^a.x }", "a {b {c}} d", '{"json": {"k": 1}}'])
    assert.is(references(text), text);
});

texts("O-151: what a task handed back is put in as it is, not read again", () => {
  assert.is(references("{^a.braces}"), "{^a.x}");
});

texts("O-152: no field, no task, or no value is refused", () => {
  for (const text of ["^a", "^", "^a.", "^.x", "^A.x", "{^a}", "^a.nope", "{^nope.x}", "^a..x"]) {
    assert.throws(
      () => references(text),
      (error: unknown) => error instanceof TextProblem,
      text,
    );
  }
});

texts("O-152: every reference is a dependency, nested ones too", () => {
  assert.equal(referencedTasks("x {^a.{^b.key}} {^c-1.y.z}"), ["b", "a", "c-1"]);
  assert.equal(referencedTasks("no reference ^ here {x}"), []);
});

texts("F-44: hostile texts end quickly and without anything but a problem", () => {
  const { text } = randomSource(44);
  for (let i = 0; i < 3000; i++) {
    const hostile = text("^{}$ab._-\uE000\uE001\u0000", 0, 200);
    for (const read of [variables, references, (t: string) => referencedTasks(t).join()]) {
      try {
        assert.type(read(hostile), "string");
      } catch (error) {
        assert.ok(error instanceof TextProblem, `${JSON.stringify(hostile)}: ${String(error)}`);
      }
    }
  }
  assert.throws(() => references("{^a.x}".repeat(5000)), /more than/);
});
texts.run();
