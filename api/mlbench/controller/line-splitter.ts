import type { SourcePosition } from "../../../store/mlbench-output.ts";

/** Longest line that is kept, in bytes of UTF-8 (M-37). */
export const MAX_LINE_BYTES = 16 * 1024;
/** What a command says when it has what it wanted (M-52). */
export const GOAL = "Goal Reached!";

const NEWLINE = 0x0a;
const GOAL_BYTES = Buffer.from(GOAL);

/**
 * Cuts the bytes of a stream into lines, and says how far into the stream those lines reach. A line ends with LF or CR LF; what is longer than is kept is
 * cut as soon as that is known, and its rest passed over. What is no UTF-8, and U+0000, which not every database keeps, becomes U+FFFD.
 */
export class LineSplitter {
  /** Whether a line said that the goal is reached, in what is kept of it or after that. */
  hasGoal = false;
  #bytes: number;
  #inside: boolean;
  /** The beginning of a line whose end has not come. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** The last bytes of a line that is passed over. */
  #passed = Buffer.alloc(0);

  /** `position`: where in the stream the first byte that will come is. */
  constructor(position: SourcePosition) {
    this.#bytes = position.bytes;
    this.#inside = position.inside;
  }

  /** Up to where lines were given; what comes after has to be read again by whoever goes on from there. */
  get position(): SourcePosition {
    return { bytes: this.#bytes, inside: this.#inside };
  }

  /** The place in the stream of the byte that comes next. */
  get received(): number {
    return this.#bytes + this.#begunBytes;
  }

  /** Takes the next bytes and gives the lines that they complete. */
  feed(chunk: Buffer): string[] {
    const lines: string[] = [];
    for (let at = 0; at < chunk.length; ) {
      const newline = chunk.indexOf(NEWLINE, at);
      const end = newline < 0 ? chunk.length : newline;
      this.#take(chunk.subarray(at, end), newline >= 0, lines);
      at = newline < 0 ? end : end + 1;
    }
    return lines;
  }

  /** The last line, which nothing ends but the stream's own end. */
  end(): string[] {
    const lines: string[] = [];
    if (this.#begunBytes > 0) this.#give(lines);
    this.#inside = false;
    return lines;
  }

  #take(bytes: Buffer, isEnd: boolean, lines: string[]): void {
    if (this.#inside) this.#pass(bytes);
    else {
      if (bytes.length > 0) this.#begun.push(bytes);
      this.#begunBytes += bytes.length;
      // One more, because a CR at the end is no part of the line.
      if (isEnd) this.#give(lines);
      else if (this.#begunBytes > MAX_LINE_BYTES + 1) {
        this.#give(lines);
        this.#inside = true;
      }
    }
    if (!isEnd) return;
    this.#bytes += 1;
    this.#inside = false;
    this.#passed = Buffer.alloc(0);
  }

  #give(lines: string[]): void {
    const whole = Buffer.concat(this.#begun);
    this.#begun = [];
    this.#begunBytes = 0;
    this.#bytes += whole.length;
    this.#look(whole);
    lines.push(textOf(whole));
  }

  #pass(bytes: Buffer): void {
    this.#bytes += bytes.length;
    this.#look(Buffer.concat([this.#passed, bytes]));
  }

  /** Also finds a goal that lies in two pieces. */
  #look(bytes: Buffer): void {
    if (bytes.includes(GOAL_BYTES)) this.hasGoal = true;
    this.#passed = Buffer.from(bytes.subarray(Math.max(0, bytes.length - GOAL_BYTES.length + 1)));
  }
}

function textOf(line: Buffer): string {
  const end = line.at(-1) === 0x0d ? line.length - 1 : line.length;
  const text = cut(line.subarray(0, end)).toString("utf8").replaceAll("\0", "\u{FFFD}");
  // Each byte that is no UTF-8 has become three.
  return Buffer.byteLength(text) <= MAX_LINE_BYTES ? text : cut(Buffer.from(text)).toString("utf8");
}

/** As much as is kept of a line, without a piece of a character at its end. */
function cut(line: Buffer): Buffer {
  if (line.length <= MAX_LINE_BYTES) return line;
  let end = MAX_LINE_BYTES;
  for (let back = 0; back < 3 && ((line[end] ?? 0) & 0xc0) === 0x80; back++) end -= 1;
  return line.subarray(0, end);
}
