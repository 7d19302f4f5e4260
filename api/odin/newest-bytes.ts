import type { Readable } from "node:stream";

/**
 * The newest `max` bytes of a stream as text. Where something was left out it begins at the start of a line. What came before
 * an error is kept: `error` says how the stream ended, if not well.
 */
export async function newestBytes(stream: Readable, max: number): Promise<{ text: string; error?: unknown }> {
  const chunks: Buffer[] = [];
  let kept = 0;
  let dropped = false;
  const text = (): string => {
    const all = Buffer.concat(chunks);
    if (!dropped && kept <= max) return all.toString();
    const tail = all.subarray(Math.max(0, all.length - max));
    return tail.subarray(tail.indexOf("\n") + 1).toString();
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer | string>) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      chunks.push(bytes);
      kept += bytes.length;
      for (let first = chunks[0]; first !== undefined && kept - first.length >= max; first = chunks[0]) {
        chunks.shift();
        kept -= first.length;
        dropped = true;
      }
    }
  } catch (error) {
    return { text: text(), error };
  }
  return { text: text() };
}
