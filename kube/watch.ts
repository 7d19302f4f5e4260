import type { Readable } from "node:stream";
import { type ApiStatus, errorFromNetwork, errorFromTimeout, errorFromWatchStatus, KubeError } from "./errors.ts";
import type { KubeObject } from "./resource.ts";
import { type Version, versionInLine } from "./watch-echo.ts";

/** One line of a watch that carries an object. Bookmarks carry nothing but kind and `metadata.resourceVersion`. */
export interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  object: KubeObject;
}

/** Longest line accepted: above the largest object the API server stores (1.5 MiB in etcd), with room for escapes. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines. Works on bytes, because a chunk may end inside a UTF-8 character; a line is decoded
 * only when it is complete.
 */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #pendingBytes = 0;

  constructor(onLine: (line: string) => void, maxBytes = MAX_LINE_BYTES) {
    this.#onLine = onLine;
    this.#maxBytes = maxBytes;
  }

  /** Bytes of a line that has not ended yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Hands out each line that `chunk` completes. Throws a KubeError (`tooLarge`) at a line above the bound. */
  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#check(end - start);
      const line = this.#pendingBytes === 0 ? chunk.toString("utf8", start, end) : this.#join(chunk, start, end);
      start = end + 1;
      if (line.length > 0) this.#onLine(line);
    }
    if (start === chunk.length) return;
    this.#check(chunk.length - start);
    this.#pieces.push(start === 0 ? chunk : chunk.subarray(start));
    this.#pendingBytes += chunk.length - start;
  }

  #join(chunk: Buffer, start: number, end: number): string {
    this.#pieces.push(chunk.subarray(start, end));
    const line = Buffer.concat(this.#pieces).toString("utf8");
    this.#pieces = [];
    this.#pendingBytes = 0;
    return line;
  }

  #check(moreBytes: number): void {
    if (this.#pendingBytes + moreBytes <= this.#maxBytes) return;
    throw new KubeError({
      code: 0,
      reason: "LineTooLong",
      category: "tooLarge",
      message: `a line of the watch is longer than ${this.#maxBytes} bytes`,
    });
  }
}

/** Parses a line of a watch. Throws the KubeError of an `ERROR` event, or one with reason `BadWatchEvent`. */
export function parseWatchLine(what: string, line: string): WatchEvent {
  let event: { type?: unknown; object?: unknown };
  try {
    event = (JSON.parse(line) as typeof event | null) ?? {};
  } catch (cause) {
    throw badEvent(what, `a line that is not JSON (${line.length} characters)`, cause);
  }
  const object = event.object as KubeObject | undefined;
  switch (event.type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
    case "BOOKMARK":
      if (typeof object?.metadata?.resourceVersion !== "string") {
        throw badEvent(what, `a ${event.type} event without metadata.resourceVersion`);
      }
      return { type: event.type, object };
    case "ERROR":
      throw errorFromWatchStatus(what, (event.object ?? {}) as ApiStatus);
    default:
      throw badEvent(what, `an event of the unknown type ${JSON.stringify(event.type)?.slice(0, 50)}`);
  }
}

function badEvent(what: string, problem: string, cause?: unknown): KubeError {
  return new KubeError({
    code: 0,
    reason: "BadWatchEvent",
    category: "transient",
    message: `${what}: the server sent ${problem}`,
    cause,
  });
}

/** What `readWatch` needs besides the stream. */
export interface WatchReader {
  /** Names the request in errors. */
  what: string;
  /** Called for each event in order; what it throws ends the watch with that error. */
  onEvent(event: WatchEvent): void;
  /** Asked about events that only change an object, before they are parsed: whether this version is known already. Then `onEvent` is not called. */
  isKnown?(version: Version): boolean;
  /** Called for each piece of data, before its events. */
  onData?(): void;
  /** Longest silence: bookmarks come about every minute, so a live watch is never silent for much longer. */
  idleTimeoutMs: number;
}

/**
 * Reads a watch to its end. Resolves when the server ended it in order (its `timeoutSeconds`, or a shutdown); rejects
 * with a KubeError for a cut connection, a half line at the end, an `ERROR` event, a line that is too long or no JSON, and
 * for silence: a half-open connection or a stalled proxy looks just like an idle watch otherwise. The stream is
 * destroyed in every case.
 */
export function readWatch(stream: Readable, reader: WatchReader): Promise<void> {
  return new Promise((resolve, reject) => {
    const splitter = new LineSplitter((line) => {
      const version = reader.isKnown && versionInLine(line);
      if (version === undefined || !reader.isKnown?.(version)) reader.onEvent(parseWatchLine(reader.what, line));
    });
    const watchdog = setTimeout(
      () => finish(errorFromTimeout(reader.what, reader.idleTimeoutMs)),
      reader.idleTimeoutMs,
    );
    const finish = (error?: unknown) => {
      clearTimeout(watchdog);
      stream.removeAllListeners("data");
      stream.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    stream.on("data", (chunk: Buffer) => {
      watchdog.refresh();
      try {
        reader.onData?.();
        splitter.push(chunk);
      } catch (error) {
        finish(error);
      }
    });
    stream.once("end", () => finish(splitter.pendingBytes === 0 ? undefined : truncated(reader.what)));
    stream.on("error", (error) => finish(error instanceof KubeError ? error : errorFromNetwork(reader.what, error)));
    stream.once("close", () => finish(errorFromNetwork(reader.what, new Error("the connection was closed"))));
  });
}

function truncated(what: string): KubeError {
  return badEvent(what, "half a line and ended the watch");
}
