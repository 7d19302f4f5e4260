const HEAD_CHARACTERS = 64 * 1024;
const TAIL_CHARACTERS = 256 * 1024;

/** The first 64 Ki and the last 256 Ki characters of a stream: a child that prints without end cannot fill the memory. */
export class BoundedText {
  #head = "";
  #tail = "";
  #cut = 0;

  /** Adds a piece; what no longer fits is dropped from the middle. */
  append(text: string): void {
    const room = HEAD_CHARACTERS - this.#head.length;
    if (room > 0) {
      this.#head += text.slice(0, room);
      if (text.length <= room) return;
      text = text.slice(room);
    }
    this.#tail += text;
    // Cut at twice the bound, not at each piece: otherwise every append copies the whole tail.
    if (this.#tail.length > 2 * TAIL_CHARACTERS) this.#trim();
  }

  /** The last characters that came in, for looking at how the stream ends. */
  end(characters: number): string {
    const tail = this.#tail.slice(-characters);
    return tail.length === characters ? tail : this.#head.slice(tail.length - characters) + tail;
  }

  /** All that was kept; a line in the middle says how much was not. */
  toString(): string {
    this.#trim();
    if (this.#cut === 0) return this.#head + this.#tail;
    return `${this.#head}\n… ${this.#cut} characters left out …\n${this.#tail}`;
  }

  #trim(): void {
    const excess = this.#tail.length - TAIL_CHARACTERS;
    if (excess <= 0) return;
    this.#cut += excess;
    this.#tail = this.#tail.slice(excess);
  }
}
