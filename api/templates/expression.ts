import type { Token } from "./lexer.ts";
import { type Place, TemplateProblem } from "./template-problem.ts";
import { Float, type Value } from "./value.ts";

export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";

/** An argument of a filter; the name is absent where it is given by position. */
export interface FilterArgument {
  name?: string;
  value: Expression;
}

/** What stands in `{{ }}`, in conditions and behind `set` (O-154). */
export type Expression = { place: Place } & (
  | { kind: "literal"; value: Value }
  | { kind: "name"; name: string }
  | { kind: "member"; of: Expression; key: Expression }
  | { kind: "not"; of: Expression }
  | { kind: "and" | "or"; left: Expression; right: Expression }
  | { kind: "compare"; first: Expression; rest: { operator: Comparison; value: Expression }[] }
  | { kind: "filter"; of: Expression; name: string; arguments: FilterArgument[] }
);

const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">="]);
const CONSTANTS: Readonly<Record<string, Value>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};
/** Words that stand for something else than a variable, here or in Jinja. */
const RESERVED = new Set(["and", "or", "not", "in", "is", "if", "else"]);
/** Deepest nesting of parentheses, `not` and brackets. */
const MAX_DEPTH = 100;
const MAX_CHAIN = 1000;

/** Reads the tokens of one expression or tag from left to right. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** The next token; behind the last one the end of the tag. */
  peek(): Token {
    const token = this.#tokens[this.#next] ?? this.#tokens.at(-1);
    if (token === undefined) throw new Error("no tokens");
    return token;
  }

  /** Takes the next token if it is this name or operator. */
  accept(text: string): boolean {
    const { kind, text: found } = this.peek();
    if ((kind !== "name" && kind !== "operator") || found !== text) return false;
    this.#next++;
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) throw this.problem(`${text} is expected`);
  }

  /** Takes a name that can be a variable. */
  variable(): string {
    const { kind, text } = this.peek();
    if (kind !== "name" || RESERVED.has(text) || Object.hasOwn(CONSTANTS, text))
      throw this.problem("the name of a variable is expected");
    this.#next++;
    return text;
  }

  /** Nothing may follow. */
  end(): void {
    if (this.peek().kind !== "end") throw this.problem(`${this.#shown()} cannot stand here`);
  }

  expression(): Expression {
    if (++this.#depth > MAX_DEPTH) throw this.problem(`nested more than ${MAX_DEPTH} levels deep`);
    const found = this.#chain("or", () => this.#chain("and", () => this.#not()));
    this.#depth--;
    return found;
  }

  /** An error at the next token. */
  problem(detail: string): TemplateProblem {
    return new TemplateProblem(this.peek().place, detail);
  }

  #shown(): string {
    const { kind, text } = this.peek();
    return kind === "end" ? "the end" : JSON.stringify(text.slice(0, 40));
  }

  #chain(kind: "and" | "or", operand: () => Expression): Expression {
    let left = operand();
    for (let length = 0; this.accept(kind); length++) {
      // Each link nests the tree by one level, and trees are walked by recursion.
      if (length === MAX_CHAIN) throw this.problem(`more than ${MAX_CHAIN} operands`);
      left = { kind, left, right: operand(), place: left.place };
    }
    return left;
  }

  #not(): Expression {
    const { place } = this.peek();
    let negations = 0;
    while (this.accept("not")) negations++;
    const of = this.#comparison();
    if (negations === 0) return of;
    const once: Expression = { kind: "not", of, place };
    return negations % 2 === 1 ? once : { kind: "not", of: once, place };
  }

  #comparison(): Expression {
    const first = this.#postfix();
    const rest: { operator: Comparison; value: Expression }[] = [];
    for (;;) {
      const { kind, text } = this.peek();
      let operator: Comparison;
      if (kind === "operator" && COMPARISONS.has(text)) {
        operator = text as Comparison;
        this.#next++;
      } else if (this.accept("in")) operator = "in";
      else if (kind === "name" && text === "not" && this.#tokens[this.#next + 1]?.text === "in") {
        this.#next += 2;
        operator = "not in";
      } else break;
      rest.push({ operator, value: this.#postfix() });
    }
    return rest.length === 0 ? first : { kind: "compare", first, rest, place: first.place };
  }

  #postfix(): Expression {
    let found = this.#primary();
    for (let length = 0; ; length++) {
      if (length > MAX_CHAIN) throw this.problem(`more than ${MAX_CHAIN} filters and keys`);
      const { place } = this.peek();
      if (this.accept(".")) found = { kind: "member", of: found, key: this.#memberName(), place };
      else if (this.accept("[")) {
        const key = this.expression();
        this.expect("]");
        found = { kind: "member", of: found, key, place };
      } else if (this.accept("|")) found = this.#filter(found);
      else if (this.peek().text === "(" && this.peek().kind === "operator") throw this.problem("nothing can be called");
      else return found;
    }
  }

  #memberName(): Expression {
    const { kind, text, place } = this.peek();
    if (kind !== "name" && kind !== "integer") throw this.problem("a key is expected");
    this.#next++;
    return { kind: "literal", value: kind === "name" ? text : Number(text), place };
  }

  #filter(of: Expression): Expression {
    const { kind, text: name, place } = this.peek();
    if (kind !== "name") throw this.problem("the name of a filter is expected");
    this.#next++;
    const found: FilterArgument[] = [];
    if (this.accept("(")) {
      while (!this.accept(")")) {
        if (found.length > 0) this.expect(",");
        const { kind: nextKind, text } = this.peek();
        const named = nextKind === "name" && this.#tokens[this.#next + 1]?.text === "=";
        if (named) this.#next += 2;
        const value = this.expression();
        found.push(named ? { name: text, value } : { value });
      }
    }
    return { kind: "filter", of, name, arguments: found, place };
  }

  #primary(): Expression {
    const { kind, text, place } = this.peek();
    const minus = this.accept("-");
    const number = minus ? this.peek() : { kind, text };
    if (number.kind === "integer" || number.kind === "float") {
      this.#next++;
      const value = Number(number.text) * (minus ? -1 : 1);
      if (number.kind === "integer" && !Number.isSafeInteger(value))
        throw new TemplateProblem(place, "the number is too large");
      return { kind: "literal", value: number.kind === "float" ? Float.of(value) : value, place };
    }
    if (minus) throw new TemplateProblem(place, "calculating is not supported");
    if (kind === "string") {
      this.#next++;
      return { kind: "literal", value: text, place };
    }
    if (this.accept("(")) {
      const inner = this.expression();
      this.expect(")");
      return inner;
    }
    if (kind === "name" && Object.hasOwn(CONSTANTS, text)) {
      this.#next++;
      return { kind: "literal", value: CONSTANTS[text] ?? null, place };
    }
    if (kind === "name" && !RESERVED.has(text)) {
      this.#next++;
      return { kind: "name", name: text, place };
    }
    throw this.problem(`a value is expected, not ${this.#shown()}`);
  }
}
