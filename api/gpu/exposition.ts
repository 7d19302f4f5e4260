/** One line of a Prometheus text that holds a value. */
export interface Sample {
  name: string;
  labels: ReadonlyMap<string, string>;
  /** May be NaN or infinite. */
  value: number;
  /** Whether the text has a decimal point or an exponent: exporters print whole numbers without. */
  fractional: boolean;
}

/** Longest line that is looked at; a line of an exporter has some hundred characters. */
const MAX_LINE = 64 * 1024;

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const BLANKS = /[ \t]*/y;
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"([^"\\]*(?:\\.[^"\\]*)*)"[ \t]*(?:,|(?=\}))/y;
const LABELS_END = /[ \t]*\}$/y;
const VALUE = /[ \t]*(\S+)(?:[ \t]+-?\d+)?[ \t]*$/y;
const NUMBER = /^[+-]?(?:\d+(\.\d*)?|(\.\d+))(e[+-]?\d+)?$/i;
/** Different sets of labels that are remembered: an exporter repeats those of a GPU in each family. */
const MAX_REMEMBERED = 4096;
const ESCAPE = /\\([\\"n])/g;

/**
 * Reads the Prometheus text format piece by piece, as it comes from the network (G-33). `onSample` gets the samples of the
 * families that `wanted` names, in their order; lines of other families are passed over. A line that cannot be read is
 * counted and the others live. What `onSample` throws ends the reading.
 */
export class ExpositionReader {
  /** Lines that could not be read. */
  malformed = 0;
  readonly #wanted: (name: string) => boolean;
  readonly #onSample: (sample: Sample) => void;
  #rest = "";
  readonly #labels = new Map<string, ReadonlyMap<string, string> | undefined>();
  /** Inside a line that is too long: everything up to its end is dropped. */
  #overlong = false;

  constructor(wanted: (name: string) => boolean, onSample: (sample: Sample) => void) {
    this.#wanted = wanted;
    this.#onSample = onSample;
  }

  push(text: string): void {
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#take(text.slice(start, end));
      this.#finishLine();
      start = end + 1;
    }
    this.#take(text.slice(start));
  }

  /** The text is complete: a last line without a newline counts too. */
  end(): void {
    this.#finishLine();
  }

  #take(piece: string): void {
    if (this.#overlong) return;
    this.#rest += piece;
    if (this.#rest.length <= MAX_LINE) return;
    this.#overlong = true;
    this.#rest = "";
  }

  #finishLine(): void {
    const line = this.#rest;
    const overlong = this.#overlong;
    this.#rest = "";
    this.#overlong = false;
    if (overlong || !this.#read(line.endsWith("\r") ? line.slice(0, -1) : line)) this.malformed++;
  }

  /** Whether the line is one that the format allows; lines of unwanted families are not looked at further. */
  #read(line: string): boolean {
    const start = behind(BLANKS, line, 0);
    if (start === line.length || line[start] === "#") return true;
    const nameEnd = behind(NAME, line, start);
    if (nameEnd < 0) return false;
    const name = line.slice(start, nameEnd);
    if (!this.#wanted(name)) return true;
    let at = behind(BLANKS, line, nameEnd);
    let labels: ReadonlyMap<string, string> | undefined = NO_LABELS;
    if (line[at] === "{") {
      // Neither a value nor a time stamp holds a brace, so the last one ends the labels, whatever they hold.
      const end = line.lastIndexOf("}") + 1;
      labels = this.#labelsIn(line.slice(at, end));
      at = end;
    } else if (at === nameEnd) return false;
    VALUE.lastIndex = at;
    const text = VALUE.exec(line)?.[1];
    const value = text === undefined ? undefined : numberOf(text);
    if (labels === undefined || text === undefined || value === undefined) return false;
    this.#onSample({ name, labels, value, fractional: /[.e]/i.test(text) });
    return true;
  }

  #labelsIn(text: string): ReadonlyMap<string, string> | undefined {
    const known = this.#labels.get(text);
    if (known !== undefined || this.#labels.has(text)) return known;
    const labels = readLabels(text);
    if (this.#labels.size < MAX_REMEMBERED) this.#labels.set(text, labels);
    return labels;
  }
}

const NO_LABELS: ReadonlyMap<string, string> = new Map();

/** Position behind what the pattern matches at `at`, or -1. */
function behind(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** The labels of a text from brace to brace; undefined if it cannot be read. */
function readLabels(text: string): ReadonlyMap<string, string> | undefined {
  const labels = new Map<string, string>();
  for (let at = 1; ; ) {
    if (behind(LABELS_END, text, at) > 0) return labels;
    LABEL.lastIndex = at;
    const [, key, value] = LABEL.exec(text) ?? [];
    if (key === undefined || value === undefined) return undefined;
    labels.set(key, value.includes("\\") ? unescaped(value) : value);
    at = LABEL.lastIndex;
  }
}

function unescaped(text: string): string {
  return text.replace(ESCAPE, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

function numberOf(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text);
  if (/^nan$/i.test(text)) return Number.NaN;
  const infinity = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinity === null) return undefined;
  return infinity[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
