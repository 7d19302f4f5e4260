/** The part of the writer of zip files that is used here; it comes without types. */
declare module "yazl" {
  import type { EventEmitter } from "node:events";
  import type { Readable } from "node:stream";

  class ZipFile extends EventEmitter {
    /** What is written, as it comes. */
    readonly outputStream: Readable;
    /** Adds a member; its text is asked for when those before it are written. */
    addReadStreamLazy(
      name: string,
      options: { mtime?: Date; mode?: number; compress?: boolean },
      open: (use: (error: Error | null, text: Readable) => void) => void,
    ): void;
    /** No member is added any more. */
    end(): void;
  }

  const yazl: { ZipFile: typeof ZipFile };
  export default yazl;
}
