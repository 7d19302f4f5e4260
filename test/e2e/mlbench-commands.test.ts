// timeout: 1200
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KubeConfig } from "@kubernetes/client-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { CommandEnd, ManagedRun, WorkerPod } from "../../api/mlbench/runs/managed-run.ts";
import { POD_UID_VARIABLE, RECORDS_PATH } from "../../api/mlbench/runs/records.ts";
import { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { type ExecOptions, execInPod } from "../../kube/exec.ts";
import { EmbeddedSql } from "../../store/embedded.ts";
import { MlbenchOutput } from "../../store/mlbench-output.ts";
import { until, within } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { randomSource } from "../support/random.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import type { FollowerOptions } from "./mlbench-follower.ts";

const WAIT_MS = 120_000;
const FOLLOWER = fileURLToPath(new URL("./mlbench-follower.js", import.meta.url));

const test = suite("commands of MLBench's runs on a real node");
let namespace: TemporaryNamespace;
let place: TemporaryDirectory;
let client: KubeClient;
let nextRun = 1;
const followers = new Set<ChildProcess>();

test.before(async () => {
  try {
    namespace = await temporaryNamespace("commands");
    place = await temporaryDirectory();
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromDefault();
    client = new KubeClient({ kubeConfig, userAgent: "odin-test" });
    await kubectlApply(namespace.name, workerSet("w", 3, "import time; time.sleep(3600)"));
    await kubectl("rollout", "status", "statefulset/w", "-n", namespace.name, "--timeout=240s");
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  for (const follower of followers) follower.kill("SIGKILL");
  client?.close();
  await namespace?.remove();
  await place?.remove();
});

function workerSet(name: string, replicas: number, idle: string): object {
  const labels = { set: name };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name },
    spec: {
      replicas,
      serviceName: name,
      podManagementPolicy: "Parallel",
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: "worker",
              image: "python:3.11-slim",
              imagePullPolicy: "IfNotPresent",
              command: ["python3", "-c", idle],
              env: [{ name: POD_UID_VARIABLE, valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } }],
              volumeMounts: [{ name: "records", mountPath: RECORDS_PATH }],
            },
          ],
          volumes: [{ name: "records", emptyDir: {} }],
        },
      },
    },
  };
}

async function workersOf(set: string): Promise<WorkerPod[]> {
  const text = await kubectl("get", "pods", "-n", namespace.name, "-l", `set=${set}`, "-o", "json");
  const { items } = JSON.parse(text) as { items: { metadata: { name: string; uid: string } }[] };
  return items
    .map(({ metadata: { name, uid } }) => ({
      rank: Number(name.split("-").at(-1)),
      name,
      uid,
      ip: "",
      container: "worker",
    }))
    .sort((a, b) => a.rank - b.rank);
}

function runOf(...commands: string[][]): ManagedRun {
  const id = nextRun++;
  return { uid: `uid-${id}`, id, name: `run-${id}`, namespace: namespace.name, commands };
}

/** A process that carries out a run, and what it says. */
class Follower {
  readonly child: ChildProcess;
  said = "";

  constructor(options: FollowerOptions) {
    this.child = spawn(process.execPath, [FOLLOWER, JSON.stringify(options)], { stdio: ["ignore", "pipe", "inherit"] });
    followers.add(this.child);
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.said += chunk.toString();
    });
  }

  async end(): Promise<CommandEnd> {
    const said = await until(() => /^END (.*)$/m.exec(this.said)?.[1], WAIT_MS, {
      describe: "the end of the command",
    }).catch((error: unknown) => {
      console.error(this.said.slice(-4_000));
      throw error;
    });
    return JSON.parse(said ?? "") as CommandEnd;
  }

  async kill(): Promise<void> {
    followers.delete(this.child);
    // It ends by itself when the command has.
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGKILL");
    await ended;
  }
}

async function linesOf(store: string, run: ManagedRun, stream: "stdout" | "stderr"): Promise<string[]> {
  const sql = new EmbeddedSql(store);
  const texts: string[] = [];
  for await (const { text } of new MlbenchOutput(sql, 100_000).lines(run.id, stream)) texts.push(text);
  await sql.close();
  return texts;
}

const python = (program: string): string[] => ["python3", "-uc", program];

interface Ran {
  status: number;
  stdout: string;
  stderr: string;
}

async function exec(command: string[], more: Partial<ExecOptions> = {}): Promise<Ran> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const status = await within(WAIT_MS, (signal) =>
    execInPod(client, {
      namespace: namespace.name,
      pod: "w-0",
      container: "worker",
      command,
      signal,
      onData: (stream, chunk) => {
        chunks[stream].push(chunk);
      },
      ...more,
    }),
  );
  return { status, stdout: Buffer.concat(chunks.stdout).toString(), stderr: Buffer.concat(chunks.stderr).toString() };
}

test("M-50: a program in a pod: streams apart, exit status, arguments as they are, much output", async () => {
  const program = "import sys; print(sys.argv[1:]); print('err', file=sys.stderr); sys.exit(7)";
  assert.equal(await exec(["python3", "-c", program, "a b", "&x=1", "", "ä"]), {
    status: 7,
    stdout: "['a b', '&x=1', '', 'ä']\n",
    stderr: "err\n",
  });
  let bytes = 0;
  const much = "import sys\nfor i in range(2000): sys.stdout.write('x' * 16384)";
  const { status } = await exec(["python3", "-c", much], {
    onData: async (_stream, chunk) => {
      bytes += chunk.length;
      await new Promise((done) => setImmediate(done));
    },
  });
  assert.is(status, 0);
  assert.is(bytes, 2_000 * 16_384);
});

test("M-50: what the node cannot start, and a pod that is not there", async () => {
  const notStarted = await exec(["/no/such/program"]).catch((error: unknown) => error);
  assert.ok(isKubeError(notStarted) && notStarted.reason === "ExecFailed", String(notStarted));
  assert.match(notStarted.message, "/no/such/program");
  assert.match(notStarted.message, /no such file or directory/);
  const noPod = await exec(["true"], { pod: "w-9" }).catch((error: unknown) => error);
  assert.ok(isKubeError(noPod, "notFound"), String(noPod));
});

const BURSTS = `
import os, sys, time
open("${RECORDS_PATH}/started-" + sys.argv[1], "a").write("x")
rank = sys.argv[2]
for i in range(1500):
    print(f"{rank} out {i} äöü€😀")
    print(f"{rank} err {i}", file=sys.stderr)
    if i % 50 == 49: time.sleep(0.4)
sys.stdout.buffer.write(b"bin \\xff\\xfe\\r\\nsplit \\xe2"); sys.stdout.buffer.flush(); time.sleep(0.5)
sys.stdout.buffer.write(b"\\x82\\xac\\nlast without end"); sys.stdout.buffer.flush()
`;

test("M-2, M-51: the process that follows is killed again and again: each line is there once, in order, and every rank started once", async () => {
  const seed = Date.now() % 100_000;
  console.log(`seed ${seed}`);
  const random = randomSource(seed);
  const workers = await workersOf("w");
  const store = join(place.path, "killed.db");
  const run = runOf();
  const commands = workers.map(({ rank }) => ["python3", "-uc", BURSTS, run.uid, `r${rank}`]);
  let kills = 0;
  const options = { store, run: { ...run, commands }, workers };
  let follower = new Follower(options);
  for (; kills < 6; kills++) {
    await until(() => follower.said.includes("FOLLOWING"), WAIT_MS, { describe: "a process that follows" });
    await new Promise((done) => setTimeout(done, random.integer(100, 2_500)));
    await follower.kill();
    follower = new Follower(options);
  }
  assert.equal(await follower.end(), { ok: true, ranks: ["w-0", "w-1", "w-2"].map((pod) => ({ pod, exitStatus: 0 })) });
  await follower.kill();
  for (const [stream, word, rest] of [
    ["stdout", "out", " äöü€😀"],
    ["stderr", "err", ""],
  ] as const) {
    const lines = await linesOf(store, run, stream);
    for (const { rank } of workers) {
      const own = lines.filter((line) => line.startsWith(`r${rank} `));
      assert.equal(
        own,
        Array.from({ length: 1500 }, (_, i) => `r${rank} ${word} ${i}${rest}`),
      );
    }
    const others = lines.filter((line) => !/^r\d /.test(line)).sort();
    const ends = ["bin \u{FFFD}\u{FFFD}", "last without end", "split €"];
    assert.equal(others, stream === "stdout" ? ends.flatMap((line) => [line, line, line]) : []);
  }
  for (const pod of ["w-0", "w-1", "w-2"]) {
    const { stdout } = await exec(["cat", `${RECORDS_PATH}/started-${run.uid}`], { pod });
    assert.is(stdout, "x", `starts in ${pod}`);
  }
});

/** Processes of the container, by their command lines. */
async function processes(pod = "w-0"): Promise<string[]> {
  const program = `
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    try: print(open(f"/proc/{pid}/cmdline").read().replace("\\0", " ").replace("\\n", " "))
    except OSError: pass`;
  return (await exec(["python3", "-c", program], { pod })).stdout.split("\n");
}

test("M-51: readers whose connection is gone do not stay behind in the pod, and the command goes on", async () => {
  const workers = await workersOf("w");
  const store = join(place.path, "readers.db");
  const run = runOf(python("import time; print('there'); time.sleep(3000)"));
  for (let round = 0; round < 3; round++) {
    const follower = new Follower({ store, run, workers });
    await until(async () => (await processes()).some((one) => one.startsWith("tail ")), WAIT_MS, {
      describe: "a reader",
      everyMs: 300,
    });
    // Killed as soon as it reads, it may not have stored the line yet; the last one has.
    if (round === 2) {
      await until(() => linesOf(store, run, "stdout"), WAIT_MS, {
        describe: "its line",
        accept: (lines) => lines.length > 0,
        everyMs: 300,
      });
    }
    await follower.kill();
    await until(async () => !(await processes()).some((one) => one.startsWith("tail ")), WAIT_MS, {
      describe: "no reader",
      everyMs: 300,
    });
  }
  assert.is((await processes()).filter((one) => one.startsWith("python3 -uc import time; print('there')")).length, 1);
  assert.equal(await linesOf(store, run, "stdout"), ["there"]);
});

test("M-52: the goal ends a run at once; another exit status fails it", async () => {
  const workers = await workersOf("w");
  const store = join(place.path, "ends.db");
  const goal = runOf(python("import time; print('Goal Reached!'); time.sleep(3000)"));
  const reached = new Follower({ store, run: goal, workers });
  assert.equal(await reached.end(), { ok: true, ranks: [{ pod: "w-0", exitStatus: null }] });
  await reached.kill();
  const bad = runOf(python("import sys; sys.exit('no')"));
  const failed = new Follower({ store, run: bad, workers });
  assert.is((await failed.end()).reason, "Command of rank 0 exited with status 1");
  await failed.kill();
  assert.equal(await linesOf(store, bad, "stderr"), ["no"]);
});

test("M-51, M-53: an image without a shell, and a worker that is replaced", async () => {
  const idle = "import os, time; os.remove('/bin/sh'); time.sleep(3600)";
  await kubectlApply(namespace.name, workerSet("bare", 1, idle));
  await kubectl("rollout", "status", "statefulset/bare", "-n", namespace.name, "--timeout=240s");
  await until(async () => (await exec(["ls", "/bin"], { pod: "bare-0" })).stdout.split("\n").includes("sh"), WAIT_MS, {
    describe: "no shell",
    accept: (hasShell) => !hasShell,
  });
  const workers = await workersOf("bare");
  const store = join(place.path, "bare.db");
  const plain = runOf(python("import sys; print('plain'); print('err', file=sys.stderr); sys.exit(5)"));
  const first = new Follower({ store, run: plain, workers });
  assert.is((await first.end()).reason, "Command of rank 0 exited with status 5");
  await first.kill();
  assert.equal(await linesOf(store, plain, "stdout"), ["plain"]);
  assert.equal(await linesOf(store, plain, "stderr"), ["err"]);
  const cut = runOf(python("import time; print('begun'); time.sleep(3000)"));
  const second = new Follower({ store, run: cut, workers });
  await until(() => linesOf(store, cut, "stdout"), WAIT_MS, {
    describe: "its line",
    accept: (lines) => lines.includes("begun"),
    everyMs: 500,
  });
  await second.kill();
  const third = new Follower({ store, run: cut, workers });
  assert.match((await third.end()).reason ?? "", "The connection to the command of rank 0 was lost");
  await third.kill();

  const old = await workersOf("w");
  const lost = runOf(python("import time; time.sleep(3000)"));
  const follower = new Follower({ store, run: lost, workers: old });
  await until(async () => (await processes()).some((one) => one.startsWith("tail ")), WAIT_MS, {
    describe: "the command followed",
    everyMs: 300,
  });
  await kubectl("delete", "pod", "w-0", "-n", namespace.name, "--wait=false");
  assert.match((await follower.end()).reason ?? "", /The pod w-0 (is gone|was replaced by another one)/);
  await follower.kill();
});

test.run();
