import type { Host } from "./hosts/host.ts";

interface Kept {
  /** What it was made from. */
  from: readonly unknown[];
  bytes: Buffer;
}

const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Texts of hosts as they go out, each made once for each state of its host, however many ask for it at the same time. A host that changes is another
 * object, so nothing has to be told of changes. What takes up more than there is room for is made anew each time, the oldest first.
 */
export class KeptTexts {
  readonly #kept = new Map<string, Kept>();
  readonly #most: number;
  #bytes = 0;

  /** `most`: bytes that are kept. */
  constructor(most = MOST_BYTES) {
    this.#most = most;
  }

  /** The text of that kind of a host; `more` is what it shows besides the host, compared by identity. */
  text(kind: string, host: Host, more: readonly unknown[], make: () => string): Buffer {
    const key = `${kind} ${host.id}`;
    const kept = this.#kept.get(key);
    const from = [host, ...more];
    if (kept?.from.length === from.length && kept.from.every((value, index) => value === from[index]))
      return kept.bytes;
    const bytes = Buffer.from(make());
    this.#drop(key);
    this.#kept.set(key, { from, bytes });
    this.#bytes += bytes.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#most) break;
      this.#drop(oldest);
    }
    return bytes;
  }

  #drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes.length ?? 0;
    this.#kept.delete(key);
  }
}
