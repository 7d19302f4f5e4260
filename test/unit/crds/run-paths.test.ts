import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DEFAULT_PATHS, type Paths, variablesOf } from "../../../crds/run-paths.ts";
import { VARIABLES } from "../../../crds/variables.ts";

const paths = suite("paths and variables of a run");

function all(at: Paths, job: string | undefined): Record<string, string> {
  const value = variablesOf(at, "sst2-4k2m9xq1j", job, "train", ["train", "after"]);
  return Object.fromEntries(VARIABLES.map((name) => [name, value(name)]));
}

paths("O-150: every variable has the value of the table", () => {
  assert.equal(all(DEFAULT_PATHS, "team/sst2"), {
    PIPE_ID: "sst2-4k2m9xq1j",
    ROOT_PATH: "/data/pipelines",
    WORK_PATH: "/data/pipelines/team/sst2",
    DATA_PATH: "/data/odin",
    RUN_PATH: "/data/odin/sst2-4k2m9xq1j",
    TASK_PATH: "/data/odin/sst2-4k2m9xq1j/train",
    TASK_ID: "sst2-4k2m9xq1j--train",
    TASK_NAME: "train",
    TASK_IDS: '["sst2-4k2m9xq1j--train","sst2-4k2m9xq1j--after"]',
  });
});

paths("O-150, O-153: WORK_PATH of a rendered job is its rendered directory, of a run without a job its own", () => {
  const rendered = all({ ...DEFAULT_PATHS, work: "/data/pipelines/rendered/team/sst2ab12" }, "team/sst2");
  assert.is(rendered.WORK_PATH, "/data/pipelines/rendered/team/sst2ab12");
  assert.is(rendered.ROOT_PATH, "/data/pipelines");
  assert.is(all(DEFAULT_PATHS, undefined).WORK_PATH, "/data/pipelines/sst2-4k2m9xq1j");
});

paths("O-150, O-270: the roots are those of the settings", () => {
  const values = all({ root: "/jobs", data: "/runs" }, "sst2");
  assert.equal([values.WORK_PATH, values.TASK_PATH], ["/jobs/sst2", "/runs/sst2-4k2m9xq1j/train"]);
});
paths.run();
