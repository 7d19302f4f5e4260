import { Readable } from "node:stream";
import { PIECE_CHARACTERS, textPieces } from "../../text-pieces.ts";

/** One file of an archive; its text is read when those before it have been written. */
export interface ZipMember {
  name: string;
  text: () => AsyncGenerator<string, void>;
}

/**
 * A zip archive of deflated members, which is written as it is read, in constant memory. What goes wrong with a member destroys the stream; where the
 * stream is destroyed, the member that is being read is ended.
 */
export async function zipOf(members: AsyncIterable<ZipMember>): Promise<Readable> {
  // Only those who download something load it. By its default: in the bundle a CommonJS module that is loaded late has no other name.
  const { default: yazl } = await import("yazl");
  const zip = new yazl.ZipFile();
  const { outputStream: output } = zip;
  const fail = (error: unknown): void => {
    output.destroy(error instanceof Error ? error : new Error(String(error)));
  };
  zip.on("error", fail);
  let reading: Readable | undefined;
  output.once("close", () => reading?.destroy());
  const add = ({ name, text }: ZipMember): void =>
    zip.addReadStreamLazy(name, { compress: true }, (use) => {
      reading = Readable.from(textPieces(text()), { objectMode: false, highWaterMark: PIECE_CHARACTERS });
      reading.once("error", fail);
      if (output.destroyed) reading.destroy();
      else use(null, reading);
    });
  const addAll = async (): Promise<void> => {
    const names = new Set<string>();
    for await (const member of members) {
      if (output.destroyed) return;
      const name = unused(member.name.replace(/[/\\]/g, "_"), names);
      names.add(name);
      add({ ...member, name });
    }
    zip.end();
  };
  addAll().catch(fail);
  return output;
}

/** Two names may differ only in what files cannot be named by. */
function unused(name: string, taken: ReadonlySet<string>): string {
  const [, stem = name, ending = ""] = /^(.*)(\.[a-z]+)$/s.exec(name) ?? [];
  for (let number = 1, candidate = name; ; candidate = `${stem}_${++number}${ending}`) {
    if (!taken.has(candidate)) return candidate;
  }
}
