/** Fields that are kept of one form: no route has as many, and a form of a million names must not fill the memory. */
const MAX_FIELDS = 1_000;

/** The fields of a form in application/x-www-form-urlencoded; of a repeated one the last. */
export function formFields(text: string): Record<string, string> {
  return lastOfEach(new URLSearchParams(text));
}

/** The text fields of multipart/form-data, of a repeated one the last; undefined if the body is none. Files in it are left out. */
export async function multipartFields(
  contentType: string,
  bytes: Uint8Array,
): Promise<Record<string, string> | undefined> {
  try {
    const form = await new Response(new Uint8Array(bytes), { headers: { "Content-Type": contentType } }).formData();
    return lastOfEach(form);
  } catch {
    return undefined;
  }
}

function lastOfEach(entries: Iterable<[string, unknown]>): Record<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of entries) {
    if (typeof value === "string" && (fields.size < MAX_FIELDS || fields.has(name))) fields.set(name, value);
  }
  return Object.fromEntries(fields);
}
