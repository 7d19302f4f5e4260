/** Bytes in which a long text goes out: large enough that few pieces are needed, small enough for memory. */
export const PIECE_CHARACTERS = 64 * 1024;

/** A part of a text: as such, or in UTF-8. */
export type TextPart = string | Buffer;

/** A text that comes in many small parts as a few large buffers; one that is empty as no buffer. Whoever takes a buffer leaves it as it is. */
export async function* textPieces(
  texts: AsyncIterable<TextPart> | Iterable<TextPart>,
): AsyncGenerator<Buffer, void, void> {
  let buffers: Buffer[] = [];
  let bytes = 0;
  let piece = "";
  const add = (buffer: Buffer): void => {
    buffers.push(buffer);
    bytes += buffer.length;
  };
  const endPiece = (): void => {
    if (piece !== "") add(Buffer.from(piece));
    piece = "";
  };
  const taken = (): Buffer => {
    endPiece();
    const [first] = buffers;
    const all = first !== undefined && buffers.length === 1 ? first : Buffer.concat(buffers, bytes);
    buffers = [];
    bytes = 0;
    return all;
  };
  for await (const text of texts) {
    if (typeof text === "string") piece += text;
    else {
      endPiece();
      add(text);
    }
    if (piece.length + bytes >= PIECE_CHARACTERS) yield taken();
  }
  if (piece.length + bytes > 0) yield taken();
}
