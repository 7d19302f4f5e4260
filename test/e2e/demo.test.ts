import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { debrisOf } from "../support/local-debris.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const DEMO = join(ROOT, "dist/local/demo.js");
const DOWN = join(ROOT, "dist/local/down.js");
const DEMO_MS = 300_000;
const execute = promisify(execFile);

const demo = suite("npm run demo");
let place: TemporaryDirectory;
let dir: string;
demo.before(async () => {
  place = await temporaryDirectory();
  dir = join(place.path, "run");
});
demo.after(async () => {
  await finish(start(DOWN));
  await place.remove();
});

interface Running {
  child: ChildProcess;
  output(): string;
}

function start(program: string, ...args: string[]): Running {
  const child = spawn(process.execPath, [program, "--dir", dir, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  return { child, output: () => output };
}

async function finish({ child }: Running): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const [status] = await within(DEMO_MS, () => once(child, "exit"));
  return status as number | null;
}

function environment(): Record<string, string> {
  const lines = readFileSync(join(dir, "env"), "utf8").trim().split("\n");
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

/** Why no signal can be sent to a process; undefined if one can. */
function signalled(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

async function assertNothingLeft(): Promise<void> {
  assert.ok(!existsSync(dir), `${dir} is still there`);
  assert.equal(await debrisOf(join(dir, "cluster")), []);
  // Looking makes the parent of what it looks at.
  await rm(dir, { recursive: true, force: true });
}

async function inCluster(kubectl: string, ...args: string[]): Promise<string> {
  return (await execute(kubectl, args, { env: { ...process.env, KUBECONFIG: join(dir, "kubeconfig") } })).stdout;
}

demo("both ways of submitting end as DONE in real containers, and everything it tells is true", async () => {
  const run = start(DEMO);
  assert.is(await finish(run), 0, run.output());
  const output = run.output();
  const told = [...output.matchAll(/^ {2}(\S+) \((kubectl|REST)\): DONE, held-out accuracy: (0\.\d\d) \(n=60\)$/gm)];
  assert.equal(told.map(([, , from]) => from).sort(), ["REST", "kubectl"], output);
  const { KUBECONFIG = "", ODIN_URL = "", ODIN_USER, ODIN_PASSWORD } = environment();
  assert.is(KUBECONFIG, join(dir, "kubeconfig"));
  const kubectl = /^ {2}(\S*kubectl) get pipelines$/m.exec(output)?.[1] ?? "kubectl is not named";
  const rows = (await inCluster(kubectl, "get", "pipelines", "--no-headers")).trim().split("\n");
  assert.is(rows.length, 2, rows.join("\n"));
  for (const row of rows) assert.match(row, /^sst2-\S+\s+DONE\s+2\/2\s/);
  for (const [, id = "", , accuracy = ""] of told) {
    assert.match(await inCluster(kubectl, "logs", `${id}--after`), `held-out accuracy: ${accuracy}`);
  }
  const login = await fetch(`${ODIN_URL}/v1/auth`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: ODIN_USER, password: ODIN_PASSWORD }),
  });
  assert.is(login.status, 200);
  for (const secret of [ODIN_PASSWORD ?? "", readFileSync(join(dir, "secret"), "utf8").trim()]) {
    assert.ok(
      secret.length > 8 && !output.includes(secret) && !readFileSync(join(dir, "odin.log"), "utf8").includes(secret),
    );
  }
});

demo("the second time the cluster is there, the password is the same, and there are two more runs", async () => {
  const before = environment();
  const run = start(DEMO);
  assert.is(await finish(run), 0, run.output());
  assert.match(run.output(), /Looking for a running cluster: https:\S+ is healthy/);
  assert.is(environment().ODIN_PASSWORD, before.ODIN_PASSWORD);
});

demo("down leaves no process, mount, network or file, and says so twice", async () => {
  for (let time = 0; time < 2; time++) {
    const down = start(DOWN);
    assert.is(await finish(down), 0, down.output());
    await assertNothingLeft();
  }
});

demo("killed while its services start, it leaves nothing that down cannot remove", async () => {
  const run = start(DEMO);
  await until(() => existsSync(join(dir, "processes.json")), DEMO_MS, {
    describe: "the services are started",
    everyMs: 20,
  });
  const [{ pid }] = JSON.parse(readFileSync(join(dir, "processes.json"), "utf8")) as [{ pid: number }];
  run.child.kill("SIGKILL");
  await finish(run);
  const down = start(DOWN);
  assert.is(await finish(down), 0, down.output());
  // It has lost its parent: until another has taken notice of its end, its number is in use.
  await until(() => signalled(pid), DEMO_MS, {
    describe: `process ${pid} is gone`,
    accept: (error) => error === "ESRCH",
  });
  await assertNothingLeft();
});

demo("what it cannot do it says in one line, and leaves nothing", async () => {
  const wrong: [string[], RegExp][] = [
    [
      ["--context", "no-such-context"],
      /^error: there is no context "no-such-context" in your kubeconfig; it has .+\n$/,
    ],
    [["--bogus"], /^error: Unknown option '--bogus'.*--help shows the usage\n$/],
  ];
  for (const [args, message] of wrong) {
    const run = start(DEMO, ...args);
    assert.is(await finish(run), 1);
    assert.match(run.output(), message);
    assert.ok(!existsSync(dir), `${args.join(" ")} left ${dir}`);
  }
});
demo.run();
