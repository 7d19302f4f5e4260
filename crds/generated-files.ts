import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Writes the files, by path below `root`, that are not as they should be. With `--check` among the program's arguments nothing is written: each such file
 * is named on standard error as not what `source` says, and the exit status becomes 1.
 */
export function writeOrCheck(root: string, files: Iterable<[string, string]>, source: string): void {
  const check = process.argv.includes("--check");
  for (const [name, content] of files) {
    const path = resolve(root, name);
    if (current(path) === content) continue;
    if (check) {
      process.exitCode = 1;
      console.error(`${name} is not what ${source}; run: npm run generate`);
    } else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      console.log(`wrote ${name}`);
    }
  }
}

function current(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
