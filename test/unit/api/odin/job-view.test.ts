import { suite } from "uvu";
import * as assert from "uvu/assert";
import { projectJob } from "../../../../api/cache/job.ts";
import type { RepositoryJob } from "../../../../api/git/jobs-repository.ts";
import { MainFiles } from "../../../../api/main-file/main-files.ts";
import { jobView, repositoryJobView } from "../../../../api/odin/job-view.ts";
import type { JobSpec } from "../../../../crds/generated/types.ts";
import { SST2_TASKS } from "./sample.ts";
import { SampleRepository } from "./sample-repository.ts";

const test = suite("api job view");
const metadata = { name: "sst2", namespace: "ns", uid: "u", resourceVersion: "1" };
const view = (spec: JobSpec) => jobView(projectJob({ metadata, spec } as never), "/data/pipelines");

test("O-60 to O-62, O-283: a job with its tasks as written and its files", () => {
  const files = { "sst2.yml": "batchsz: 50\n", "after.yml": "chores: []\n", "model.bin": "x", "main.yml": "tasks: []" };
  assert.equal(view({ path: "dpressel/sst2", tasks: SST2_TASKS, files }), {
    id: "dpressel/sst2",
    name: "dpressel/sst2",
    location: "/data/pipelines/dpressel/sst2/main.yml",
    tasks: [
      { id: "dpressel/sst2--sst2", ...SST2_TASKS[0] },
      { id: "dpressel/sst2--after", ...SST2_TASKS[1] },
    ],
    configs: [
      { id: "/data/pipelines/dpressel/sst2/after.yml", name: "after.yml", content: "chores: []\n" },
      { id: "/data/pipelines/dpressel/sst2/sst2.yml", name: "sst2.yml", content: "batchsz: 50\n" },
    ],
  });
});

test("O-61: the endings that are shown", () => {
  const names = [
    "a.py",
    "a.js",
    "notes.txt",
    "readme-txt",
    "a.yml",
    "a.sh",
    "a.yaml",
    "a.json",
    "a.config",
    "a.cfg",
    "a.jinja2",
  ];
  const files = Object.fromEntries([...names, "a.md", "a.ymlx", "Makefile"].map((name) => [name, ""]));
  assert.equal(
    view({ files }).configs.map(({ name }) => name),
    names.sort(),
  );
});

test("O-9: lists are there even if empty; the object's name is the id of a job without a path", () => {
  const job = view({});
  assert.equal([job.id, job.tasks, job.configs, job.error], ["sst2", [], [], undefined]);
});

test("O-60: a job that cannot be run is shown with its error and without tasks", () => {
  const job = view({ tasks: [{ name: "a", image: "i", command: ["c"], args: ["$5"] }] });
  assert.match(job.error ?? "", /task a.*stray \$/);
  assert.equal(job.tasks, []);
  assert.match(view({ path: "a__b" }).error ?? "", /__/);
});

test("O-60, O-61: a job of the repository: files that are too large or no text are named and cut", async () => {
  const repository = new SampleRepository({
    "team/job": {
      "main.yml": "tasks: [{name: a, image: i, command: c}]\n",
      "large.json": "x".repeat(1024 * 1024 + 1),
      "limit.json": "x".repeat(1024 * 1024),
      "latin.txt": Buffer.from([0xe9]),
      "model.bin": "x",
      "x.yml.jinja2": "{{ x }}",
    },
    broken: { "main.yml": "tasks:\n  - name: [\n" },
    template: { "main.yml.jinja2": "tasks: []" },
  });
  const viewOf = async (id: string) => repositoryJobView((await repository.job(id)) as RepositoryJob, new MainFiles());
  const shown = await viewOf("team/job");
  assert.equal(
    shown.configs.map(({ name, content, truncated }) => [name, content.length, truncated]),
    [
      ["large.json", 0, true],
      ["latin.txt", 0, true],
      ["limit.json", 1024 * 1024, undefined],
      ["x.yml.jinja2", 7, undefined],
    ],
  );
  assert.is(shown.configs[0]?.id, "/data/pipelines/team/job/large.json");
  assert.equal(shown.tasks, [{ id: "team/job--a", name: "a", image: "i", command: "c" }]);
  const broken = await viewOf("broken");
  assert.match(broken.error ?? "", /line \d+, column \d+/);
  assert.equal([broken.tasks, broken.location], [[], "/data/pipelines/broken/main.yml"]);
  const template = await viewOf("template");
  assert.equal([template.tasks, template.error], [[], undefined]);
});

test.run();
