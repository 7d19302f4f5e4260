import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Task } from "../../../crds/generated/types.ts";
import { engineKindOf, gpusOf, kindFactsOf, TASK_KINDS, taskKindOf, WORKERS } from "../../../crds/task-kinds.ts";
import { validateDefinition } from "../../../crds/validate.ts";

const workers = suite("tasks of kind Workers");

const TASK: Task = { name: "run", image: "image:1", command: ["run"], resourceType: WORKERS, numWorkers: 3 };

workers("M-42: a definition of a job cannot have them, however it is written", () => {
  assert.equal(validateDefinition([TASK]), [
    {
      path: "tasks[0].resourceType",
      task: "run",
      detail: "Workers is for runs that MLBench manages, not for jobs",
    },
  ]);
  assert.is(taskKindOf("Workers"), undefined);
});

workers("M-42: they stand for a StatefulSet and have no GPU unless they say so", () => {
  assert.equal(
    kindFactsOf(TASK).resources.map(({ kind }) => kind),
    ["StatefulSet"],
  );
  assert.is(gpusOf(TASK), 0);
  assert.is(gpusOf({ ...TASK, numGpus: 1 }), 1);
});

workers("every other kind is run as what it says", () => {
  for (const kind of TASK_KINDS) assert.is(engineKindOf({ resourceType: kind }), kind);
  assert.is(engineKindOf({}), "Pod");
});

workers.run();
