/** Keeps the newest bytes of a text that comes in pieces, in little more memory than it may keep. */
export class NewestBytes {
  readonly #max: number;
  readonly #chunks: Buffer[] = [];
  #kept = 0;
  #dropped = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a piece; old ones make room. */
  push(chunk: Buffer | string): void {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    this.#chunks.push(bytes);
    this.#kept += bytes.length;
    for (let first = this.#chunks[0]; first !== undefined && this.#kept - first.length >= this.#max; ) {
      this.#chunks.shift();
      this.#kept -= first.length;
      this.#dropped += first.length;
      first = this.#chunks[0];
    }
  }

  /** The newest bytes as they are now, and how many came before them. Where something was left out, they begin at the start of a line. */
  taken(): { bytes: Buffer; dropped: number } {
    const all = Buffer.concat(this.#chunks);
    if (this.#dropped === 0 && all.length <= this.#max) return { bytes: all, dropped: 0 };
    const tail = all.subarray(Math.max(0, all.length - this.#max));
    const bytes = tail.subarray(tail.indexOf("\n") + 1);
    return { bytes, dropped: this.#dropped + all.length - bytes.length };
  }
}

/**
 * The newest `max` bytes of a stream. What came before an error is kept: `error` says how the stream ended, if not well.
 */
export async function newestBytes(
  stream: AsyncIterable<Buffer | string>,
  max: number,
): Promise<{ bytes: Buffer; dropped: number; error?: unknown }> {
  const newest = new NewestBytes(max);
  try {
    for await (const chunk of stream) newest.push(chunk);
  } catch (error) {
    return { ...newest.taken(), error };
  }
  return newest.taken();
}
