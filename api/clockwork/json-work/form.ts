/** The wanted fields of a form in application/x-www-form-urlencoded; of a repeated one the first (C-7). */
export function formFields(text: string, names: ReadonlySet<string>): Map<string, string> {
  const fields = new Map<string, string>();
  const shortest = Math.min(...[...names].map(({ length }) => length));
  for (let from = 0; from < text.length && fields.size < names.size; ) {
    const found = text.indexOf("&", from);
    const end = found === -1 ? text.length : found;
    // Millions of short strangers are not taken apart: no way to write a name is shorter than the name.
    if (end - from >= shortest) {
      const [[name, value] = ["", ""]] = new URLSearchParams(text.slice(from, end));
      if (names.has(name) && !fields.has(name)) fields.set(name, value);
    }
    from = end + 1;
  }
  return fields;
}

/** The wanted text fields of multipart/form-data; undefined if the body is none (C-45). Files in it are left out. */
export async function multipartFields(
  contentType: string,
  bytes: Uint8Array,
  names: ReadonlySet<string>,
): Promise<Map<string, string> | undefined> {
  let form: Awaited<ReturnType<Response["formData"]>>;
  try {
    form = await new Response(new Uint8Array(bytes), { headers: { "Content-Type": contentType } }).formData();
  } catch {
    return undefined;
  }
  const fields = new Map<string, string>();
  for (const [name, value] of form) {
    if (names.has(name) && typeof value === "string" && !fields.has(name)) fields.set(name, value);
  }
  return fields;
}
