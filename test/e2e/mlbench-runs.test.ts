// timeout: 900
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { type Answer, send, sendJson } from "../unit/api/served.ts";

const WAIT_MS = 240_000;
const IMAGE = "python:3.11-slim";
const RELEASE = "rel";
/** What each worker writes: it looks for all of them by name, then counts. */
const COUNT = 40;
const FIND_AND_COUNT = `
import socket, sys, time
rank, hosts = sys.argv[1], sys.argv[2].split(",")
print("begun " + rank, flush=True)
for host in hosts:
    for _ in range(600):
        try:
            socket.gethostbyname(host)
            break
        except OSError:
            time.sleep(0.2)
    else:
        sys.exit("no " + host)
print("rank " + rank + " found " + str(len(hosts)), flush=True)
for n in range(${COUNT}):
    print("rank " + rank + " line " + str(n), flush=True)
    time.sleep(0.4)
print("warned by " + rank, file=sys.stderr)
`;

let namespace: TemporaryNamespace;
let place: TemporaryDirectory;
let odin: OdinProcess | undefined;
let port = 0;
const runs = suite("runs of MLBench on a real node");

async function startApi(): Promise<void> {
  odin = new OdinProcess("api", {
    ODIN_NAMESPACE: namespace.name,
    ODIN_LISTEN: "127.0.0.1:0",
    ODIN_REPOSITORY: join(place.path, "jobs"),
    ODIN_STORE: join(place.path, "store.db"),
    ODIN_SECRET: "the secret of the end-to-end tests, long enough",
    ODIN_ROOT_USER: "root",
    ODIN_ROOT_PASS: "the root's password",
    MLBENCH_KUBE_RELEASENAME: RELEASE,
    MLBENCH_NAMESPACE: namespace.name,
    MLBENCH_SPREAD: "preferred",
  });
  await odin.untilSaid('"msg":"ready"');
  port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(odin.output)?.[1]);
  // This family is ready by itself, when it knows its objects.
  await until(async () => (await send(port, "GET", "/api/runs/")).status, WAIT_MS, {
    describe: "MLBench is served",
    accept: (status) => status !== 503,
  });
}

runs.before(async () => {
  try {
    namespace = await temporaryNamespace("mlbench");
    place = await temporaryDirectory();
    const metadata = { name: `${RELEASE}-mlbench-worker-sa` };
    await kubectlApply(namespace.name, { apiVersion: "v1", kind: "ServiceAccount", metadata });
    await startApi();
  } catch (error) {
    console.error(error, odin?.output);
    throw error;
  }
});
runs.after(async () => {
  await odin?.end("SIGTERM");
  await namespace?.remove();
  await place?.remove();
});

/** A command that runs a Python program: its text is cut at blanks, and braces are placeholders. */
function python(program: string, ...args: string[]): string {
  const text = program.replace(
    /[^A-Za-z0-9]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return ["python3", "-c", `exec("${text}")`, ...args].join(" ");
}

async function create(name: string, command: string, more: Record<string, unknown> = {}): Promise<number> {
  const body = {
    ...{ name, num_workers: 3, num_cpus: 0, image_name: "custom_image", custom_image_name: IMAGE, backend: "gloo" },
    custom_image_command: command,
    ...more,
  };
  const { status, json, text } = await sendJson(port, "POST", "/api/runs/", body);
  assert.is(status, 201, text);
  return Number(json.id);
}

const get = (id: number): Promise<Answer> => send(port, "GET", `/api/runs/${id}/`);

interface Detail {
  state: string;
  job_metadata: { stdout: string[]; stderr: string[]; pods?: string[][] };
}

async function detail(id: number): Promise<Detail> {
  const { status, json, text } = await get(id);
  assert.is(status, 200, text);
  return json as unknown as Detail;
}

async function untilRun(id: number, describe: string, accept: (run: Detail) => boolean): Promise<Detail> {
  return await until(() => detail(id), WAIT_MS, { describe: `run ${id}: ${describe}`, accept, everyMs: 200 });
}

const untilState = (id: number, state: string): Promise<Detail> => untilRun(id, state, (run) => run.state === state);

/** Nothing of a run is left but its Pipeline: pods, Services, StatefulSets, claims. */
async function untilClean(id: number): Promise<void> {
  await until(
    () =>
      kubectl(
        "get",
        "pods,services,statefulsets,pvc",
        "-n",
        namespace.name,
        "-l",
        `odin.io/mlbench-run=${id}`,
        "-o",
        "name",
      ),
    WAIT_MS,
    { describe: `nothing left of run ${id}`, accept: (text) => text.trim() === "" },
  );
}

runs(
  "M-2, M-44, M-50, M-51, M-60: three workers find each other by name; the API is killed in the middle, and each line is there once",
  async () => {
    const id = await create("Worn-Mouse", python(FIND_AND_COUNT, "{rank}", "{hosts}"));
    await untilRun(id, "has begun to count", ({ job_metadata }) =>
      job_metadata.stdout.some((line) => line.endsWith("line 3")),
    );
    await odin?.end("SIGKILL");
    await startApi();
    const { job_metadata } = await until(() => detail(id), WAIT_MS, {
      describe: "the run is finished",
      accept: ({ state }) => state === "finished" || state === "failed",
      everyMs: 200,
    });
    const all = `${job_metadata.stdout.join("\n")}\n${job_metadata.stderr.join("\n")}`;
    assert.is((await detail(id)).state, "finished", all);
    for (let rank = 0; rank < 3; rank++) {
      const own = job_metadata.stdout.filter((line) => line.startsWith(`rank ${rank} `) || line === `begun ${rank}`);
      assert.equal(own, [
        `begun ${rank}`,
        `rank ${rank} found 3`,
        ...Array.from({ length: COUNT }, (_, n) => `rank ${rank} line ${n}`),
      ]);
    }
    assert.equal([...job_metadata.stderr].sort(), ["warned by 0", "warned by 1", "warned by 2"]);
    assert.is(job_metadata.pods?.length, 3);
    assert.is(job_metadata.stdout.filter((line) => line === "Started run.").length, 1);
    await untilClean(id);
  },
);

runs("M-53, M-54: a worker that is killed ends the run as failed, with the reason, and nothing is left", async () => {
  const id = await create("killed", python("import time\nprint('begun', flush=True)\ntime.sleep(3600)"));
  const { job_metadata } = await untilRun(
    id,
    "runs in three",
    (run) => run.job_metadata.stdout.filter((line) => line === "begun").length === 3,
  );
  await kubectl(
    "delete",
    "pod",
    job_metadata.pods?.[1]?.[2] ?? "",
    "-n",
    namespace.name,
    "--wait=false",
    "--grace-period=0",
    "--force",
  );
  const ended = await untilState(id, "failed");
  assert.is(ended.job_metadata.stderr[0], "Run failed");
  assert.match(ended.job_metadata.stderr[1] ?? "", /killed-mlbench-worker-rel-1|rank 1/);
  await untilClean(id);
});

runs(
  "M-52, M-53: a command that fails ends the run with its exit status; M-50: with mpi it is started in the first worker alone",
  async () => {
    // Without the launcher of MPI, which the image has not.
    const more = { backend: undefined, custom_image_all_nodes: false };
    const id = await create("fails", python("import sys\nprint('once', flush=True)\nsys.exit(3)"), more);
    const { job_metadata } = await untilState(id, "failed");
    assert.equal(
      job_metadata.stdout.filter((line) => line === "once"),
      ["once"],
    );
    assert.equal(job_metadata.stderr.slice(-2), ["Run failed", "Command of rank 0 exited with status 3"]);
    await untilClean(id);
  },
);

runs(
  "M-48, M-41, M-58: an image that is not there is told; a run that is deleted while it starts leaves nothing",
  async () => {
    const id = await create("missing", "/run", { custom_image_name: "example.invalid/none:1", num_workers: 1 });
    const run = await untilRun(id, "says what is missing", ({ job_metadata }) =>
      job_metadata.stdout.some((line) => /ErrImagePull|ImagePullBackOff/.test(line)),
    );
    assert.is(run.state, "started");
    assert.is((await send(port, "DELETE", `/api/runs/${id}`)).status, 204);
    assert.is((await get(id)).status, 404);
    await untilClean(id);
    await until(
      () => kubectl("get", "pipelines", "-n", namespace.name, "-l", `odin.io/mlbench-run=${id}`, "-o", "name"),
      WAIT_MS,
      {
        describe: "the Pipeline is gone",
        accept: (text) => text.trim() === "",
      },
    );
  },
);

runs(
  "M-44, M-48, M-49: where no worker can be made, for want of its service account, the run says so and goes on when it can",
  async () => {
    const account = `${RELEASE}-mlbench-worker-sa`;
    await kubectl("delete", "serviceaccount", account, "-n", namespace.name);
    const tried = ["run", "tried", "--image=none", "--dry-run=server", "-n", namespace.name];
    const overrides = `--overrides=${JSON.stringify({ spec: { serviceAccountName: account } })}`;
    await until(() => kubectl(...tried, overrides).catch((error: Error) => error.message), WAIT_MS, {
      describe: "the API server does without the account",
      accept: (said) => said.includes(`"${account}" not found`),
    });
    const more = { num_workers: 1, backend: undefined, custom_image_all_nodes: false };
    const id = await create("no-account", python("print('at last')"), more);
    const run = await untilRun(id, "says what is missing", ({ job_metadata }) =>
      job_metadata.stdout.some((line) => line.includes("FailedCreate") && line.includes(account)),
    );
    assert.is(run.state, "started");
    await kubectl("create", "serviceaccount", account, "-n", namespace.name);
    const ended = await untilState(id, "finished");
    assert.ok(ended.job_metadata.stdout.includes("at last"));
    await untilClean(id);
  },
);

runs("M-43: the clean-up of the Odin view ends a run that goes on as failed, and with db deletes it", async () => {
  const id = await create("cleaned", python("import time\nprint('begun', flush=True)\ntime.sleep(3600)"), {
    num_workers: 1,
  });
  await untilRun(id, "runs", ({ job_metadata }) => job_metadata.stdout.includes("begun"));
  const login = await sendJson(port, "POST", "/v1/auth", { username: "root", password: "the root's password" });
  const headers = { authorization: `Bearer ${login.json.message}` };
  for (const path of ["pipelines/ID", "resources/ID/data", "resources/ID/events"]) {
    const shown = await send(port, "GET", `/v1/${path.replace("ID", `mlbench-${id}j`)}`, { headers });
    assert.is(shown.status, 200, shown.text);
    if (path.startsWith("pipelines")) assert.match(shown.text, "RUNNING");
  }
  const first = await send(port, "DELETE", `/v1/pipelines/mlbench-${id}j`, { headers });
  assert.is(first.status, 200, first.text);
  const ended = await untilState(id, "failed");
  assert.equal(ended.job_metadata.stderr.slice(-2), ["Run failed", "The run was cancelled by root"]);
  await untilClean(id);
  const second = await send(port, "DELETE", `/v1/pipelines/mlbench-${id}j?db=true`, { headers });
  assert.is(second.status, 200, second.text);
  await until(async () => (await get(id)).status, WAIT_MS, { describe: "404", accept: (status) => status === 404 });
});

runs.run();
