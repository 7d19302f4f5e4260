import { type Mapping, Undefined, type Value } from "./value.ts";

/** The variables that a part of a template sees. What a loop sets ends with each round of it, as in Jinja. */
export class Scope {
  readonly #own = new Map<string, Value>();
  readonly #outer: Scope | undefined;
  readonly #context: Mapping;

  constructor(context: Mapping, outer?: Scope) {
    this.#context = context;
    this.#outer = outer;
  }

  /** A scope inside of this one. */
  inner(): Scope {
    return new Scope(this.#context, this);
  }

  set(name: string, value: Value): void {
    this.#own.set(name, value);
  }

  /** The innermost variable of that name, else the own key of the context. */
  get(name: string): Value {
    const own = this.#own.get(name);
    if (own !== undefined) return own;
    if (this.#outer !== undefined) return this.#outer.get(name);
    return Object.hasOwn(this.#context, name) ? (this.#context[name] ?? null) : new Undefined(name);
  }
}
