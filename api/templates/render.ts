import { Budget } from "./budget.ts";
import { evaluate } from "./evaluate.ts";
import { itemsOf } from "./filters.ts";
import { lex } from "./lexer.ts";
import { Scope } from "./scope.ts";
import { parse, type Statement } from "./statement.ts";
import { type Place, TemplateProblem } from "./template-problem.ts";
import { isList, isMapping, isTrue, type Mapping, textOf, Undefined, type Value } from "./value.ts";

/**
 * Renders a template of the subset of Jinja in O-154 with JSON data. What is not in the subset, what cannot be evaluated, and a template that
 * takes too many steps or puts out too much throws a `TemplateProblem` with the place. Neither template nor data can reach anything else: values
 * are JSON, names are own keys of it, and nothing can be called. Templates that belong together share a `budget`.
 */
export function renderTemplate(source: string, context: Mapping, budget = new Budget()): string {
  const output: string[] = [];
  run(parse(lex(source)), new Scope(context), budget, (text, place) => {
    budget.output(place, text);
    output.push(text);
  });
  return output.join("");
}

type Put = (text: string, place: Place) => void;

const START: Place = { line: 1, column: 1 };

function run(body: readonly Statement[], scope: Scope, budget: Budget, put: Put, around: Place = START): void {
  for (const statement of body) {
    switch (statement.kind) {
      case "text":
        budget.step(around);
        put(statement.text, around);
        break;
      case "output": {
        const { place } = statement.value;
        const text = textOf(evaluate(statement.value, scope, budget));
        budget.length(place, text.length);
        put(text, place);
        break;
      }
      case "set":
        scope.set(statement.name, evaluate(statement.value, scope, budget));
        break;
      case "if": {
        const branch = statement.branches.find(
          ({ condition }) => condition === undefined || isTrue(evaluate(condition, scope, budget)),
        );
        if (branch !== undefined) run(branch.body, scope, budget, put, branch.condition?.place ?? around);
        break;
      }
      case "for":
        runLoop(statement, scope, budget, put);
        break;
    }
  }
}

function runLoop(loop: Statement & { kind: "for" }, scope: Scope, budget: Budget, put: Put): void {
  const { names, place } = loop;
  const value = evaluate(loop.of, scope, budget);
  // A mapping gives its keys, as in Jinja; with two names it gives keys and values, for `items()` cannot be called.
  const pairs = isMapping(value) && names.length === 2;
  if (typeof value === "string") throw new TemplateProblem(place, "for needs a list or a mapping, not a text");
  const items = pairs ? Object.entries(value) : itemsOf(value, { place, budget });
  for (const [index, item] of items.entries()) {
    budget.step(place);
    const inner = scope.inner();
    const [name = ""] = names;
    if (names.length === 1) inner.set(name, item);
    else {
      const parts: readonly Value[] = isList(item) ? item : [];
      if (parts.length !== names.length)
        throw new TemplateProblem(place, `each item must be a list of ${names.length} to be taken apart`);
      for (const [part, target] of names.entries()) inner.set(target, parts[part] ?? null);
    }
    inner.set("loop", loopFacts(index, items));
    run(loop.body, inner, budget, put, place);
  }
}

/** What `loop` tells inside of a loop. */
function loopFacts(index: number, items: readonly Value[]): Mapping {
  return {
    index: index + 1,
    index0: index,
    revindex: items.length - index,
    revindex0: items.length - index - 1,
    first: index === 0,
    last: index === items.length - 1,
    length: items.length,
    previtem: items[index - 1] ?? new Undefined("loop.previtem"),
    nextitem: items[index + 1] ?? new Undefined("loop.nextitem"),
  };
}
