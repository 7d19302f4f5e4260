import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The root of the checkout. */
export const ROOT = join(import.meta.dirname, "../../..");

/** A fenced block of a document. */
export interface Block {
  /** Path of the document from the root. */
  document: string;
  language: string;
  text: string;
  /** From a comment `<!-- docs-test: NAME -->` on the line before it. */
  name?: string;
}

const BLOCK = /(?:^<!-- docs-test: ([a-z-]+) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm;

/** Paths of all Markdown files of the project, from the root. */
export function documents(): string[] {
  const places = readdirSync(ROOT, { withFileTypes: true }).filter(
    ({ name }) => !/^(\..*|node_modules|dist)$/.test(name),
  );
  const found = places.flatMap((place) =>
    place.isDirectory()
      ? readdirSync(join(ROOT, place.name), { recursive: true, encoding: "utf8" }).map((path) => join(place.name, path))
      : [place.name],
  );
  return found.filter((path) => path.endsWith(".md")).sort();
}

/** Text of a document. */
export function textOf(document: string): string {
  return readFileSync(join(ROOT, document), "utf8");
}

/** The fenced blocks of a document, in order. */
export function blocksOf(document: string): Block[] {
  return [...textOf(document).matchAll(BLOCK)].map(([, name, language = "", text = ""]) => ({
    document,
    language,
    text,
    ...(name === undefined ? {} : { name }),
  }));
}
