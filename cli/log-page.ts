import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A line that the program can log. */
interface Line {
  level: string;
  message: string;
}

const CALL = /\b(?:logger|log)\??\.(info|warn|error)\(/g;
const ORDER = ["error", "warn", "info"];

/** A table of the messages that the sources in these folders log, worst first; those for debugging, and messages that are made at run time, are not in it. */
export function logTable(root: string, folders: readonly string[]): string {
  const lines = new Map<string, Line>();
  for (const folder of folders)
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }))
      if (name.endsWith(".ts"))
        for (const line of linesOf(readFileSync(join(root, folder, name), "utf8"))) lines.set(line.message, line);
  const rows = [...lines.values()]
    .sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level) || (a.message < b.message ? -1 : 1))
    .map(({ level, message }) => `| ${level} | ${message.replaceAll("|", "\\|")} |`);
  return `| level | message |\n|---|---|\n${rows.join("\n")}`;
}

function* linesOf(source: string): Generator<Line> {
  for (const match of source.matchAll(CALL)) {
    const call = callOf(source, match.index + match[0].length);
    const message = /(["`])((?:(?!\1).)*)\1\s*,?\s*$/s.exec(call)?.[2];
    if (message !== undefined && /[a-z]{3}/.test(message.replaceAll(/\$\{[^}]*\}/g, "")))
      yield { level: match[1] ?? "", message: message.replaceAll(/\$\{[^}]*\}/g, "…") };
  }
}

/** The arguments of a call, from after its parenthesis to the one that closes it. */
function callOf(source: string, from: number): string {
  let depth = 1;
  let at = from;
  while (depth > 0 && at < source.length) {
    const character = source[at];
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    at += 1;
  }
  return source.slice(from, at - 1);
}
