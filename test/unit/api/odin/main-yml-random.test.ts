import { suite } from "uvu";
import * as assert from "uvu/assert";
import { editMainFile } from "../../../../api/odin/main-yml-edit.ts";
import { taskViews } from "../../../../api/odin/main-yml-view.ts";
import { checkMainFile } from "../../../../crds/main-yml.ts";
import { type RandomSource, randomSource } from "../../../support/random.ts";

const test = suite("random main.yml files");
const ROUNDS = 60;

type Task = Record<string, unknown>;

/** Scalars as people write them, for keys that are texts. */
const TEXTS = [
  "x",
  "1e3",
  "0644",
  "'it''s'",
  '"a: b"',
  "yes",
  "a b  c",
  '"#no"',
  "2019-08-08",
  "/data/x.yml",
  '"\\u00e9"',
  "-1",
];

/** A file with comments, anchors, aliases and merges; every comment is a mark of its own. */
function randomFile(random: RandomSource): string {
  let marks = 0;
  const comment = (): string => (random.integer(0, 2) === 0 ? ` # mark${++marks}.` : "");
  const above = (indent: string): string => (random.integer(0, 3) === 0 ? `${indent}# mark${++marks}.\n` : "");
  const dash = random.pick(["", "  ", "    "]);
  const inner = `${dash}  `;
  const lines = [
    `image: &image some/image:1${comment()}`,
    "mount: &mount {name: data, path: /data, claim: c}",
    `base: &base${comment()}`,
    "  pull_policy: Always",
    "  cpu: {limits: 2}",
    ...(random.integer(0, 1) === 0 ? ["name: prefix"] : []),
    `tasks:${comment()}`,
  ].join("\n");
  const tasks = Array.from({ length: random.integer(1, 6) }, (_, index) => {
    const keys = [
      `image: ${random.pick(["*image", "other:2"])}${comment()}`,
      `command: ${random.pick(["run", "[run, -x]", "run # why"])}`,
      ...(random.integer(0, 1) === 0 ? ["<<: *base"] : []),
      ...(random.integer(0, 1) === 0
        ? [`args: [${Array.from({ length: random.integer(0, 4) }, () => random.pick(TEXTS)).join(", ")}]${comment()}`]
        : [
            `args:\n${inner}  - ${random.pick(TEXTS)}${comment()}\n${above(`${inner}  `)}${inner}  - ${random.pick(TEXTS)}`,
          ]),
      ...(random.integer(0, 1) === 0 ? [random.pick(["mount: *mount", `mounts:\n${inner}- *mount`])] : []),
      ...(random.integer(0, 1) === 0 ? [`num_gpus: ${random.integer(0, 8)}${comment()}`] : []),
      ...(random.integer(0, 2) === 0 ? [`env: &env${index} {A: ${random.pick(TEXTS)}, B: b}`] : []),
      ...(random.integer(0, 2) === 0 ? [`free: {deep: [1, yes, ~x, ${random.pick(TEXTS)}]}`] : []),
      ...(random.integer(0, 2) === 0
        ? [`outputs:\n${inner}  script: |\n${inner}    /one\n${inner}    /two # no comment`]
        : []),
      ...(index > 0 && random.integer(0, 1) === 0 ? [`depends: t${random.integer(0, index - 1)}`] : []),
    ].sort(() => random.integer(-1, 1));
    const [first = "", ...rest] = [`name: t${index}${comment()}`, ...keys];
    return `${above(dash)}${dash}- ${first}\n${rest.map((line) => `${above(inner)}${inner}${line}\n`).join("")}${above(inner)}`;
  });
  return `${above("")}${lines}\n${tasks.join(random.pick(["", "\n"]))}${above("")}last: {x: 0644}${comment()}${random.pick(["", "\n"])}`;
}

function viewOf(source: string): Task[] {
  const { tasks, error } = taskViews(source, "j");
  assert.is(error, undefined, source);
  return tasks;
}

function edited(source: string, tasks: readonly Task[]): string {
  const result = editMainFile(source, { tasks });
  if ("problems" in result) throw new Error(`${JSON.stringify(result.problems)}\n${source}\n${JSON.stringify(tasks)}`);
  return result.text;
}

/** The text of a task in the file: from its name to the next one. */
function textOf(source: string, name: string): string {
  const start = source.search(new RegExp(`name: ${name}\\b`));
  const rest = source.slice(start);
  const end = rest.slice(1).search(/\n *(# mark\d+\.\n *)*(- name: |last: )/);
  return rest.slice(0, end < 0 ? rest.length : end + 1);
}

const marksOf = (text: string): string[] => text.match(/mark\d+\./g) ?? [];

/** Another value for one key of a task. */
function changed(task: Task, random: RandomSource): Task {
  const args = Array.isArray(task.args) ? (task.args as unknown[]) : [];
  switch (random.integer(0, 6)) {
    case 0:
      return { ...task, numGpus: Number(task.numGpus ?? 0) + 1 };
    case 1:
      return { ...task, args: [...args, random.text("ab:#'\"\n -{}[]*&!|>%@`,?é~", 0, 12)] };
    case 2:
      return { ...task, args: args.slice(1), command: ["other"] };
    case 3:
      return { ...task, mounts: [{ name: "data", path: `/data${random.integer(1, 9)}`, claim: "d" }] };
    case 4:
      return { ...task, env: { A: random.pick(["1", "no", "x y", ""]) }, pullPolicy: "Never" };
    case 5:
      return { ...task, cpu: null, free: null, depends: null };
    default:
      return {
        ...task,
        free: { deep: [random.integer(-5, 5), "no", true, 1.5, 1e21, { a: "~" }] },
        secrets: { name: "s", path: "/s", mode: 0o440 },
      };
  }
}

const meaning = (tasks: readonly Task[]): string =>
  JSON.stringify(
    tasks.map((task) =>
      Object.entries(task)
        .filter(([, value]) => value !== null)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    (_key, value: unknown) =>
      value !== null && typeof value === "object" && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
  );

test("O-102: what GET gives changes nothing when it is put back", () => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const source = randomFile(randomSource(seed));
    assert.is(edited(source, viewOf(source)), source, `seed ${seed}`);
  }
});

test("O-102: an edit says what was asked, keeps every other task and every other comment, and can be put back unchanged", () => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const random = randomSource(seed * 7919);
    const source = randomFile(random);
    const before = viewOf(source);
    const wanted = [...before];
    const touched = new Set<string>();
    for (let n = random.integer(1, 2); n > 0; n--) {
      const index = random.integer(0, wanted.length - 1);
      const task = wanted[index] ?? {};
      touched.add(String(task.name));
      wanted[index] = changed(task, random);
    }
    if (random.integer(0, 2) === 0) wanted.push({ name: "new", image: "i", command: "c", args: ["1", "x"] });
    const text = edited(source, wanted);
    const context = `seed ${seed}\n${source}\n=====\n${text}`;
    const after = viewOf(text);
    assert.is(
      meaning(after.map(({ id: _, ...task }) => task)),
      meaning(wanted.map(({ id: _, ...task }) => task)),
      context,
    );
    assert.is(edited(text, after), text, context);
    for (const { name } of before) {
      if (!touched.has(String(name))) assert.match(text, textOf(source, String(name)), context);
    }
    const gone = [...touched].flatMap((name) => marksOf(textOf(source, name)));
    assert.equal(
      marksOf(source).filter((mark) => !marksOf(text).includes(mark) && !gone.includes(mark)),
      [],
      context,
    );
    assert.is(new Set(marksOf(text)).size, marksOf(text).length, context);
  }
});

test("O-102: tasks in any order, some taken away: each says what it said", () => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const random = randomSource(seed * 104729);
    const source = randomFile(random);
    const kept = viewOf(source)
      .map(({ depends: _, ...task }): Task => task)
      .filter(() => random.integer(0, 3) > 0)
      .sort(() => random.integer(-1, 1));
    const text = edited(source, kept);
    assert.is(meaning(viewOf(text)), meaning(kept), `seed ${seed}\n${source}\n=====\n${text}`);
    assert.equal(checkMainFile(text).problems, []);
  }
});
test("O-102, O-120: files spoiled at random are read or refused, edited or left alone, and never crashed on", () => {
  const pieces = [
    " ",
    "\n",
    "- ",
    "#",
    ":",
    "&a ",
    "*m ",
    "'",
    '"',
    "{",
    "]",
    "|\n",
    "? ",
    "!!str ",
    "~",
    "---\n",
    "\t",
    "<<: *base\n",
    "!x ",
    "%",
    "\0",
  ];
  for (let seed = 1; seed <= ROUNDS * 3; seed++) {
    const random = randomSource(seed * 15485863);
    let source = randomFile(random);
    if (random.integer(0, 5) === 0) source = source.replaceAll("\n", "\r\n");
    for (let n = random.integer(1, 4); n > 0; n--) {
      const at = random.integer(0, source.length - 1);
      const cut = at + random.integer(0, 6);
      source = source.slice(0, at) + random.pick([...pieces, ""]) + source.slice(random.pick([at, cut]));
    }
    const { tasks, error } = taskViews(source, "j");
    if (error !== undefined) {
      assert.match(error, /line \d+, column \d+/, source);
      editMainFile(source, { tasks: [{ name: "new", image: "i", command: "c" }] });
      continue;
    }
    assert.is(edited(source, tasks), source);
    const wanted = [...tasks.map((task) => (random.integer(0, 3) === 0 ? changed(task, random) : task))];
    const result = editMainFile(source, { tasks: wanted });
    if ("text" in result) assert.is(meaning(viewOf(result.text)), meaning(wanted), `seed ${seed}\n${source}`);
  }
});
test.run();
