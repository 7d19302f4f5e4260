import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blocksOf, textOf } from "../../support/documents.ts";

const page = suite("the page on building the image");
const PAGE = "docs/how-to/build-the-image.md";
const commands = blocksOf(PAGE)
  .filter(({ language }) => language === "sh")
  .map(({ text }) => text)
  .join("\n");

/** What a pattern's group captures in a text, each once. */
function all(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""))].sort();
}

page("its commands give the Dockerfile what it takes: every argument and every secret, and no other", () => {
  const dockerfile = textOf("Dockerfile");
  const given = all(commands, /--build-arg (\w+)=/g).filter((name) => name !== "SOURCE_DATE_EPOCH");
  assert.equal(given, all(dockerfile, /^ARG (\w+)/gm));
  assert.equal(all(commands, /--secret id=(\w+)/g), all(dockerfile, /--mount=type=secret,id=(\w+)/g));
});

page("it shows every option of npm run image", () => {
  const source = textOf("local/product-image-main.ts");
  const options = all(source, /^ {2}(--\w+)/gm);
  assert.ok(options.length > 1);
  assert.equal(all(commands, /npm run image -- (--\w+)/g), options);
});

page("what it says of user, entry point and default base is the Dockerfile's", () => {
  const dockerfile = textOf("Dockerfile");
  const text = textOf(PAGE);
  for (const pattern of [/^USER (\d+:\d+)$/m, /^ENTRYPOINT \["(\w+)"/m, /^ARG BASE=(\S+)$/m]) {
    const value = pattern.exec(dockerfile)?.[1] ?? "missing";
    assert.ok(text.includes(value), value);
  }
});

page.run();
