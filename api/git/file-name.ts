const FORBIDDEN = /[<>:;,?"*|/\\\x00-\x1f\x7f]/;
const MAX_BYTES = 255;

/** Whether a text can be the name of a job's file (O-11): one segment that no shell, URL or file system reads as more than that. */
export function isFileName(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= MAX_BYTES && !FORBIDDEN.test(text) && !text.startsWith(".") && !text.startsWith("-");
}
