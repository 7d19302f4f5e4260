import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../../support/deadline.ts";
import { type GitRemote, git } from "../../support/git-remote.ts";
import { send } from "../../unit/api/served.ts";
import { type FacadeStage, ROOT_USER } from "./facade-stage.ts";
import { JobRepository, type ShownJob } from "./job-repository.ts";

const test = suite("jobs over REST, kept in git");
const WAIT_MS = 60_000;
const MAIN = `# of this job
claim: &claim data-rw-many
tasks:
  - name: train
    image: meadml/mead2-gpu:latest
    command: mead-train
    args: ["--config", "\${WORK_PATH}/\${TASK_NAME}.yml"]
    mount: {name: data, path: /data, claim: *claim}
    num_gpus: 1
`;
let place: JobRepository;
let stage: FacadeStage;
let remote: GitRemote;

test.before(async () => {
  place = await JobRepository.open();
  ({ stage, remote } = place);
});
test.after(async () => {
  await place.close();
});

test("O-45, O-101, O-281: a job is created in git; both shapes of the reply; again is a 409", async () => {
  const made = await place.create("sst2");
  assert.is(made.status, 200, made.text);
  const { creationTime, job: inner, ...rest } = made.json as { creationTime: string; job: object };
  assert.equal(rest, { id: "sst2", location: "/data/pipelines/sst2", name: "sst2" });
  assert.match(creationTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.equal(inner, { creationTime, ...rest });
  assert.is(await readFile(place.inTree("sst2/main.yml"), "utf8"), "tasks: []\n");
  const format = "--format=%an %s";
  assert.is(await git(stage.repository, "log", "-1", format), `${ROOT_USER} via odin-http create_job`);
  assert.is(await remote.head(), await place.head());
  assert.is((await place.create("sst2")).status, 409);
  const nested = await place.create("dpressel__x");
  assert.equal([nested.json.id, nested.json.location], ["dpressel/x", "/data/pipelines/dpressel/x"]);
  assert.equal(await place.job("sst2"), {
    id: "sst2",
    name: "sst2",
    location: "/data/pipelines/sst2/main.yml",
    tasks: [],
    configs: [],
  });
});

test("O-101, O-10, O-45: names that are no job ids are a 422 and change nothing", async () => {
  const before = await place.head();
  for (const name of [
    "",
    "..",
    "a/../b",
    "..__..__etc",
    "/a",
    "a/",
    "a//b",
    ".git",
    "-a",
    "a b",
    "é",
    "rendered",
    "rendered/x",
  ]) {
    const answer = await place.create(name);
    assert.is(answer.status, 422, `${name}: ${answer.text}`);
  }
  for (const body of [{}, { job: {} }, { job: { name: 1 } }, { job: null }, [], null]) {
    assert.is((await stage.call("POST", "/v1/jobs", body)).status, 422, JSON.stringify(body));
  }
  assert.is(await place.head(), before);
});

test("O-53, O-52, O-103, O-282: files are stored exactly, one commit each, and come back exactly", async () => {
  const files: Record<string, Buffer> = {
    "main.yml": Buffer.from(MAIN),
    "train.yml": Buffer.from("dataset: SST2\n"),
    "latin.txt": Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x0d, 0x0a]),
    "empty.cfg": Buffer.alloc(0),
    "naïve file.json": Buffer.from('{"a": 1}'),
  };
  for (const [name, bytes] of Object.entries(files)) {
    const path = `/v1/jobs/sst2/files/${encodeURIComponent(name)}`;
    const answer = await place.upload(path, bytes, { "content-type": "text/plain" });
    assert.equal(
      answer.json,
      { bytes: bytes.length, location: `/data/pipelines/sst2/${name}@${await place.head()}` },
      answer.text,
    );
    assert.is(await remote.head(), await place.head());
    const back = await send(stage.port, "GET", path);
    assert.equal(await readFile(place.inTree(`sst2/${name}`)), bytes);
    const isText = name !== "latin.txt";
    assert.is(back.headers["content-type"], isText ? "text/plain; charset=utf-8" : "application/octet-stream");
    assert.is(back.headers["x-content-type-options"], "nosniff");
    assert.is(Number(back.headers["content-length"]), bytes.length);
    if (isText) assert.is(back.text, bytes.toString());
  }
  assert.is(await git(stage.repository, "log", "-1", "--format=%s"), "via odin-http upload_job_file");
  const before = await place.head();
  const again = await place.upload("/v1/jobs/sst2/files/train.yml", "dataset: SST2\n");
  assert.is(again.json.location, `/data/pipelines/sst2/train.yml@${before}`);
  assert.is(await place.head(), before);
  assert.is(await git(stage.repository, "status", "--porcelain"), "");
});

test("O-46, O-60, O-61, O-62, O-283: the job is shown as it is written, with its files", async () => {
  const shown = await place.job("sst2");
  assert.is(shown.location, "/data/pipelines/sst2/main.yml");
  assert.equal(shown.tasks, [
    {
      id: "sst2--train",
      name: "train",
      image: "meadml/mead2-gpu:latest",
      command: "mead-train",
      args: ["--config", "${WORK_PATH}/${TASK_NAME}.yml"],
      mounts: { name: "data", path: "/data", claim: "data-rw-many" },
      numGpus: 1,
    },
  ]);
  assert.equal(
    shown.configs.map(({ id, name, content, truncated }) => [id, name, content, truncated]),
    [
      ["/data/pipelines/sst2/empty.cfg", "empty.cfg", "", undefined],
      ["/data/pipelines/sst2/latin.txt", "latin.txt", "", true],
      ["/data/pipelines/sst2/naïve file.json", "naïve file.json", '{"a": 1}', undefined],
      ["/data/pipelines/sst2/train.yml", "train.yml", "dataset: SST2\n", undefined],
    ],
  );
  assert.equal((await stage.get("/v1/jobs?q=ss")).json.jobs, [await place.job("dpressel/x".replace("/", "__")), shown]);
});

test("O-44, O-90: q finds nested ids, with __ for /", async () => {
  assert.equal(await place.ids(), ["dpressel/x", "sst2"]);
  assert.equal(await place.ids("?q=dpressel__"), ["dpressel/x"]);
  assert.equal(await place.ids("?q=SST"), ["sst2"]);
  assert.equal(await place.ids("?q=.*"), []);
});

test("O-47, O-102: PUT is one commit; the second one is none; comments and anchors stay", async () => {
  const before = Number(await git(stage.repository, "rev-list", "--count", "HEAD"));
  const { tasks } = await place.job("sst2");
  const same = await place.put("sst2", { job: await place.job("sst2") });
  assert.is(same.status, 200, same.text);
  assert.is(Number(await git(stage.repository, "rev-list", "--count", "HEAD")), before);
  const body = {
    job: {
      id: "other",
      tasks: [...tasks, { name: "after", image: "busybox", command: ["true"], depends: "train", num_gpus: null }],
      configs: [{ name: "after.yml", content: "chores: []\n" }],
    },
  };
  const changed = await place.put("sst2", body);
  assert.is(changed.status, 200, changed.text);
  assert.equal(
    (changed.json.job as ShownJob).tasks.map(({ id }) => id),
    ["sst2--train", "sst2--after"],
  );
  assert.is(Number(await git(stage.repository, "rev-list", "--count", "HEAD")), before + 1);
  assert.is(await git(stage.repository, "log", "-1", "--format=%s"), "via odin-http update_job");
  const main = await readFile(place.inTree("sst2/main.yml"), "utf8");
  for (const kept of ["# of this job", "&claim data-rw-many", "*claim"]) assert.match(main, kept);
  assert.not.match(main, "null");
  const files = (await place.job("sst2")).configs.map(({ name }) => name);
  assert.ok(files.includes("after.yml") && files.includes("train.yml"));
  await place.put("sst2", body);
  assert.is(Number(await git(stage.repository, "rev-list", "--count", "HEAD")), before + 1);
  assert.is(await remote.head(), await place.head());
});

test("O-102, O-291: PUT creates a job that is missing, from the bare job", async () => {
  const task = { name: "t", image: "i", command: "c", num_gpus: 1, mount: null, depends: null };
  const made = await place.put("blahblah", { tasks: [task] });
  assert.equal((made.json.job as ShownJob).tasks, [
    { id: "blahblah--t", name: "t", image: "i", command: "c", numGpus: 1 },
  ]);
});

test("O-47, O-102, O-148: an invalid PUT or main.yml is a 422 that names task and key, and nothing changes", async () => {
  const before = await place.head();
  const cases = [
    { tasks: [{ name: "a" }] },
    { tasks: [{ name: "a", image: "i", command: "c", depends: "b" }] },
    { tasks: "x" },
  ];
  for (const body of cases) assert.is((await place.put("sst2", body)).status, 422, JSON.stringify(body));
  for (const name of ["../x", ".git", "a/b", "", "-x", "a:b"]) {
    const answer = await place.put("sst2", { configs: [{ name, content: "x" }] });
    assert.is(answer.status, 422, name);
  }
  for (const text of ["tasks: [", "tasks: x\n", "tasks:\n  - name: a\n", Buffer.from([0xff, 0xfe])]) {
    const answer = await place.upload("/v1/jobs/sst2/files/main.yml", text);
    assert.is(answer.status, 422, String(text));
  }
  assert.is(await place.head(), before);
  assert.is(await git(stage.repository, "status", "--porcelain"), "");
});

test("O-12, O-11: paths that lead elsewhere are never read and never written", async () => {
  const before = await place.head();
  await mkdir(dirname(place.inTree("linked/x")), { recursive: true });
  await writeFile(place.inTree("linked/main.yml"), "tasks: []\n");
  await symlink("/etc/hostname", place.inTree("linked/hostname.txt"));
  await symlink("/etc", place.inTree("etc"));
  await symlink(place.inTree("sst2"), place.inTree("alias"));
  const reads = [
    "..__..__etc/files/passwd",
    "%2e%2e%2f/files/x",
    "../../etc/files/passwd",
    ".git/files/config",
    ".git__hooks/files/pre-push",
    "sst2/files/..%2f..%2fdatasets.yml",
    "sst2/files/.gitattributes",
    "sst2/files/%2e%2e",
    "linked/files/hostname.txt",
    "etc/files/hostname",
    "alias/files/train.yml",
    "sst2/files/%00",
    "sst2/files/",
  ];
  for (const path of reads) {
    const answer = await stage.get(`/v1/jobs/${path}`);
    assert.is(answer.status, 404, path);
  }
  const writes: [string, number][] = [
    ["..__..__etc/files/x", 404],
    [".git__hooks/files/pre-push", 404],
    ["etc/files/x.txt", 404],
    ["alias/files/x.txt", 404],
    ["nope/files/x.txt", 404],
    ["sst2/files/..%2fx", 422],
    ["sst2/files/.gitattributes", 422],
    ["sst2/files/-x", 422],
    ["sst2/files/a%0ab", 422],
    ["sst2/files/a%5cb", 422],
    [`sst2/files/${"a".repeat(256)}`, 422],
  ];
  for (const [path, status] of writes) {
    const answer = await place.upload(`/v1/jobs/${path}`, "x");
    assert.is(answer.status, status, `${path}: ${answer.text}`);
  }
  const below = await place.upload("/v1/jobs/sst2/files/dir/x.yml", "x");
  assert.is(below.status, 404);
  assert.match(String(below.json.detail), /--file_name/);
  assert.is(await place.head(), before);
  assert.ok(!(await place.ids()).some((id) => ["etc", "alias"].includes(id)));
});

test("O-5, O-6: an upload needs a credential before its bytes, and may have just so many", async () => {
  const path = "/v1/jobs/sst2/files/big.bin";
  const limit = 64 * 1024;
  assert.is((await send(stage.port, "POST", path, { body: "x" })).status, 401);
  assert.is((await place.upload(path, Buffer.alloc(limit + 1))).status, 413);
  const chunked = { "transfer-encoding": "chunked" };
  assert.is((await place.upload(path, Buffer.alloc(limit + 1), chunked)).status, 413);
  const most = await place.upload(path, Buffer.alloc(limit, 0xe9), chunked);
  assert.is(most.json.bytes, limit);
  assert.is((await place.upload(path, "x", { "content-encoding": "gzip" })).status, 415);
});

test("O-52: a file larger than an upload may be comes piece by piece, text or not", async () => {
  const large = "é".repeat(1_500_000);
  const binary = Buffer.concat([Buffer.from(large), Buffer.from([0xff])]);
  await writeFile(place.inTree("sst2/large.txt"), large);
  await writeFile(place.inTree("sst2/large.bin"), binary);
  const answer = await stage.get("/v1/jobs/sst2/files/large.txt");
  assert.is(answer.headers["content-type"], "text/plain; charset=utf-8");
  assert.ok(answer.text === large);
  const other = await stage.get("/v1/jobs/sst2/files/large.bin");
  assert.is(other.headers["content-type"], "application/octet-stream");
  assert.is(Number(other.headers["content-length"]), binary.length);
  const head = await send(stage.port, "HEAD", "/v1/jobs/sst2/files/large.bin");
  assert.equal([head.status, head.text, Number(head.headers["content-length"])], [200, "", binary.length]);
  for (const name of ["large.txt", "large.bin"]) await rm(place.inTree(`sst2/${name}`));
});

test("O-106: the version of a run is HEAD at its launch", async () => {
  const { pipeline } = (await stage.call("POST", "/v1/pipelines", { pipeline: { job: "sst2" } })).json as {
    pipeline: { id: string };
  };
  const version = await place.head();
  await place.upload("/v1/jobs/sst2/files/later.txt", "later");
  assert.is((await stage.run(pipeline.id)).spec.version, version);
  assert.is.not(await place.head(), version);
});

test("O-41, O-63: GET /app tells about the repository and the operator", async () => {
  const app = (await stage.get("/v1/app")).json;
  assert.equal(app, {
    pipelines_root: "/data/pipelines",
    pipelines_version: await remote.head(),
    pipelines_repo_dirty: false,
    ws_server_status: "unresponsive",
  });
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${stage.namespace}/leases`;
  const renewed = (): string => new Date().toISOString().replace("Z", "000Z");
  const acquireTime = renewed();
  await stage.client.create(leases, {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "odin-operator" },
    spec: { holderIdentity: "one", renewTime: acquireTime, acquireTime, leaseDurationSeconds: 15 },
  });
  const responsive = new Set<unknown>();
  const renewAndAsk = async (): Promise<unknown> => {
    const renewTime = renewed();
    responsive.add(`responsive (${renewTime.slice(0, 19)})`);
    await stage.client.patch(`${leases}/odin-operator`, "merge", { spec: { renewTime } });
    return (await stage.get("/v1/app")).json.ws_server_status;
  };
  await until(renewAndAsk, WAIT_MS, {
    describe: "the operator responds",
    accept: (status) => responsive.has(status),
    everyMs: 500,
  });
  await writeFile(place.inTree("sst2/train.yml"), "edited: here\n");
  await until(async () => (await stage.get("/v1/app")).json.pipelines_repo_dirty === true, WAIT_MS, {
    describe: "the edit is noticed",
  });
  await git(stage.repository, "checkout", "--", "sst2/train.yml");
});

test("O-104, O-105: with a dead remote reading goes on at once, writes are 503 with Retry-After, and the tree is as before", async () => {
  const before = await place.head();
  await remote.stop();
  const refused = await place.uploadOnce("/v1/jobs/sst2/files/new.txt", "x");
  assert.is(refused.status, 503, refused.text);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  assert.is((await stage.call("POST", "/v1/jobs", { job: { name: "another" } })).status, 503);
  assert.is((await stage.call("PUT", "/v1/jobs/sst2", { tasks: [] })).status, 503);
  assert.ok((await within(20_000, () => place.ids())).includes("sst2"));
  assert.match(String((await stage.get("/v1/app")).json.pipelines_repo_error), /git/);
  assert.is(await place.head(), before);
  assert.is(await git(stage.repository, "status", "--porcelain", "--untracked-files=no"), "");
  await remote.start();
  assert.is((await place.upload("/v1/jobs/sst2/files/new.txt", "x")).status, 200);
  assert.is((await stage.get("/v1/app")).json.pipelines_repo_error, undefined);
});

test.run();
