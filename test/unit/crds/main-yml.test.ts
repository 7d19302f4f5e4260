import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readMainFile } from "../../../crds/main-yml.ts";

const mainFile = suite("main.yml");
const problemsOf = (source: string): string =>
  readMainFile(source)
    .problems.map((problem) => `${problem.path}: ${problem.detail}`)
    .join("\n");

mainFile("O-121: anchors, merge keys, singular and plural, both spellings", () => {
  const { file, problems } = readMainFile(`
name: sst2
gpu_image: &gpu meadml/mead2-gpu:latest
claim: &claim {claim: data-rw-many}
tasks:
  - name: sst2
    image: *gpu
    command: mead-train
    args: ["--basedir", "\${RUN_PATH}"]
    mount: {<<: *claim, name: data, path: /data}
    num_gpus: 1
    fail: ~
  - {name: after, image: odin, command: [odin-chores, x], depends: ^sst2, pullPolicy: Always, mounts: [{name: data, path: /data, claim: c}], node_selector: [{key: a, value: b}]}
`);
  assert.equal(problems, []);
  assert.equal(file, {
    name: "sst2",
    tasks: [
      {
        name: "sst2",
        image: "meadml/mead2-gpu:latest",
        command: ["mead-train"],
        args: ["--basedir", "${RUN_PATH}"],
        mounts: [{ name: "data", path: "/data", claim: "data-rw-many" }],
        numGpus: 1,
      },
      {
        name: "after",
        image: "odin",
        command: ["odin-chores", "x"],
        depends: ["sst2"],
        mounts: [{ name: "data", path: "/data", claim: "c" }],
        nodeSelector: { a: "b" },
        pullPolicy: "Always",
      },
    ],
  });
});

mainFile("O-125: numbers, booleans and dates in args stay the text they are", () => {
  const { file } = readMainFile(
    "tasks: [{name: a, image: i, command: c, args: [1e3, 0644, yes, 2019-08-08, 1_000, 12:30:45, 1.50]}]",
  );
  assert.equal(file.tasks[0]?.args, ["1e3", "0644", "yes", "2019-08-08", "1_000", "12:30:45", "1.50"]);
});

mainFile("O-120: a mode with a leading zero is octal, of duplicate keys the last wins, null is absent", () => {
  const { file, problems } = readMainFile(
    "tasks: [{name: a, image: old, image: i, command: c, secrets: {name: s, path: /s, mode: 0400}, resource_type: null}]",
  );
  assert.equal(problems, []);
  assert.equal(file.tasks[0], {
    name: "a",
    image: "i",
    command: ["c"],
    secrets: [{ name: "s", path: "/s", mode: 0o400 }],
  });
});

mainFile("O-140: outputs as a list are numbered", () => {
  const { file } = readMainFile("tasks: [{name: a, image: i, command: c, outputs: [/x, /y]}]");
  assert.equal(file.tasks[0]?.outputs, { "0": "/x", "1": "/y" });
});

mainFile("O-146: what is missing or of the wrong type is told with task and key", () => {
  assert.match(problemsOf("tasks: [{name: a, image: i}]"), "tasks[0].command: command is needed");
  assert.match(
    problemsOf("tasks: [{name: a, image: i, command: c, num_gpus: many}]"),
    "tasks[0]: numGpus must be a whole number",
  );
  assert.match(problemsOf("tasks: [{name: a, image: i, command: c, args: [[nested]]}]"), "args must be a text");
  assert.match(problemsOf("tasks: [just text]"), "tasks[0]: must be a mapping");
  assert.match(problemsOf("tasks: {a: b}"), "tasks: must be a list");
  assert.match(problemsOf("- a"), "must be a mapping");
});

mainFile("O-120: unknown tags and broken YAML are told with line and column, alias bombs cost nothing", () => {
  assert.match(problemsOf("tasks: []\nx: !!python/object:os.system {}"), /line 2, column \d+/);
  assert.match(problemsOf("tasks: [\n"), /line \d+, column \d+/);
  const bomb = [
    "a0: &a0 [x, x]",
    ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`),
    "tasks: [{name: a, image: i, command: c, args: *a40}]",
  ];
  assert.match(problemsOf(bomb.join("\n")), "args must be a text");
});
mainFile.run();
