import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError } from "../../../../api/errors.ts";
import { MainFiles, type MainFilesOptions } from "../../../../api/main-file/main-files.ts";
import { editMainFile } from "../../../../api/odin/main-yml-edit.ts";
import { taskViews } from "../../../../api/odin/main-yml-view.ts";
import { renderJob } from "../../../../api/odin/rendered-job.ts";
import { checkMainFile } from "../../../../crds/main-yml.ts";
import { within } from "../../../support/deadline.ts";

const test = suite("main files");
const LONG_MS = 120_000;

async function withFiles(options: MainFilesOptions, body: (files: MainFiles) => Promise<void>): Promise<void> {
  const files = new MainFiles({ deadlineMs: LONG_MS, ...options });
  try {
    await within(LONG_MS, () => body(files));
  } finally {
    await files.stop();
  }
}

function job(tasks: number, more = ""): string {
  const one = (_: unknown, i: number): string =>
    `- name: task-${i} # ${i}\n  image: registry.example/train:1\n  command: [train, --fast]\n${more}`;
  return `name: large\ntasks:\n${Array.from({ length: tasks }, one).join("")}`;
}

/** Takes seconds to read, out of few characters: every task merges a chain of mappings. */
function merges(): string {
  const chain = Array.from({ length: 90 }, (_, i) => `x${i}: &x${i} {${i > 0 ? `<<: *x${i - 1}, ` : ""}k${i}: 1}\n`);
  const tasks = Array.from({ length: 2000 }, (_, i) => `- {name: a${i}, image: i, command: c, <<: *x89}\n`);
  return `${chain.join("")}tasks:\n${tasks.join("")}`;
}

async function refusal(work: Promise<unknown>): Promise<ApiError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error("not refused");
}

test("O-102, O-148: short or long, a file is read, shown and edited alike, here or in a thread", () =>
  withFiles({}, async (files) => {
    for (const text of [
      job(3),
      job(300),
      job(300, "  numGpus: many\n"),
      `${job(300)}  - [`,
      "- x",
      job(300).slice(0, -4),
    ]) {
      assert.equal(await files.check(text), checkMainFile(text));
      assert.equal(await files.check(text, { places: false }), checkMainFile(text, { places: false }));
      assert.equal(await files.views(text, "team/j"), taskViews(text, "team/j"));
      const odd = JSON.parse('{"k":{"__proto__":{"a":1},"constructor":"x"}}') as object;
      const tasks = [
        { name: "task-1", image: "other", command: ["train"], odd, depends: null },
        { name: "new", image: "i", command: "c" },
      ];
      assert.equal(await files.edit(text, { tasks }), editMainFile(text, { tasks }));
      assert.equal(await files.edit(text, {}), editMainFile(text, {}));
    }
    assert.equal(await files.edit(undefined, { tasks: [] }), editMainFile(undefined, { tasks: [] }));
  }));

test("O-102: tasks that cannot be written are refused before anything is sent to a thread", () =>
  withFiles({}, async (files) => {
    const deep = JSON.parse(`${"[".repeat(200_000)}${"]".repeat(200_000)}`) as unknown;
    for (const tasks of [[1, null, "x"], [{ name: "a", args: deep }], new Array(30_000).fill({})]) {
      const result = await files.edit(undefined, { tasks });
      assert.equal(result, editMainFile(undefined, { tasks }));
      assert.ok("problems" in result && result.problems.length <= 20);
    }
  }));

test("O-153, O-154: templates are rendered in a thread, with bytes as they are", () =>
  withFiles({}, async (files) => {
    const contents = {
      "main.yml.jinja2": Buffer.from("tasks: [{name: '{{ who }}', image: i, command: c}]"),
      "bad.yml.jinja2": Buffer.from("a: {{ nope(1) }}"),
      "model.bin": Buffer.from([0, 255, 128]),
    };
    for (const context of [{ who: "ada" }, { who: { deep: [1, null] } }]) {
      const rendered = await files.render(contents, context);
      assert.equal(rendered, await renderJob(contents, context));
      assert.ok(Object.values(rendered.files).every((bytes) => Buffer.isBuffer(bytes)));
    }
  }));

test("O-6: a text that takes too long is a 422 that says so, and is not tried again at once", () =>
  withFiles({ deadlineMs: 100, threads: 1 }, async (files) => {
    const text = merges();
    const first = await refusal(files.check(text));
    assert.is(first.code, "Invalid");
    assert.match(first.message, /main\.yml: takes too long to read/);
    assert.is(await refusal(files.check(text)), first);
    assert.is((await refusal(files.edit(text, { tasks: [] }))).code, "Invalid");
    assert.is((await files.check(job(2))).problems.length, 0, "short ones are still read");
  }));

test("O-6: a text that takes too much memory is a 422", () =>
  withFiles({ memoryMb: 32, threads: 1 }, async (files) => {
    const error = await refusal(files.check(`tasks: [${"{},".repeat(340_000)}]`));
    assert.match(error.message, /main\.yml: takes too much memory to read/);
  }));

test("O-6: what finds too much waiting is a 503 with Retry-After; lists wait", () =>
  withFiles({ threads: 1, queue: 0 }, async (files) => {
    const [first, second] = [files.check(job(400)), files.edit(job(401), { tasks: [] })];
    const error = await refusal(second);
    assert.equal([error.code, "Retry-After" in error.headers], ["Busy", true]);
    assert.is((await files.views(job(402), "j")).tasks.length, 402);
    assert.is((await first).file.tasks.length, 400);
    assert.ok("text" in (await files.edit(job(401), { tasks: [] })), "a refusal is not kept");
  }));

test("O-6: a text with merge keys is not read on the event loop, however short", () =>
  withFiles({ threads: 1, queue: 0 }, async (files) => {
    const short = "x: &x {image: i, command: c}\ntasks: [{<<: *x, name: a}]\n";
    const first = files.check(short);
    assert.is((await refusal(files.check(short, { places: false }))).code, "Busy");
    assert.equal(await first, checkMainFile(short));
  }));

test.run();
