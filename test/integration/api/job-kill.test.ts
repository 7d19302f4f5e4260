import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Job } from "../../../crds/generated/types.ts";
import { until } from "../../support/deadline.ts";
import { GitRemote, git } from "../../support/git-remote.ts";
import { kubectl } from "../../support/kubectl.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { taken } from "../../support/taken.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { type Answer, send, sendJson } from "../../unit/api/served.ts";

const test = suite("a job update cut short");
const PASSWORD = "the root's password";
const WAIT_MS = 60_000;
let namespace: TemporaryNamespace;
let directory: TemporaryDirectory;
let remote: GitRemote;
let api: OdinProcess;
let port = 0;
let authorization = "";

const tree = (): string => join(directory.path, "tree");
const gitFile = (name: string): string => join(tree(), ".git", name);

async function start(): Promise<void> {
  api = new OdinProcess("api", {
    ODIN_NAMESPACE: namespace.name,
    ODIN_LISTEN: "127.0.0.1:0",
    ODIN_SECRET: "the secret of the tests of kills, long enough",
    ODIN_ROOT_USER: "root",
    ODIN_ROOT_PASS: PASSWORD,
    ODIN_REPOSITORY: tree(),
    ODIN_GIT_REMOTE: remote.path,
    ODIN_GIT_SYNC: "1",
  });
  await api.untilSaid('"msg":"ready"');
  port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(api.output)?.[1]);
  const login = await sendJson(port, "POST", "/v1/auth", { username: "root", password: PASSWORD });
  authorization = `Bearer ${login.json.message}`;
}

test.before(async () => {
  try {
    namespace = await temporaryNamespace("job-kill");
    directory = await temporaryDirectory();
    remote = await GitRemote.open();
    await start();
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await api.end("SIGTERM");
  await remote.remove();
  await directory.remove();
  await namespace.remove();
});

/** One task with the image, and a file that says the same: both are changed by one request. */
function put(image: string): Promise<Answer> {
  const tasks = [{ name: "a", image, command: ["c"] }];
  const configs = [{ name: "image.txt", content: image }];
  return sendJson(port, "PUT", "/v1/jobs/killed", { tasks, configs }, { authorization });
}

interface Seen {
  main: string | undefined;
  file: string;
  status: string;
  head: string;
  remote: string;
  shown: string | undefined;
  object: string | undefined;
}

/** What every place says of the job. */
async function seen(): Promise<Seen> {
  const main = await readFile(join(tree(), "killed/main.yml"), "utf8");
  const { job } = (await send(port, "GET", "/v1/jobs/killed")).json as { job: { tasks: { image: string }[] } };
  const found = await kubectl("get", "jobs.odin.io", "-n", namespace.name, "-o", "json");
  const object = (JSON.parse(found) as { items: Job[] }).items.find(({ metadata }) => metadata.name === "killed");
  return {
    main: /image: (\S+)/.exec(main)?.[1],
    file: await readFile(join(tree(), "killed/image.txt"), "utf8"),
    status: await git(tree(), "status", "--porcelain"),
    head: await git(tree(), "rev-parse", "HEAD"),
    remote: await remote.head(),
    shown: job.tasks[0]?.image,
    object: object?.spec.tasks?.[0]?.image,
  };
}

/** Waits until a reply is as good as its word: it waits some seconds for the object, and where that was not enough the log says so. */
async function untilKept(): Promise<void> {
  const places = await seen();
  if (agrees(places)) return;
  assert.is(agrees({ ...places, object: places.main }), true, JSON.stringify(places));
  await api.untilSaid("the Job objects do not follow the jobs repository yet");
  await until(seen, WAIT_MS, { describe: "the object follows", accept: agrees });
}

function agrees(places: Seen): boolean {
  const images = [places.main, places.file, places.shown, places.object];
  return new Set(images).size === 1 && places.status === "" && places.head === places.remote;
}

const headOf = (repository: string): string => {
  try {
    return readFileSync(join(repository, "refs/heads/master"), "utf8");
  } catch {
    return "";
  }
};

/** Points at which the process is killed: the state of the disk that is waited for, from what it was before the request. */
const POINTS: Record<string, (before: { local: string; remote: string }) => boolean> = {
  "before anything is done": () => true,
  "while it holds the lock": () => existsSync(gitFile("odin.lock")),
  "when the commit is made": () => existsSync(gitFile("refs/odin/next.lock")),
  "when the remote has the commit": (before) => headOf(remote.path) !== before.remote,
  "while the files are replaced": () => existsSync(gitFile("odin-move.json")),
  "when the branch has moved": (before) => headOf(join(tree(), ".git")) !== before.local,
  "when the branch has moved and nothing is under way": (before) =>
    headOf(join(tree(), ".git")) !== before.local && !existsSync(gitFile("odin-move.json")),
};

let round = 0;
for (const [point, reached] of Object.entries(POINTS)) {
  test(`O-105, O-14: killed ${point}, git, the Job object and the reply agree after the restart`, async () => {
    round += 1;
    assert.is((await taken(() => put(`before-${round}`))).status, 200);
    await untilKept();
    const before = { local: headOf(join(tree(), ".git")), remote: headOf(remote.path) };
    const request = put(`after-${round}`).then(
      ({ status }) => status,
      () => 0,
    );
    let answered: number | undefined;
    request.then((status) => {
      answered = status;
    });
    await until(() => answered !== undefined || reached(before), WAIT_MS, { describe: point, everyMs: 1 });
    await api.end("SIGKILL");
    const status = await request;
    await start();
    const places = await until(seen, WAIT_MS, { describe: "all agree", accept: agrees });
    assert.ok([`before-${round}`, `after-${round}`].includes(places.main ?? ""), places.main);
    if (status === 200) assert.is(places.main, `after-${round}`);
    // Not as the remote is by now: the git that was pushing may have outlived the one that was killed.
    if (places.remote !== before.remote.trim()) assert.is(places.main, `after-${round}`);
    assert.is((await taken(() => put(`later-${round}`))).status, 200);
    await git(tree(), "fsck", "--strict");
  });
}

test("O-105: killed at any other time too", async () => {
  for (let at = 0; at < 5; at++) {
    const request = put(`at-${at}`).then(
      ({ status }) => status,
      () => 0,
    );
    await new Promise((done) => setTimeout(done, 40 * at * at));
    await api.end("SIGKILL");
    const status = await request;
    await start();
    const places = await until(seen, WAIT_MS, { describe: "all agree", accept: agrees });
    if (status === 200) assert.is(places.main, `at-${at}`);
  }
});

test.run();
