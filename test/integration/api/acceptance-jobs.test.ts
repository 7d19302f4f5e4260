import { suite } from "uvu";
import * as assert from "uvu/assert";
import { git } from "../../support/git-remote.ts";
import { taken } from "../../support/taken.ts";
import { type Answer, isProblem } from "../../unit/api/served.ts";
import { openAcceptance, SST2_FILES, upload } from "./acceptance-world.ts";
import type { FacadeStage } from "./facade-stage.ts";

const test = suite("acceptance: the document's job and its files");
let world: Awaited<ReturnType<typeof openAcceptance>>;
let stage: FacadeStage;

test.before(async () => {
  world = await openAcceptance();
  stage = world.stage;
});
test.after(async () => {
  await world?.close();
});

interface ShownTask extends Record<string, unknown> {
  args: string[];
}
interface ShownJob {
  location: string;
  configs: { id: string; name: string; content: string }[];
  tasks: ShownTask[];
}
const shown = async (id: string): Promise<ShownJob> => (await stage.get(`/v1/jobs/${id}`)).json.job as ShownJob;

const create = (name: string): Promise<Answer> => taken(() => stage.call("POST", "/v1/jobs", { job: { name } }));

test("O-281: a job is created once, below directories too", async () => {
  const { status, json } = await create("sst2");
  assert.is(status, 200);
  assert.equal([json.id, json.name, json.location], ["sst2", "sst2", "/data/pipelines/sst2"]);
  assert.match(String(json.creationTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const again = await create("sst2");
  assert.is(again.status, 409);
  assert.ok(isProblem(again));
  const nested = await create("dpressel__x");
  assert.equal([nested.json.id, nested.json.location], ["dpressel/x", "/data/pipelines/dpressel/x"]);
});

test("O-282: files are stored as they are, each a commit that the remote has", async () => {
  for (const [name, text] of Object.entries(SST2_FILES)) {
    const { status, json } = await upload(stage, "sst2", name, text);
    assert.equal([status, json.bytes], [200, Buffer.byteLength(text)], name);
    const [path, commit = ""] = String(json.location).split("@");
    assert.is(path, `/data/pipelines/sst2/${name}`);
    assert.match(commit, /^[0-9a-f]{40}$/);
    assert.is(await git(world.remote.path, "rev-parse", "master"), commit);
    const read = await stage.get(`/v1/jobs/sst2/files/${name}`);
    assert.equal([read.status, read.text], [200, text]);
  }
});

test("O-283: the job shows its files whole and its tasks as they are written", async () => {
  const job = await shown("sst2");
  assert.is(job.location, "/data/pipelines/sst2/main.yml");
  assert.equal(
    job.configs,
    ["after.yml", "sst2.yml"].map((name) => ({
      id: `/data/pipelines/sst2/${name}`,
      name,
      content: SST2_FILES[name as "after.yml"],
    })),
  );
  const [sst2, after] = job.tasks;
  const mounts = { claim: "data-rw-many", name: "data", path: "/data" };
  assert.is(job.tasks.length, 2);
  assert.equal(sst2, {
    id: "sst2--sst2",
    name: "sst2",
    image: "meadml/mead2-gpu:latest",
    command: "mead-train",
    numGpus: 1,
    mounts,
    args: [
      ...["--basedir", "${RUN_PATH}/${TASK_ID}", "--config", "${WORK_PATH}/${TASK_NAME}.yml"],
      ...["--datasets", "${ROOT_PATH}/datasets.yml", "--embeddings", "${ROOT_PATH}/embeddings.yml"],
      ...["--logging", "${ROOT_PATH}/logging.json", "--settings", "/data/mead-settings.json"],
      ...["--reporting", "xpctl", "--xpctl:label", "${TASK_ID}"],
    ],
  });
  assert.equal(after, {
    id: "sst2--after",
    name: "after",
    image: "interactions/odin-ml:latest",
    command: "odin-chores",
    depends: "sst2",
    pullPolicy: "Always",
    mounts,
    args: ["$WORK_PATH/after.yml", "--label", "$TASK_ID"],
  });
  const { jobs } = (await stage.get("/v1/jobs?q=ss")).json as { jobs: object[] };
  // The other job, dpressel/x, holds these letters too.
  assert.equal(
    jobs.find((one) => (one as { id: string }).id === "sst2"),
    job,
  );
});

test("O-291: the document's PUT makes a job whose file has no nulls and which can be run", async () => {
  const body = {
    job: {
      configs: [],
      tasks: [
        {
          args: ["--basedir", "/data/${TASK_ID}", "--config", "${WORK_PATH}/${TASK_NAME}.yml", "--reporting", "xpctl"],
          command: "mead-train",
          depends: null,
          id: "blahblah--sst2",
          image: "meadml/mead2-gpu:latest",
          inputs: null,
          mounts: [{ claim: "data-rw-many", name: "data", path: "/data" }],
          name: "sst2",
          node_selector: null,
          num_gpus: 1,
          num_workers: null,
          outputs: null,
          pull_policy: null,
          resource_type: null,
        },
      ],
    },
  };
  const put = await taken(() => stage.call("PUT", "/v1/jobs/blahblah", body));
  assert.is(put.status, 200, put.text);
  const job = await shown("blahblah");
  const [task] = job.tasks;
  assert.equal([task?.numGpus, task?.mounts], [1, [{ claim: "data-rw-many", name: "data", path: "/data" }]]);
  assert.not.ok(JSON.stringify(job).includes("null"));
  const main = (await stage.get("/v1/jobs/blahblah/files/main.yml")).text;
  assert.not.match(main, /null|~/);
  assert.match(await stage.launch("blahblah"), /^blahblah-[0-9a-z]{8}j$/);
});

test.run();
