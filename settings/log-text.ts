/** Fields that have a place of their own in a line, or say nothing to a person at the machine. */
const PLACED = new Set(["level", "time", "name", "msg", "pid", "hostname"]);

/**
 * A line of the log as people read it: time, level, message, then the fields. Texts with spaces are quoted, control characters are escaped, so that
 * what a container or a user has written can neither end the line nor drive a terminal.
 */
export function textLine(json: string): string {
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return json;
  }
  const time = String(line.time ?? "").slice(11, 23);
  const level = String(line.level ?? "").toUpperCase();
  const fields = Object.entries(line)
    .filter(([key, value]) => !PLACED.has(key) && value !== undefined)
    .map(([key, value]) => `${plain(key)}=${shown(value)}`);
  return `${[time, level.padEnd(5), plain(String(line.msg ?? "")).padEnd(24), ...fields].join(" ").trimEnd()}\n`;
}

function shown(value: unknown): string {
  if (typeof value === "string") return /^[\w./:@%+-]+$/.test(value) ? value : plain(JSON.stringify(value));
  return plain(JSON.stringify(value) ?? "");
}

/** Everything that is not text escaped: the C1 controls, which JSON leaves as they are, and marks that reorder a line. */
function plain(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
