// timeout: 900
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PIPELINE } from "../../../crds/resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { findExecutable } from "../../../local/command.ts";
import { until } from "../../support/deadline.ts";
import { ROOT } from "../../support/documents.ts";
import { MlbenchClient } from "../../support/mlbench-client.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Answer, send, sendJson } from "../../unit/api/served.ts";
import { FacadeStage } from "../api/facade-stage.ts";

const execute = promisify(execFile);
const WAIT_MS = 120_000;
const SHELL_MS = 60_000;
const PAGE = join(ROOT, "docs/how-to/use-the-mlbench-client.md");
/** What a chart is made of (M-72). */
const PHASES = ["agg", "backprop", "batch_load", "comp_loss", "comp_metrics", "fwd_pass", "opt_step"];

const test = suite("the command line of MLBench, and curl");
let client: MlbenchClient | undefined;
let stage: FacadeStage;
let home: TemporaryDirectory;

test.before(async () => {
  try {
    home = await temporaryDirectory();
    stage = await FacadeStage.open({ MLBENCH_SCRAPE_SECONDS: "0", MLBENCH_SPREAD: "preferred" });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
  await home.remove();
});

interface ListedRun {
  id: number;
  name: string;
  state: string;
  num_workers: number;
}

async function runs(): Promise<ListedRun[]> {
  return JSON.parse((await send(stage.port, "GET", "/api/runs/")).text) as ListedRun[];
}

/** Says of a run that it is over, as the part that carries out runs would. */
async function finish(id: number): Promise<void> {
  const path = objectPath(PIPELINE, stage.namespace, `mlbench-${id}j`, "status");
  const completionTime = new Date(Date.now() + 3_600_000).toISOString();
  await stage.client.patch(path, "merge", { status: { phase: "DONE", completionTime } });
  const state = async (): Promise<string | undefined> => (await runs()).find((run) => run.id === id)?.state;
  await until(state, WAIT_MS, { describe: `run ${id} is over`, accept: (now) => now === "finished" });
}

function post(run: number, name: string, value: number): Promise<Answer> {
  return sendJson(stage.port, "POST", "/api/metrics/", { run_id: run, name, date: new Date().toISOString(), value });
}

test("M-72: the command line starts runs, charts two that are finished, and downloads one", async () => {
  if (client === undefined) return skip("M-72", "the client cannot be installed here");
  const address = ["--dashboard-url", `127.0.0.1:${stage.port}`];
  // The first benchmark, by the first backend.
  const started = await client.type("0\n0\n", "cli", "run", "chart", "1", "2", "-c", "2", ...address);
  assert.match(started, "Run started with name chart-1");
  assert.match(started, "Run started with name chart-2");
  const refused = await client.type("0\n0\n", "cli", "run", "chart", "2", ...address);
  assert.match(refused, "Couldn't start run: There is already an active run named chart-2");
  const few = await client.type("", "cli", "charts", join(home.path, "charts"), ...address);
  assert.match(few, "At least two finished runs are needed");
  // It posts all of them at once, so either may be the first.
  const made = (await runs()).sort((one, other) => one.num_workers - other.num_workers);
  assert.equal(
    made.map(({ name }) => name),
    ["chart-1", "chart-2"],
  );
  for (const { id } of made) {
    for (const [index, phase] of PHASES.entries()) {
      assert.is((await post(id, `global_cum_${phase} @ 0`, 0)).status, 201);
      assert.is((await post(id, `global_cum_${phase} @ 0`, id * 100 + index)).status, 201);
    }
    await finish(id);
  }
  const drawn = await client.type("all\n", "cli", "charts", join(home.path, "charts"), ...address);
  assert.match(drawn, "Summary created in");
  // The last value of each: forward, loss, backward, step, and of one worker the aggregation as well.
  const [one = 0, two = 0] = made.map(({ id }) => id * 100);
  const compute = [5 * one + 5 + 3 + 1 + 6 + 0, 4 * two + 5 + 3 + 1 + 6];
  assert.match(drawn, `DRAWN Compute [${compute.map((seconds) => seconds.toFixed(1)).join(", ")}]`);
  assert.match(drawn, `DRAWN Communication [0, ${two.toFixed(1)}]`);
  const archive = join(home.path, "chart-2.zip");
  await client.type("", "cli", "download", "chart-2", "--output", archive, ...address);
  const program = "import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep='\\n')";
  const { stdout } = await execute("python3", ["-c", program, archive]);
  assert.equal(
    stdout.trim().split("\n"),
    PHASES.map((phase) => `result_global_cum_${phase} @ 0.json`),
  );
  for (const { id } of made) assert.is((await send(stage.port, "DELETE", `/api/runs/${id}/`)).status, 204);
});

test("M-4, M-38, §12 row 1, 9: the page's lines of curl do what the page says", async () => {
  const page = readFileSync(PAGE, "utf8");
  const lines = page.split("\n").filter((line) => line.startsWith("    curl "));
  assert.is(lines.length, 5, "the lines of the page");
  const next = ((await runs()).at(-1)?.id ?? 2) + 1;
  const shell = async (line: string, more = ""): Promise<string> => {
    const command = line
      .replaceAll("localhost:9003", `127.0.0.1:${stage.port}`)
      // The page counts from the first run of an installation.
      .replaceAll(/\/(runs|metrics)\/1\b/g, `/$1/${next}`)
      .replace("curl ", `curl -s ${more} `);
    const env = { PATH: process.env.PATH, HOME: home.path, NO_PROXY: "*" };
    return (await execute("bash", ["-c", command], { cwd: home.path, env, timeout: SHELL_MS })).stdout;
  };
  const [create = "", show = "", metric = "", download = "", remove = ""] = lines;
  const created = JSON.parse(await shell(create)) as Record<string, unknown>;
  assert.equal([created.id, created.name, created.state, created.num_workers], [next, "first", "initialized", 3]);
  assert.is((await post(next, "val_global_loss @ 0", 0.5)).status, 201);
  assert.is((await post(next, "val_global_loss @ 0", 0.25)).status, 201);
  const shown = JSON.parse(await shell(show)) as { state: string; job_metadata: { stdout: string[] } };
  assert.match(shown.state, /^(initialized|started)$/);
  assert.is(shown.job_metadata.stdout[0], "Initializing run");
  const read = JSON.parse(await shell(metric)) as Record<string, { value: string }[]>;
  assert.equal(
    read["val_global_loss @ 0"]?.map(({ value }) => value),
    ["0.25"],
  );
  await shell(download);
  const archive = readFileSync(join(home.path, "metrics_first.zip"));
  assert.is(archive.subarray(0, 2).toString(), "PK");
  assert.is(await shell(remove, "-w '%{http_code}'"), "204");
  assert.match(await shell(show), '"message":"Run not found"');
});

const missing: string[] = [];
for (const program of ["bash", "curl", "python3"]) if (!(await findExecutable(program))) missing.push(program);
try {
  const clientHome = await temporaryDirectory();
  test.after(() => clientHome.remove());
  client = await MlbenchClient.install(clientHome.path);
} catch (error) {
  console.error(error);
}
if (missing.length === 0) test.run();
else skip("file", `this machine has no ${missing.join(", no ")}`);
