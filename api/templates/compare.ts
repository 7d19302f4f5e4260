import type { Budget } from "./budget.ts";
import type { Comparison } from "./expression.ts";
import { type Place, TemplateProblem } from "./template-problem.ts";
import { isList, isMapping, numberOf, Undefined, type Value } from "./value.ts";

/** Whether a comparison holds, as in Python: mappings and lists by what is in them, texts and numbers by order. */
export function holds(left: Value, operator: Comparison, right: Value, place: Place, budget: Budget): boolean {
  switch (operator) {
    case "==":
      return isEqual(left, right, place, budget);
    case "!=":
      return !isEqual(left, right, place, budget);
    case "in":
      return contains(right, left, place, budget);
    case "not in":
      return !contains(right, left, place, budget);
    case "<":
      return order(left, right, place, budget) < 0;
    case "<=":
      return order(left, right, place, budget) <= 0;
    case ">":
      return order(left, right, place, budget) > 0;
    case ">=":
      return order(left, right, place, budget) >= 0;
  }
}

function isEqual(left: Value, right: Value, place: Place, budget: Budget): boolean {
  budget.step(place, typeof left === "string" ? left.length : 0);
  if (left instanceof Undefined || right instanceof Undefined)
    return left instanceof Undefined && right instanceof Undefined;
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== undefined || b !== undefined) return a === b;
  if (isList(left)) {
    return (
      isList(right) &&
      left.length === right.length &&
      left.every((item, index) => isEqual(item, right[index] ?? null, place, budget))
    );
  }
  if (!isMapping(left)) return left === right;
  if (!isMapping(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key] ?? null, right[key] ?? null, place, budget))
  );
}

function contains(whole: Value, part: Value, place: Place, budget: Budget): boolean {
  if (whole instanceof Undefined) return false;
  if (isList(whole)) return whole.some((item) => isEqual(item, part, place, budget));
  if (isMapping(whole)) return typeof part === "string" && Object.hasOwn(whole, part);
  if (typeof whole === "string" && typeof part === "string") {
    budget.step(place, whole.length);
    return whole.includes(part);
  }
  throw new TemplateProblem(place, "in needs a list, a mapping, or a text on both sides");
}

/** Below zero, zero or above zero; texts by their code points. */
function order(left: Value, right: Value, place: Place, budget: Budget): number {
  for (const side of [left, right])
    if (side instanceof Undefined) throw new TemplateProblem(place, `${side.name} is undefined`);
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== undefined && b !== undefined) return a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN;
  if (typeof left === "string" && typeof right === "string") {
    budget.step(place, Math.min(left.length, right.length));
    return Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(right)));
  }
  throw new TemplateProblem(place, "only two numbers or two texts can be put in order");
}
