import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isContainerName, isObjectName, jobUnknown, parseJobId } from "../../../../api/odin/ids.ts";
import { searchTest } from "../../../../api/odin/search.ts";

const test = suite("api ids and search");

test("O-10: job ids; __ and %2F mean /", () => {
  assert.is(parseJobId("sst2"), "sst2");
  assert.is(parseJobId("dpressel__x"), "dpressel/x");
  assert.is(parseJobId("dpressel%2Fx%2fy"), "dpressel/x/y");
  assert.is(parseJobId("A.b_c-9/Z"), "A.b_c-9/Z");
  assert.is(parseJobId(`${"a/".repeat(7)}a`), `${"a/".repeat(7)}a`);
});

test("O-10, O-12: what is no job id", () => {
  const bad = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "a__",
    "__a",
    "..",
    "../a",
    "a/../b",
    "..__..__etc",
    ".git",
    "a/.b",
    "-a",
    "a b",
    "a\0",
    "ä",
    "a%2",
    `${"a/".repeat(8)}a`,
    "a".repeat(201),
  ];
  for (const text of bad) assert.is(parseJobId(text), undefined, JSON.stringify(text));
});

test("O-12: only names that Kubernetes could have are looked up", () => {
  for (const good of ["a", "sst2-4k2m9xq1j--sst2", "a.b", "a".repeat(253)]) assert.ok(isObjectName(good), good);
  for (const bad of ["", ".", "..", "A", "a/b", "a%2fb", "-a", "a-", "a\n", "a".repeat(254)])
    assert.not.ok(isObjectName(bad), bad);
  assert.ok(isContainerName("main"));
  for (const bad of ["", "a.b", "../x", "A", "a".repeat(64)]) assert.not.ok(isContainerName(bad), bad);
});

test("a long id is cut in the answer", () => {
  assert.ok(jobUnknown("x".repeat(10_000)).message.length < 200);
});

test("O-90: q is a literal substring without regard to case, * any run of characters", () => {
  const finds = (q: string | undefined, text: string): boolean => searchTest(q)(text);
  assert.ok(finds("pj-int", "pj-intent"));
  assert.ok(finds("INTENT", "pj-intent"));
  assert.ok(finds(undefined, "x"));
  assert.ok(finds("", "x"));
  assert.ok(finds("*", "x"));
  assert.ok(finds("p*t*nt", "pj-intent"));
  assert.not.ok(finds("nt*pj", "pj-intent"));
  assert.not.ok(finds("t*t*t*t", "pj-intent"));
  assert.not.ok(finds(".*", "pj-intent"));
  assert.ok(finds(".*", "pj.intent"));
  assert.not.ok(finds("%", "pj-intent"));
  assert.not.ok(finds("_", "pj-intent"));
  assert.not.ok(finds("(", "pj-intent"));
});

test("O-90: a hostile pattern costs no more than a plain one", () => {
  const matches = searchTest(`${"*a".repeat(5000)}b`);
  const start = performance.now();
  assert.not.ok(matches("a".repeat(20_000)));
  // Trying every division of the text would take longer than anybody lives.
  assert.ok(performance.now() - start < 30_000);
});

test.run();
