/** A name as the name of a downloaded file has it (M-25): only letters, digits, `_`, `.` and `-` of ASCII, no `.` or `_` at either end. May be empty. */
export function safeName(name: string): string {
  return name
    .normalize("NFKD")
    .replace(/[^\0-\x7f]/g, "")
    .replace(/[/\s]+/g, "_")
    .replace(/[^A-Za-z0-9_.-]/g, "")
    .replace(/^[._]+|[._]+$/g, "");
}
