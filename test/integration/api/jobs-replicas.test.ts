import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Job } from "../../../crds/generated/types.ts";
import { until } from "../../support/deadline.ts";
import { GitRemote, git } from "../../support/git-remote.ts";
import { taken } from "../../support/taken.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("two facades on one git remote");
const WAIT_MS = 180_000;
let stage: FacadeStage;
let remote: GitRemote;
let clones: TemporaryDirectory;
let ports: number[];

test.before(async () => {
  try {
    remote = await GitRemote.open();
    clones = await temporaryDirectory();
    const env = { ODIN_GIT_REMOTE: remote.url, ODIN_GIT_SYNC: "1" };
    stage = await FacadeStage.open({ ...env, ODIN_REPOSITORY: join(clones.path, "one") });
    const first = stage.port;
    await stage.start({ ...env, ODIN_REPOSITORY: join(clones.path, "two") });
    ports = [first, stage.port];
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
  await remote.remove();
  await clones.remove();
});

function upload(n: number): Promise<Answer> {
  const options = { headers: { authorization: `Bearer ${stage.token}` }, body: `content ${n}\n` };
  return taken(() => send(ports[n % 2] ?? 0, "POST", `/v1/jobs/shared/files/${n}.txt`, options));
}

async function shown(port: number): Promise<string[]> {
  const { job } = (await send(port, "GET", "/v1/jobs/shared")).json as { job?: { configs: { name: string }[] } };
  return (job?.configs ?? []).map(({ name }) => name);
}

test("O-105: writes through both are one history, and both show all of it", async () => {
  assert.is((await taken(() => stage.call("POST", "/v1/jobs", { job: { name: "shared" } }))).status, 200);
  const answers = await Promise.all(Array.from({ length: 16 }, (_, n) => upload(n)));
  const written = answers.flatMap(({ status }, n) => (status === 200 ? [`${n}.txt`] : []));
  // Who lost the race for the remote four times is told so, and has written nothing.
  for (const { status, text } of answers) assert.ok([200, 409].includes(status), text);
  assert.ok(written.length >= 8, `${written.length} of 16`);
  for (const port of ports) {
    const names = await until(() => shown(port), WAIT_MS, {
      describe: "both show what was written",
      accept: (list) => list.length >= written.length,
    });
    assert.equal(names, written.sort());
  }
  for (const clone of ["one", "two"]) {
    assert.is(await git(join(clones.path, clone), "status", "--porcelain"), "");
    assert.is(await git(join(clones.path, clone), "rev-parse", "HEAD"), await remote.head());
  }
  assert.is(Number(await git(remote.path, "rev-list", "--count", "master")), 2 + written.length);
});

test("O-14: the job has one object, which ends as git is", async () => {
  const body = (image: string) => ({ tasks: [{ name: "a", image, command: ["c"] }] });
  const headers = { authorization: `Bearer ${stage.token}`, "content-type": "application/json" };
  const put = (n: number): Promise<Answer> =>
    taken(() =>
      send(ports[n % 2] ?? 0, "PUT", "/v1/jobs/shared", { headers, body: JSON.stringify(body(`image:${n}`)) }),
    );
  await Promise.all(Array.from({ length: 6 }, (_, n) => put(n)));
  const main = await git(remote.path, "show", "master:shared/main.yml");
  const image = /image: (\S+)/.exec(main)?.[1];
  const objects = async (): Promise<Job[]> =>
    (await stage.client.listAll<Job>(`/apis/odin.io/v1/namespaces/${stage.namespace}/jobs`)).items;
  const agree = (list: Job[]): boolean => list.length === 1 && list[0]?.spec.tasks?.[0]?.image === image;
  await until(objects, WAIT_MS, { describe: `one object with ${image}`, accept: agree });
});

test.run();
