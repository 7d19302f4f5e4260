import { type Place, TemplateProblem } from "./template-problem.ts";

/** A piece of an expression or of a tag. */
export interface Token {
  kind: "name" | "string" | "integer" | "float" | "operator" | "end";
  text: string;
  place: Place;
}

/** A template in pieces: text that goes out as it is, `{{ … }}` and `{% … %}`. */
export type Piece = { kind: "text"; text: string } | { kind: "output" | "tag"; tokens: Token[]; place: Place };

const OPENING = /\{\{|\{%|\{#/g;
const CLOSING = { "{{": "}}", "{%": "%}" } as const;
const TOKEN =
  /([A-Za-z_][A-Za-z0-9_]*)|(\d+(?:\.\d+)?[eE][-+]?\d+|\d+\.\d+)|(\d+)|("(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*')|(==|!=|<=|>=|[-+*/%~<>=!|.,:()[\]{}])/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07" };

/**
 * Takes a template apart (O-154). Like Jinja with its defaults: line ends are `\n`, one newline at the very end is dropped, `-` beside a
 * delimiter strips the white space on that side, comments leave nothing. Throws a `TemplateProblem` for what is no token.
 */
export function lex(source: string): Piece[] {
  const text = source.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const lexer = new Lexer(text);
  return lexer.pieces();
}

class Lexer {
  readonly #text: string;
  readonly #pieces: Piece[] = [];
  /** Offsets of the beginnings of lines, found as far as they were needed. */
  readonly #lines: number[] = [0];
  #stripNext = false;

  constructor(text: string) {
    this.#text = text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lines.push(at + 1);
  }

  pieces(): Piece[] {
    let position = 0;
    for (;;) {
      OPENING.lastIndex = position;
      const match = OPENING.exec(this.#text);
      if (match === null) {
        this.#addText(this.#text.slice(position), false);
        return this.#pieces;
      }
      const opening = match[0] as "{{" | "{%" | "{#";
      const sign = this.#text[match.index + 2];
      const stripBefore = sign === "-";
      this.#addText(this.#text.slice(position, match.index), stripBefore);
      const inside = match.index + (stripBefore || sign === "+" ? 3 : 2);
      position = opening === "{#" ? this.#comment(match.index, inside) : this.#expression(opening, match.index, inside);
    }
  }

  #addText(text: string, stripEnd: boolean): void {
    let kept = this.#stripNext ? text.trimStart() : text;
    if (stripEnd) kept = kept.trimEnd();
    this.#stripNext = false;
    if (kept !== "") this.#pieces.push({ kind: "text", text: kept });
  }

  /** Skips a comment; gives the offset behind it. */
  #comment(start: number, inside: number): number {
    const end = this.#text.indexOf("#}", inside);
    if (end < 0) throw new TemplateProblem(this.#placeOf(start), "the comment has no end; write #}");
    this.#stripNext = end > inside && this.#text[end - 1] === "-";
    return end + 2;
  }

  /** Takes an expression or a tag apart; gives the offset behind it. */
  #expression(opening: "{{" | "{%", start: number, inside: number): number {
    const closing = CLOSING[opening];
    const place = this.#placeOf(start);
    const tokens: Token[] = [];
    let position = inside;
    for (;;) {
      while (/\s/.test(this.#text[position] ?? "")) position++;
      const strip = this.#text.startsWith(`-${closing}`, position);
      if (strip || this.#text.startsWith(closing, position) || this.#text.startsWith(`+${closing}`, position)) {
        const end = this.#text.startsWith(closing, position) ? position : position + 1;
        tokens.push({ kind: "end", text: closing, place: this.#placeOf(position) });
        this.#pieces.push({ kind: opening === "{{" ? "output" : "tag", tokens, place });
        this.#stripNext = strip;
        return end + closing.length;
      }
      if (position >= this.#text.length) throw new TemplateProblem(place, `${opening} has no end; write ${closing}`);
      const token = this.#token(position);
      tokens.push(token.token);
      position = token.end;
    }
  }

  #token(position: number): { token: Token; end: number } {
    const place = this.#placeOf(position);
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(this.#text);
    if (match === null) {
      const found = JSON.stringify(String.fromCodePoint(this.#text.codePointAt(position) ?? 0));
      throw new TemplateProblem(place, `${found} cannot stand here`);
    }
    const [whole, name, float, integer, string] = match;
    const end = position + whole.length;
    if (name !== undefined) return { token: { kind: "name", text: name, place }, end };
    if (float !== undefined) return { token: { kind: "float", text: float, place }, end };
    if (integer !== undefined) return { token: { kind: "integer", text: integer, place }, end };
    if (string !== undefined) return { token: { kind: "string", text: unescaped(string.slice(1, -1)), place }, end };
    return { token: { kind: "operator", text: whole, place }, end };
  }

  #placeOf(offset: number): Place {
    let low = 0;
    let high = this.#lines.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#lines[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (this.#lines[low] ?? 0) + 1 };
  }
}

/** The escapes of Python's texts that people use; others stay as they are written. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([\s\S]))/g,
    (whole, hex, unicode, character: string) => {
      const code: unknown = hex ?? unicode;
      if (typeof code === "string") return String.fromCharCode(Number.parseInt(code, 16));
      if (character === "\n") return "";
      if (/["'\\]/.test(character)) return character;
      return (Object.hasOwn(ESCAPES, character) ? ESCAPES[character] : undefined) ?? whole;
    },
  );
}
