import { type Expression, TokenReader } from "./expression.ts";
import type { Piece } from "./lexer.ts";
import { type Place, TemplateProblem } from "./template-problem.ts";

/** A template as a tree. */
export type Statement =
  | { kind: "text"; text: string }
  | { kind: "output"; value: Expression }
  | { kind: "set"; name: string; value: Expression }
  | { kind: "if"; branches: { condition?: Expression; body: Statement[] }[] }
  | { kind: "for"; names: string[]; of: Expression; body: Statement[]; place: Place };

const MAX_DEPTH = 100;

/** Makes the tree of a template; throws a `TemplateProblem` for every tag that is not `if`, `for` or `set` (O-154). */
export function parse(pieces: readonly Piece[]): Statement[] {
  const parser = new Parser(pieces);
  return parser.template();
}

/** The tag that ended a body, with what follows its name. */
interface Ending {
  word: string;
  reader: TokenReader;
}

class Parser {
  readonly #pieces: readonly Piece[];
  #next = 0;
  #depth = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  template(): Statement[] {
    return this.#body([], { line: 1, column: 1 }).body;
  }

  /** Statements up to a tag with one of the words, which is taken too; without words, up to the end. */
  #body(words: readonly string[], opened: Place): { body: Statement[]; ending?: Ending } {
    if (++this.#depth > MAX_DEPTH) throw new TemplateProblem(opened, `nested more than ${MAX_DEPTH} levels deep`);
    const body: Statement[] = [];
    for (;;) {
      const piece = this.#pieces[this.#next++];
      if (piece === undefined) {
        if (words.length > 0) throw new TemplateProblem(opened, `has no end; write {% ${words.at(-1)} %}`);
        return { body };
      }
      if (piece.kind === "text") body.push({ kind: "text", text: piece.text });
      else {
        const reader = new TokenReader(piece.tokens);
        if (piece.kind === "output") {
          body.push({ kind: "output", value: reader.expression() });
          reader.end();
        } else {
          const word = words.find((candidate) => reader.accept(candidate));
          if (word !== undefined) {
            this.#depth--;
            return { body, ending: { word, reader } };
          }
          body.push(this.#tag(reader, piece.place));
        }
      }
    }
  }

  #tag(reader: TokenReader, place: Place): Statement {
    if (reader.accept("if")) return this.#if(reader, place);
    if (reader.accept("for")) return this.#for(reader, place);
    if (reader.accept("set")) {
      const name = reader.variable();
      reader.expect("=");
      const value = reader.expression();
      reader.end();
      return { kind: "set", name, value };
    }
    const { text } = reader.peek();
    throw reader.problem(
      `the tag ${JSON.stringify(text.slice(0, 40))} is not supported here; there are if, for and set`,
    );
  }

  #if(reader: TokenReader, place: Place): Statement {
    const branches: { condition?: Expression; body: Statement[] }[] = [];
    let condition: Expression | undefined = reader.expression();
    reader.end();
    for (;;) {
      const words = condition === undefined ? ["endif"] : ["elif", "else", "endif"];
      const { body, ending } = this.#body(words, place);
      branches.push({ ...(condition === undefined ? {} : { condition }), body });
      condition = ending?.word === "elif" ? ending.reader.expression() : undefined;
      ending?.reader.end();
      if (ending === undefined || ending.word === "endif") return { kind: "if", branches };
    }
  }

  #for(reader: TokenReader, place: Place): Statement {
    const names = [reader.variable()];
    while (reader.accept(",")) names.push(reader.variable());
    reader.expect("in");
    const of = reader.expression();
    reader.end();
    const { body, ending } = this.#body(["endfor"], place);
    ending?.reader.end();
    return { kind: "for", names, of, body, place };
  }
}
