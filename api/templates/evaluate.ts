import type { Budget } from "./budget.ts";
import { holds } from "./compare.ts";
import type { Expression, FilterArgument } from "./expression.ts";
import { FILTERS, type Filter } from "./filters.ts";
import type { Scope } from "./scope.ts";
import { type Place, TemplateProblem } from "./template-problem.ts";
import { isList, isMapping, isTrue, Undefined, type Value } from "./value.ts";

/** The value of an expression. Throws a `TemplateProblem` for what has none. */
export function evaluate(expression: Expression, scope: Scope, budget: Budget): Value {
  budget.step(expression.place);
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "name":
      return scope.get(expression.name);
    case "member":
      return member(evaluate(expression.of, scope, budget), evaluate(expression.key, scope, budget), expression.place);
    case "not":
      return !isTrue(evaluate(expression.of, scope, budget));
    case "and":
    case "or": {
      const left = evaluate(expression.left, scope, budget);
      return isTrue(left) === (expression.kind === "and") ? evaluate(expression.right, scope, budget) : left;
    }
    case "compare": {
      let left = evaluate(expression.first, scope, budget);
      for (const { operator, value } of expression.rest) {
        const right = evaluate(value, scope, budget);
        if (!holds(left, operator, right, expression.place, budget)) return false;
        left = right;
      }
      return true;
    }
    case "filter": {
      const filter = Object.hasOwn(FILTERS, expression.name) ? FILTERS[expression.name] : undefined;
      if (filter === undefined) {
        const known = Object.keys(FILTERS).join(", ");
        throw new TemplateProblem(
          expression.place,
          `there is no filter ${JSON.stringify(expression.name)}; there are ${known}`,
        );
      }
      const value = evaluate(expression.of, scope, budget);
      const given = givenTo(filter, expression.arguments, expression.place, (argument) =>
        evaluate(argument, scope, budget),
      );
      return filter.apply(value, given, { place: expression.place, budget });
    }
  }
}

/** An own key of a mapping, or an item of a list or text, counted from the end below zero. Nothing else has members (O-154). */
function member(of: Value, key: Value, place: Place): Value {
  if (of instanceof Undefined) throw new TemplateProblem(place, `${of.name} is undefined`);
  const absent = new Undefined(typeof key === "string" ? key.slice(0, 60) : "the item");
  if (isMapping(of)) return typeof key === "string" && Object.hasOwn(of, key) ? (of[key] ?? null) : absent;
  if (typeof key !== "number") return absent;
  if (isList(of)) return (Number.isInteger(key) ? of.at(key) : undefined) ?? (isThere(of, key) ? null : absent);
  if (typeof of === "string") return of.at(key) ?? absent;
  return absent;
}

function isThere(list: readonly Value[], index: number): boolean {
  return Number.isInteger(index) && index < list.length && index >= -list.length;
}

/** The arguments in the order of the filter's parameters. */
function givenTo(
  filter: Filter,
  found: readonly FilterArgument[],
  place: Place,
  read: (argument: Expression) => Value,
): (Value | undefined)[] {
  const given: (Value | undefined)[] = [];
  for (const [position, { name, value }] of found.entries()) {
    const index = name === undefined ? position : filter.parameters.indexOf(name);
    if (index < 0 || index >= filter.parameters.length || given[index] !== undefined) {
      const known = filter.parameters.length === 0 ? "none" : filter.parameters.join(", ");
      throw new TemplateProblem(place, `the filter does not take these arguments; it takes ${known}`);
    }
    given[index] = read(value);
  }
  const count = given.filter((value) => value !== undefined).length;
  if (count < (filter.needed ?? 0))
    throw new TemplateProblem(place, `the filter needs ${filter.parameters.slice(0, filter.needed).join(" and ")}`);
  return given;
}
