import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Job } from "../../../crds/generated/types.ts";
import { JOB } from "../../../crds/resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import type { GitRemote } from "../../support/git-remote.ts";
import type { FacadeStage } from "./facade-stage.ts";
import { JobRepository } from "./job-repository.ts";

const test = suite("the Job objects of jobs that are kept in git");
const WAIT_MS = 60_000;
/** The files of the job that all tests find; the tasks come last. */
const FILES: Record<string, string | Buffer> = {
  "train.yml": "dataset: SST2\n",
  "latin.txt": Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x0d, 0x0a]),
  "bytes.bin": Buffer.alloc(1024, 0xe9),
  "main.yml": `tasks:
  - {name: train, image: i, command: [c]}
  - {name: after, image: busybox, command: ["true"], depends: train}
`,
};
let place: JobRepository;
let stage: FacadeStage;
let remote: GitRemote;

test.before(async () => {
  place = await JobRepository.open();
  ({ stage, remote } = place);
  await place.create("sst2");
  for (const [name, bytes] of Object.entries(FILES)) await place.upload(`/v1/jobs/sst2/files/${name}`, bytes);
});
test.after(async () => {
  await place.close();
});

test("O-14: each job that can be run has one Job object, with the tasks and a snapshot of the files", async () => {
  const made = await until(() => place.object("sst2"), WAIT_MS, {
    describe: "the object of the last commit",
    accept: (one) => one?.spec.tasks?.length === 2,
  });
  assert.is(made?.spec.path, "sst2");
  assert.is(made?.metadata.annotations?.["odin.io/source"], "repository");
  assert.equal(
    made?.spec.tasks?.map(({ name }) => name),
    ["train", "after"],
  );
  const snapshot = await stage.client.get<{ binaryData?: object; data: Record<string, string> }>(
    `/api/v1/namespaces/${stage.namespace}/configmaps/${made?.spec.snapshot}`,
  );
  const definition = JSON.parse(snapshot.data["definition.json"] ?? "") as {
    files: string[];
    job: string;
    version?: string;
  };
  assert.equal([definition.job, definition.version], ["sst2", undefined]);
  assert.ok(definition.files.includes("train.yml") && definition.files.includes("main.yml"));
  assert.is(Object.keys(snapshot.binaryData ?? {}).length, 2);
  assert.match(made?.spec.version ?? "", /^[0-9a-f]{40}$/);
});

test("O-14, O-104: what is pushed elsewhere shows up within a period, objects included", async () => {
  await remote.push({
    "pushed/main.yml": "name: pu\ntasks: [{name: a, image: i, command: [c]}]\n",
    "datasets.yml": "x: 1\n",
    "broken/main.yml": "tasks: [\n",
    "template/main.yml.jinja2": "tasks: {{ x }}\n",
  });
  await until(async () => (await place.ids()).includes("pushed"), WAIT_MS, { describe: "the job shows up" });
  const made = await until(() => place.object("pushed"), WAIT_MS, { describe: "its object is made" });
  assert.equal([made?.spec.name, made?.spec.tasks?.length], ["pu", 1]);
  const { error, tasks } = await place.job("broken");
  assert.match(error ?? "", /line 2|line 1/);
  assert.equal(tasks, []);
  const template = await place.job("template");
  assert.equal([template.tasks, template.error, template.configs.length], [[], undefined, 1]);
  assert.equal([await place.object("broken"), await place.object("template")], [undefined, undefined]);
  await remote.push({ "pushed/main.yml": undefined });
  await until(async () => (await place.object("pushed")) === undefined, WAIT_MS, {
    describe: "the object goes with the job",
  });
  assert.is((await stage.get("/v1/jobs/pushed")).status, 404);
});

test("O-14, O-107: what somebody does to a mirrored object is put right; files in the root reach every job's snapshot", async () => {
  const before = await place.object("sst2");
  await stage.client.patch(objectPath(JOB, stage.namespace, "sst2"), "merge", { spec: { tasks: [] } });
  await until(async () => (await place.object("sst2"))?.spec.tasks?.length === 2, WAIT_MS, {
    describe: "the tasks are back",
  });
  await stage.client.delete(objectPath(JOB, stage.namespace, "sst2"));
  await until(() => place.object("sst2"), WAIT_MS, { describe: "the object is back" });
  await remote.push({ "datasets.yml": "x: 2\n" });
  await until(async () => (await place.object("sst2"))?.spec.snapshot !== before?.spec.snapshot, WAIT_MS, {
    describe: "the snapshot names the new files of the root",
  });
});

test("O-14: an object of a commit that another server knows is not undone at once", async () => {
  const path = objectPath(JOB, stage.namespace, "sst2");
  const known = (await place.object("sst2"))?.spec.version;
  await stage.client.patch(path, "merge", { spec: { tasks: [], version: "f".repeat(40) } });
  const told = (): boolean => stage.logLines.some(({ reason }) => /not known here yet/.test(String(reason)));
  await until(told, WAIT_MS, { describe: "the server says that it leaves the object alone" });
  assert.equal((await place.object("sst2"))?.spec.tasks, []);
  await stage.client.patch(path, "merge", { spec: { version: known } });
  await until(async () => (await place.object("sst2"))?.spec.tasks?.length === 2, WAIT_MS, {
    describe: "the tasks are back",
  });
});

test("O-14: a Job that was applied is listed, read, and not changed over REST", async () => {
  await stage.applyJob("applied", { tasks: [{ name: "a", image: "i", command: ["c"] }], files: { "x.yml": "a: 1\n" } });
  await until(async () => (await place.ids()).includes("applied"), WAIT_MS, { describe: "the job is listed" });
  assert.is((await stage.get("/v1/jobs/applied/files/x.yml")).text, "a: 1\n");
  for (const name of ["nope", "main.yml", "__proto__", "constructor"]) {
    assert.is((await stage.get(`/v1/jobs/applied/files/${name}`)).status, 404, name);
  }
  assert.is((await place.create("applied")).status, 409);
  assert.is((await place.put("applied", { tasks: [] })).status, 409);
  assert.is((await place.upload("/v1/jobs/applied/files/x.yml", "b")).status, 409);
  // A job of that id in the repository is the one that counts, and leaves the applied object alone.
  await remote.push({ "applied/main.yml": "tasks: [{name: of-git, image: i, command: [c]}]\n" });
  await until(async () => (await place.job("applied")).tasks[0]?.name === "of-git", WAIT_MS, {
    describe: "git is the truth",
  });
  assert.is((await place.ids()).filter((id) => id === "applied").length, 1);
  assert.is((await place.object("applied"))?.spec.tasks?.[0]?.name, "a");
});

test("O-14: two ids never share an object", async () => {
  const objectsOf = async (id: string): Promise<string[]> => {
    const list = await stage.client.listAll<Job>(`/apis/odin.io/v1/namespaces/${stage.namespace}/jobs`);
    return list.items.filter(({ spec }) => spec.path === id).map(({ metadata }) => metadata.name);
  };
  await place.create("team/one");
  const [slug = ""] = await until(() => objectsOf("team/one"), WAIT_MS, {
    describe: "the nested job has its object",
    accept: (names) => names.length === 1,
  });
  await place.create(slug);
  await until(async () => (await place.object(slug))?.spec.path === slug, WAIT_MS, {
    describe: "the id that is its own name has it",
  });
  // Made after the other one was taken from it, so for a moment there may be none.
  await until(() => objectsOf("team/one"), WAIT_MS, {
    describe: "the nested job has another",
    accept: (names) => names.length === 1 && names[0] !== slug,
  });
  assert.equal(await objectsOf(slug), [slug]);
});

test.run();
