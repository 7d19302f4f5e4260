/** Deepest nesting that a stored text may have; `[]` is one level. */
export const MAX_JSON_DEPTH = 200;

/** A text that is no JSON, or none that is taken. The message says why, for the one who sent it. */
export class JsonTextProblem extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "JsonTextProblem";
  }
}

/**
 * JSON as it is stored: one text per value, so that texts are equal exactly if the values are. It has no blanks, the keys of every object by code
 * point, of a repeated key the last, characters outside blank to `~` as `\uXXXX`, and numbers as they were written, however long they are. So
 * every database keeps it, also a lone surrogate and U+0000, and no key is special. Throws a `JsonTextProblem`.
 */
export function canonicalJson(text: string): string {
  if (depthOf(text) > MAX_JSON_DEPTH) throw new JsonTextProblem(`nested deeper than ${MAX_JSON_DEPTH} levels`);
  try {
    JSON.parse(text);
  } catch (error) {
    throw new JsonTextProblem(error instanceof Error ? error.message : String(error));
  }
  return new Scan(text).whole();
}

/** A string as it stands in such a text, with its quotes. */
export function canonicalString(value: string): string {
  const text = JSON.stringify(value);
  if (isPlain(text)) return text;
  // What is left are characters from DEL on; lone surrogates are escaped already.
  const bytes = Buffer.allocUnsafe(6 * text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x7f) bytes[length++] = code;
    else length += bytes.write(`\\u${HEX[code >> 8]}${HEX[code & 0xff]}`, length, "latin1");
  }
  return bytes.toString("latin1", 0, length);
}

/** Members of an object in canonical JSON: the name, as a string, to its value in canonical JSON. */
export function membersOf(object: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = 1;
  while (object[at] === '"') {
    const colon = stringEnd(object, at);
    const end = valueEnd(object, colon + 1);
    members.set(decoded(object.slice(at, colon)), object.slice(colon + 1, end));
    at = end + 1;
  }
  return members;
}

/** The object with these members, as canonical JSON. */
export function objectOf(members: ReadonlyMap<string, string>): string {
  const names = [...members.keys()].sort(byCodePoint);
  let text = "{";
  for (const name of names) text += `${text === "{" ? "" : ","}${canonicalString(name)}:${members.get(name)}`;
  return `${text}}`;
}

/**
 * Characters of canonical JSON printed with a blank after each comma and colon, as Python does: the measure of what users may store (C-57).
 */
export function measureOf(json: string): number {
  let blanks = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(json, at) - 1;
    else if (code === COMMA || code === COLON) blanks++;
  }
  return json.length + blanks;
}

/** Order of texts by code point: for sorting. UTF-16 alone would put U+FFFD after emoji. */
export function byCodePoint(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left === right) continue;
    // Halves of a pair stand for code points beyond all others.
    return isPaired(a, at) === isPaired(b, at) ? left - right : isPaired(a, at) ? 1 : -1;
  }
  return a.length - b.length;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** A member of an object as it was read: its value in canonical JSON, or where that stands in the text. */
interface Member {
  name: string;
  value: string | undefined;
  from: number;
  to: number;
}

/**
 * Takes a text apart that is known to be JSON, no deeper than it may be. What is canonical already is left where it is: megabytes of it must not
 * become millions of small texts.
 */
class Scan {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The whole text. */
  whole(): string {
    this.#skip();
    const from = this.#at;
    return this.#value() ?? this.#text.slice(from, this.#at);
  }

  /** The value that begins here in canonical JSON; undefined if the text has it in that form. */
  #value(): string | undefined {
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) return this.#string();
    if (code === 0x7b) return this.#object();
    if (code === 0x5b) return this.#array();
    this.#word();
    return undefined;
  }

  #object(): string | undefined {
    this.#at++;
    let changed = this.#skip();
    if (this.#text.charCodeAt(this.#at) === 0x7d) {
      this.#at++;
      return changed ? "{}" : undefined;
    }
    const members: Member[] = [];
    for (let last = ""; ; last = members.at(-1)?.name ?? "") {
      const start = this.#at;
      if (this.#string() !== undefined) changed = true;
      const name = decoded(this.#text.slice(start, this.#at));
      if (members.length > 0 && byCodePoint(last, name) >= 0) changed = true;
      if (this.#skip()) changed = true;
      this.#at++;
      if (this.#skip()) changed = true;
      const valueFrom = this.#at;
      const value = this.#value();
      if (value !== undefined) changed = true;
      members.push({ name, value, from: valueFrom, to: this.#at });
      if (this.#skip()) changed = true;
      if (this.#text.charCodeAt(this.#at++) === 0x7d) break;
      if (this.#skip()) changed = true;
    }
    if (!changed) return undefined;
    return objectOf(new Map(members.map(({ name, value, from, to }) => [name, value ?? this.#text.slice(from, to)])));
  }

  #array(): string | undefined {
    const from = this.#at++;
    let text = this.#skip() ? "[" : undefined;
    if (this.#text.charCodeAt(this.#at) === 0x5d) {
      this.#at++;
      return text === undefined ? undefined : "[]";
    }
    for (;;) {
      const start = this.#at;
      const value = this.#value();
      if (value !== undefined) text ??= this.#text.slice(from, start);
      const end = this.#at;
      if (this.#skip()) text ??= this.#text.slice(from, start);
      if (text !== undefined) text += value ?? this.#text.slice(start, end);
      const after = this.#at++;
      if (this.#text.charCodeAt(after) === 0x5d) return text === undefined ? undefined : `${text}]`;
      if (this.#skip()) text ??= this.#text.slice(from, after);
      if (text !== undefined) text += ",";
    }
  }

  #string(): string | undefined {
    const from = this.#at;
    this.#at = stringEnd(this.#text, from);
    const token = this.#text.slice(from, this.#at);
    const canonical = canonicalToken(token);
    return canonical === token ? undefined : canonical;
  }

  /** A number or a literal. */
  #word(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === COMMA || code <= 0x20 || isClosing(code)) break;
    }
  }

  /** Goes on to the next character that is no blank; whether there were any. */
  #skip(): boolean {
    const from = this.#at;
    while (this.#text.charCodeAt(this.#at) <= 0x20) this.#at++;
    return this.#at > from;
  }
}

/** Index after the string that begins at `from`; the length of the text if it does not end. */
function stringEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at;
    while (text.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((at - before) % 2 === 0) return at + 1;
  }
  return text.length;
}

/** Index after the value that begins at `from`, within canonical JSON. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at) - 1;
    else if (code === COMMA && depth === 0) return at;
    else if (isOpening(code)) depth++;
    else if (isClosing(code) && depth-- === 0) return at;
  }
  return text.length;
}

/** Deepest nesting of what may be JSON. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at) - 1;
    else if (isOpening(code)) deepest = Math.max(deepest, ++depth);
    else if (isClosing(code)) depth--;
  }
  return deepest;
}

function isOpening(code: number): boolean {
  return code === 0x5b || code === 0x7b;
}

function isClosing(code: number): boolean {
  return code === 0x5d || code === 0x7d;
}

/** A string token of JSON as it stands in canonical JSON. */
function canonicalToken(token: string): string {
  return isPlain(token) ? token : canonicalString(decoded(token));
}

function decoded(token: string): string {
  return isPlain(token) ? token.slice(1, -1) : String(JSON.parse(token));
}

/** Whether a token stands for itself: no escapes, nothing outside blank to `~`. */
function isPlain(token: string): boolean {
  return /^[ -[\]-~]*$/.test(token);
}

/** Whether the unit at that place is half of a pair, and so of a code point beyond U+FFFF. */
function isPaired(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code >= 0xd800 && code <= 0xdbff) return isLow(text.charCodeAt(at + 1));
  return isLow(code) && at > 0 && text.charCodeAt(at - 1) >= 0xd800 && text.charCodeAt(at - 1) <= 0xdbff;
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}
