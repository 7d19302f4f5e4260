import { type FileHandle, open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { type AuditEvent, auditEventOf } from "./audit-event.ts";

const PIECE_BYTES = 1024 * 1024;

/**
 * Reads an audit log while it is written. The load is followed there and not at the API server: whoever asks the server how far
 * a run is slows down what is measured.
 */
export class AuditTail {
  /** Everything that was read so far, in the order of the log. */
  readonly events: AuditEvent[] = [];
  readonly #path: string;
  readonly #buffer = Buffer.alloc(PIECE_BYTES);
  readonly #decoder = new StringDecoder("utf8");
  #file: FileHandle | undefined;
  #position = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads what was added since the last call and returns it; it is also in `events`. */
  async read(): Promise<readonly AuditEvent[]> {
    this.#file ??= await open(this.#path, "r");
    const first = this.events.length;
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, PIECE_BYTES, this.#position);
      if (bytesRead === 0) return this.events.slice(first);
      this.#position += bytesRead;
      const lines = (this.#rest + this.#decoder.write(this.#buffer.subarray(0, bytesRead))).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = auditEventOf(line);
        if (event !== undefined) this.events.push(event);
      }
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}
