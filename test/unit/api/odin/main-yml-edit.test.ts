import { suite } from "uvu";
import * as assert from "uvu/assert";
import { editMainFile } from "../../../../api/odin/main-yml-edit.ts";
import { taskViews } from "../../../../api/odin/main-yml-view.ts";

const test = suite("edit of main.yml");

const SST2 = `# who trains what
image: &gpu meadml/mead2-gpu:latest   # pinned elsewhere
claim: &claim   data-rw-many
defaults: &defaults
    pull_policy: Always
    secrets: [{name: odin-cred}]

tasks:
# the slow one
- name:   sst2
  image: *gpu
  command: mead-train
  args: ["--basedir",   "\${RUN_PATH}",
         "--rate", 1e3]   # as in the paper
  mount: &m {name: data, path: /data, claim: *claim}
  num_gpus: 1 # one is enough
  cpu: {limits: 2}
  owner: {mail: on}

# the quick one
- <<: *defaults
  name: after
  image: interactions/odin-ml:latest
  command: odin-chores
  depends: sst2
  mount: *m
  # see the wiki
# the end
name: foo   # prefix
`;
type Task = Record<string, unknown>;
const viewOf = (source: string): Task[] => {
  const { tasks, error } = taskViews(source, "j");
  assert.is(error, undefined);
  return tasks;
};
const edited = (source: string | undefined, tasks: unknown): string => {
  const result = editMainFile(source, { tasks: JSON.parse(JSON.stringify(tasks)) });
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.text;
};
const refused = (source: string, tasks: unknown[]): string => {
  const result = editMainFile(source, { tasks });
  if ("text" in result) throw new Error(`taken: ${result.text}`);
  return result.problems.map(({ path, task, detail }) => `${path} of ${task}: ${detail}`).join("\n");
};
const sst2 = (): Task[] => viewOf(SST2);
const withoutIds = (tasks: Task[]): Task[] => tasks.map(({ id: _, ...task }) => task);

test("O-102: a PUT of what GET gave leaves the text as it is, byte for byte, in both spellings", () => {
  assert.is(edited(SST2, sst2()), SST2);
  const snake = sst2().map(({ numGpus, pullPolicy, ...task }) => ({
    ...task,
    num_gpus: numGpus,
    pull_policy: pullPolicy,
  }));
  assert.is(edited(SST2, snake), SST2);
  const spoiled = SST2.replaceAll("\n", "\r\n");
  assert.is(edited(spoiled, viewOf(spoiled)), spoiled);
});

test("O-102: without tasks the tasks stay", () => {
  assert.equal(editMainFile(SST2, {}), { text: SST2 });
  assert.equal(editMainFile(undefined, {}), { text: "tasks: []\n" });
});

test("O-102: only what changed is written anew; comments, anchors, merges and all else stay", () => {
  const [first = {}, second = {}] = sst2();
  const text = edited(SST2, [{ ...first, numGpus: 2, args: ["--basedir", "x", "--rate", "1e3"] }, second]);
  assert.is(
    text,
    SST2.replace("name:   sst2", "name: sst2")
      .replace(/args: [^#]*# as/, 'args: ["--basedir", x, "--rate", 1e3] # as')
      .replace("num_gpus: 1 #", "num_gpus: 2 #"),
  );
});

test("O-102: an ordinary PUT, with the keys that clients know, keeps secrets, cpu and unknown keys", () => {
  const known = ["name", "image", "command", "args", "mounts", "numGpus", "depends", "pullPolicy"];
  const tasks = sst2().map((task) => Object.fromEntries(Object.entries(task).filter(([key]) => known.includes(key))));
  assert.is(edited(SST2, tasks), SST2);
  const text = edited(SST2, [{ ...tasks[0], image: "new:1" }, tasks[1]]);
  assert.equal(withoutIds(viewOf(text)), withoutIds([{ ...sst2()[0], image: "new:1" }, { ...sst2()[1] }]));
});

test("O-102: null removes a key, also one that a merge brought in; nulls are never written", () => {
  const [first = {}, second = {}] = sst2();
  const text = edited(SST2, [
    { ...first, cpu: null, owner: null, num_gpus: null, numGpus: null },
    { ...second, pullPolicy: null, timeout: null },
  ]);
  const { cpu: _c, owner: _o, numGpus: _n, ...one } = first;
  const { pullPolicy: _p, ...two } = second;
  assert.equal(withoutIds(viewOf(text)), withoutIds([one, two]));
  assert.not.match(text, /null|~/);
  assert.match(text, "  # see the wiki\n# the end\nname: foo   # prefix\n");
});

test("O-102: tasks are added, taken away and put in another order; what aliases stand for goes on to hold", () => {
  const [first = {}, second = {}] = sst2();
  const reversed = edited(SST2, [second, first]);
  assert.equal(viewOf(reversed), [second, first]);
  assert.match(reversed, "# the quick one\n- <<: *defaults");
  const { depends: _, ...alone } = second;
  const one = edited(SST2, [alone]);
  assert.equal(viewOf(one), [alone]);
  assert.not.match(one, "mead-train");
  const moved = edited(SST2, [{ ...first, mounts: { name: "data", path: "/other", claim: "c" } }, second]);
  assert.equal((viewOf(moved)[1] as { mounts: unknown }).mounts, {
    name: "data",
    path: "/data",
    claim: "data-rw-many",
  });
  const more = edited(SST2, [first, { name: "new", image: "yes", command: "c" }, second]);
  assert.is(more, SST2.replace("\n# the quick one", '- name: new\n  image: "yes"\n  command: c\n\n# the quick one'));
  const none = edited(SST2, []);
  assert.equal(viewOf(none), []);
  assert.match(none, "# who trains what\nimage: &gpu meadml/mead2-gpu:latest   # pinned elsewhere\n");
  assert.match(none, "name: foo   # prefix\n");
});

test("O-102, O-291: the document's body on a new job: snake_case with nulls", () => {
  const body = {
    name: "train",
    image: "meadml/mead2-gpu",
    command: "mead-train",
    args: ["--config", "$WORK_PATH/x.yml"],
    num_gpus: 1,
    mounts: [{ name: "data", path: "/data", claim: "data-rw-many" }],
    node_selector: null,
    pull_policy: null,
    depends: null,
    resource_type: null,
    id: "blahblah--train",
  };
  const text = edited("tasks: []\n", [body]);
  assert.not.match(text, /null|~/);
  assert.match(text, "num_gpus: 1\n");
  assert.equal(taskViews(text, "blahblah").tasks, [
    {
      id: "blahblah--train",
      name: "train",
      image: "meadml/mead2-gpu",
      command: "mead-train",
      args: ["--config", "$WORK_PATH/x.yml"],
      numGpus: 1,
      mounts: [{ name: "data", path: "/data", claim: "data-rw-many" }],
    },
  ]);
  assert.is(edited(text, taskViews(text, "blahblah").tasks), text);
  assert.is(edited(undefined, [body]), text);
});

test("O-102, O-145: ids are ignored, also in the file; modes are written in octal", () => {
  const text = edited("tasks: [{id: 5, name: a, image: i, command: c}]", [
    { id: "other--b", name: "a", image: "i", command: "c", secrets: { name: "s", path: "/s", mode: 0o600 } },
  ]);
  assert.match(text, "mode: 0600");
  assert.equal(viewOf(text)[0]?.id, "j--a");
});

test("O-102: both spellings with different values, and what is no task, are refused with the place", () => {
  const task = { name: "a", image: "i", command: "c" };
  assert.match(
    refused(SST2, [{ ...task, num_gpus: 1, numGpus: 2 }]),
    /^tasks\[0\].*numGpus says something else than num_gpus/,
  );
  assert.match(
    refused(SST2, [{ ...task, cpu: { limits: 1 }, mount: { name: "a", sub_path: "x", subPath: "y" } }, 5, {}]),
    /tasks\[1\].*must be an object\n.*tasks\[2\].*name must be/,
  );
  assert.is(edited("tasks: []", [{ ...task, num_gpus: 1, numGpus: 1, cpu: null }]).includes("num_gpus: 1"), true);
  let deep: unknown = 1;
  for (let i = 0; i < 10_000; i++) deep = [deep];
  assert.match(refused(SST2, [{ ...task, deep }]), /nested more than 32 levels/);
});

test("O-102, O-148: what could not be run is refused like in a file, without places in a text nobody sees", () => {
  assert.is(refused(SST2, [{ name: "a", image: "i" }]), "tasks[0].command of a: the task needs command");
  assert.match(
    refused(SST2, [{ name: "a", image: "i", command: "c", args: [null], num_gpus: "1" }]),
    /args\[0\] must not be null\n.*num_gpus must be a whole number/,
  );
  assert.match(refused(SST2, [{ name: "a", image: "i", command: "c", depends: "b" }]), /there is no task "b"/);
  const twice = { name: "a", image: "i", command: "c" };
  assert.match(refused(SST2, [twice, twice]), /another task has the same name/);
});

test("O-102: a file that cannot be read is not overwritten", () => {
  for (const broken of ["tasks: [", "- a", "x: !!python/none {}\ntasks: []"])
    assert.match(refused(broken, [{ name: "a", image: "i", command: "c" }]), /^main\.yml .*cannot be edited: .*upload/);
});

test("O-102: tasks in braces, behind an alias, without a list, or without a newline at the end", () => {
  const task = { name: "b", image: "i", command: ["c", "-x"] };
  for (const source of [
    "tasks: []  # none yet\nname: x # last",
    "{name: x, tasks: [{name: a, image: i, command: c}]}",
    "t: &t [{name: a, image: i, command: c}]\nname: x\ntasks: *t",
    "name: x\n",
    "name: x\ntasks:\n",
    "tasks:\n    -   name: a\n        image: i # keep\n        command: |\n          c\nname: x",
    "tasks:\n- {name: a, image: i, command: c}\nname: x",
  ]) {
    const old = source.includes("name: a") ? viewOf(source) : [];
    const text = edited(source, [...old, task]);
    assert.equal(withoutIds(viewOf(text)), withoutIds([...old, task]), source);
    assert.is(taskViews(text, "j").name, "x", source);
    for (const [comment] of source.matchAll(/# \w+.*/g)) assert.match(text, comment);
  }
});

test("keys that JavaScript objects have are written and kept like others", () => {
  const task = JSON.parse('{"name":"a","image":"i","command":"c","__proto__":{"admin":true},"constructor":"x"}');
  const text = edited("tasks: []", [task]);
  assert.match(text, "__proto__:");
  assert.is(JSON.stringify(viewOf(text)[0]?.constructor), '"x"');
  assert.is(({} as Task).admin, undefined);
});
test.run();
