import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Task } from "../../../crds/generated/types.ts";
import { idProblems } from "../../../crds/id-problems.ts";

const ids = suite("ids that a run would have");
const task = (length: number, resourceType?: Task["resourceType"]): Task => ({
  name: "t".repeat(length),
  image: "i",
  command: ["c"],
  ...(resourceType === undefined ? {} : { resourceType }),
});
/** `<prefix>-00000000j--` before the task's name. */
const BEFORE = "job".length + "-00000000j--".length;

ids("O-13: a task's id has at most 60 characters, with a distributed kind 50", () => {
  assert.equal(idProblems("job", [task(60 - BEFORE), task(60 - BEFORE, "Job"), task(50 - BEFORE, "TFJob")]), []);
  const problems = idProblems("job", [task(61 - BEFORE), task(61 - BEFORE, "Job"), task(51 - BEFORE, "TFJob")]);
  assert.equal(
    problems.map(({ path }) => path),
    ["tasks[0].name", "tasks[1].name", "tasks[2].name"],
  );
  assert.match(problems[2]?.detail ?? "", /would have 51 characters; the most with kind TFJob is 50/);
});

ids("O-13: an explicit name has no dot where a task is of a distributed kind", () => {
  assert.equal(idProblems("my.job", [task(3), task(3, "Job")]), []);
  const [problem] = idProblems("my.job", [task(3), task(3, "MPIJob")]);
  assert.is(problem?.path, "tasks[1].resourceType");
  assert.match(problem?.detail ?? "", /"my\.job" has a dot, which MPIJob does not allow/);
});
ids.run();
