import type { TextPart } from "../../text-pieces.ts";

/** A text that is made piece by piece, in the form in which replies take it. */
export async function* inPieces(texts: Iterable<TextPart>): AsyncGenerator<TextPart, void> {
  yield* texts;
}
