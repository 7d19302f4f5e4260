import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const DIRECTORY = resolve(import.meta.dirname, "../../../../../test/golden/vesta");

/** A text as a terminal has to show it. They were written by hand: nothing rewrites them. */
export function golden(name: string): string {
  return readFileSync(resolve(DIRECTORY, `${name}.txt`), "utf8");
}
