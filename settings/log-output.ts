import { writeSync } from "node:fs";

/** So much is written at once even in the middle of a turn of the event loop. */
const MAX_WAITING = 64 * 1024;
/** Pause before a full pipe is tried again. */
const RETRY_MS = 5;

/** Where lines go. */
export interface LogOutput {
  write(line: string): void;
}

/** Writes bytes and returns how many were taken. */
export type WriteBytes = (bytes: Buffer) => number;

/**
 * Standard output that takes the lines of one turn of the event loop in one write: a burst of runs logs several lines in each turn, and a system call for
 * each of them costs more than making it. What waits is written before the process ends by itself, an uncaught error included; a kill can cost the lines
 * of the current turn, no more. A full pipe is waited for; where nobody reads any more, or the disk below is full, lines are dropped: the log must not end the
 * process.
 */
export function batchedOutput(write: WriteBytes = (bytes) => writeSync(1, bytes)): LogOutput {
  let waiting = "";
  let isPlanned = false;
  const flush = (): void => {
    isPlanned = false;
    let bytes = Buffer.from(waiting);
    waiting = "";
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(write(bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  };
  process.on("exit", flush);
  return {
    write(line) {
      waiting += line;
      if (waiting.length >= MAX_WAITING) flush();
      else if (!isPlanned) {
        isPlanned = true;
        setImmediate(flush);
      }
    },
  };
}
