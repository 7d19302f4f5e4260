import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Citation, citationsIn, clausesIn } from "./citations.ts";
import { FAMILIES } from "./families.ts";

/** Which test files cite which clause. */
export interface Coverage {
  /** Names of files as `npm test` takes them (`unit/api/query`), sorted, by clause; only cited clauses. */
  files: ReadonlyMap<string, readonly string[]>;
  /** Citations of clauses that no list has, as `file: title`. */
  unknown: readonly string[];
}

const ENDING = ".test.ts";
const KINDS = ["unit", "integration", "e2e"];

/** The file that runs the golden pairs, each of which names its clauses in the comment on its first line. */
const GOLDEN_FILE = "unit/operator/golden-pairs";

/** Cases that several test files run, each with its own world: they count as tests of the files that take them in. */
const CASES = /^import [^;]+ from "(\.\/[\w-]+-cases\.ts)";$/gm;

/**
 * Reads the titles of all tests below `root`/test, with those of the cases that they take in from beside them, and the first lines of the golden
 * pairs. In a range, numbers that were never given out count for nothing.
 */
export function clauseCoverage(root: string): Coverage {
  const files = new Map<string, Set<string>>();
  const unknown: string[] = [];
  const known = new Set(FAMILIES.flatMap(({ clauses }) => Object.keys(clauses)));
  const letters = new Set(FAMILIES.map(({ letter }) => letter));
  for (const name of testFiles(root)) {
    for (const { title, clauses } of citationsOf(join(root, "test", `${name}${ENDING}`))) {
      const ours = clauses.filter((clause) => letters.has(clause.charAt(0)));
      const found = ours.filter((clause) => known.has(clause));
      if (ours.length > 0 && found.length === 0) unknown.push(`${name}: ${title}`);
      for (const clause of found) files.set(clause, (files.get(clause) ?? new Set()).add(name));
    }
  }
  for (const clause of goldenClauses(root).filter((one) => known.has(one))) {
    files.set(clause, (files.get(clause) ?? new Set()).add(GOLDEN_FILE));
  }
  return { files: new Map([...files].map(([clause, names]) => [clause, [...names].sort()])), unknown };
}

/** The citations of a test file and of its cases. */
function citationsOf(path: string): Citation[] {
  const source = readFileSync(path, "utf8");
  const cases = [...source.matchAll(CASES)].map(([, name = ""]) => readFileSync(join(dirname(path), name), "utf8"));
  return [source, ...cases].flatMap(citationsIn);
}

function goldenClauses(root: string): string[] {
  const directory = join(root, "test/golden");
  return readdirSync(directory)
    .filter((name) => name.endsWith(".input.yaml"))
    .flatMap((name) => clausesIn(/^#.*$/m.exec(readFileSync(join(directory, name), "utf8"))?.[0] ?? ""));
}

function testFiles(root: string): string[] {
  return KINDS.flatMap((kind) =>
    readdirSync(join(root, "test", kind), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(ENDING))
      .map((path) => `${kind}/${path.slice(0, -ENDING.length)}`),
  ).sort();
}
