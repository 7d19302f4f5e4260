// timeout: 300
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CommandRuns, type CommandRunsOptions } from "../../../../api/mlbench/controller/command-run.ts";
import type { CommandEnd, ManagedRun, WorkerPod } from "../../../../api/mlbench/runs/managed-run.ts";
import { POD_UID_VARIABLE } from "../../../../api/mlbench/runs/records.ts";
import { silentLogger } from "../../../../kube/logger.ts";
import { MlbenchOutput, TRUNCATED } from "../../../../store/mlbench-output.ts";
import type { Row, Sql, Statement } from "../../../../store/sql.ts";
import { StoreProblem } from "../../../../store/store-problem.ts";
import { until, within } from "../../../support/deadline.ts";
import { randomSource } from "../../../support/random.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../support/temporary-directory.ts";
import { embeddedStores } from "../../store/store-cases.ts";
import { ShellPod } from "./shell-pod.ts";

const WAIT_MS = 120_000;
const test = suite("commands of MLBench's runs in their pods");
const stores = embeddedStores(test);
let place: TemporaryDirectory;
let sql: Sql;
let next = 1;
const pods: ShellPod[] = [];

test.before(async () => {
  place = await temporaryDirectory();
  sql = stores.open("store.db");
});
test.after(async () => {
  for (const pod of pods) pod.remove();
  await place.remove();
});

interface Stage {
  run: ManagedRun;
  pod: ShellPod;
  workers: WorkerPod[];
  output: MlbenchOutput;
  ends: CommandEnd[];
  /** A further one of those that carry out runs, on the same pod and store. */
  commands(more?: Partial<CommandRunsOptions>): CommandRuns;
  /** Starts the run with one of them and waits for its end. */
  end(commands?: CommandRuns): Promise<CommandEnd>;
  lines(stream?: "stdout" | "stderr"): Promise<string[]>;
  directory: string;
}

/** A run with a shell script for each rank; in a script, `$0` is a file of the run's own. */
function stage(...scripts: string[]): Stage {
  const id = next++;
  const pod = new ShellPod();
  pods.push(pod);
  const output = new MlbenchOutput(sql, 5_000);
  const ends: CommandEnd[] = [];
  const run: ManagedRun = {
    uid: `run-${id}`,
    id,
    name: "run",
    namespace: "ns",
    commands: scripts.map((script) => ["/bin/sh", "-c", script, join(place.path, `own-${id}`)]),
  };
  const workers = scripts.map((_, rank) => ({
    rank,
    name: `w-${rank}`,
    uid: `uid-${rank}`,
    ip: "",
    container: "worker",
  }));
  const recordsPath = join(place.path, `records-${id}`);
  const commands = (more: Partial<CommandRunsOptions> = {}): CommandRuns =>
    new CommandRuns({
      exec: async (options) => {
        // Each pod has records of its own.
        const own = options.command.map((word) => word.replace(recordsPath, `${recordsPath}-${options.pod}`));
        await mkdir(`${recordsPath}-${options.pod}`, { recursive: true });
        return await pod.exec({ ...options, command: own });
      },
      output,
      onEnd: (uid, end) => {
        assert.is(uid, run.uid);
        ends.push(end);
      },
      logger: silentLogger,
      recordsPath,
      timings: { firstRetryMs: 20, lastRetryMs: 100, graceMs: 300 },
      ...more,
    });
  const staged: Stage = {
    run,
    pod,
    workers,
    output,
    ends,
    commands,
    directory: `${recordsPath}-w-0/${run.uid}`,
    async end(own = commands()) {
      own.start(staged.run, workers);
      const [end] = await until(() => ends, WAIT_MS, {
        describe: "the end of the command",
        accept: (ends) => ends.length > 0,
      });
      if (end === undefined) throw new Error("no end");
      return end;
    },
    async lines(stream = "stdout") {
      const texts: string[] = [];
      for await (const { text } of output.lines(id, stream)) texts.push(text);
      return texts;
    },
  };
  return staged;
}

/** Counts the starts of a script in the run's own file. */
const COUNTED = 'echo started >>"$0"; ';
async function starts({ run }: Stage): Promise<number> {
  const text = await readFile(run.commands[0]?.at(-1) ?? "", "utf8");
  return text.split("\n").length - 1;
}

test("M-50, M-52: output is kept apart by stream, and status 0 is a good end", async () => {
  const at = stage("echo one; echo two >&2; printf three");
  assert.equal(await at.end(), { ok: true, ranks: [{ pod: "w-0", exitStatus: 0 }] });
  assert.equal(await at.lines(), ["one", "three"]);
  assert.equal(await at.lines("stderr"), ["two"]);
});

test("M-50: every rank has its own command", async () => {
  const at = stage("echo rank 0", "echo rank 1", "echo rank 2 >&2");
  assert.is((await at.end()).ok, true);
  assert.equal((await at.lines()).sort(), ["rank 0", "rank 1"]);
  assert.equal(await at.lines("stderr"), ["rank 2"]);
});

test("M-52: another exit status is a failure, and further ranks get their time", async () => {
  const at = stage("sleep 600", "echo bad; exit 3", "sleep 1; echo late");
  const own = at.commands({ timings: { firstRetryMs: 20, lastRetryMs: 100, graceMs: 15_000 } });
  assert.equal(await at.end(own), {
    ok: false,
    reason: "Command of rank 1 exited with status 3",
    ranks: [
      { pod: "w-0", exitStatus: null },
      { pod: "w-1", exitStatus: 3 },
      { pod: "w-2", exitStatus: 0 },
    ],
  });
  assert.equal((await at.lines()).sort(), ["bad", "late"]);
});

test("M-52: a program that is not there, and one that a signal ends", async () => {
  const missing = stage("");
  missing.run = { ...missing.run, commands: [["/no/such/program"]] };
  assert.is((await missing.end()).reason, "Command of rank 0 exited with status 127");
  assert.match((await missing.lines("stderr")).join(), "/no/such/program");
  assert.match((await stage("kill -9 $$").end()).reason ?? "", "exited with status 137");
});

test("M-52: the name of something built into the shell is no program, and the shell outlives it", async () => {
  const at = stage("");
  at.run = { ...at.run, commands: [["exit", "0"]] };
  assert.is((await at.end()).reason, "Command of rank 0 exited with status 127");
});

test("M-52: Goal Reached! ends the run at once, whatever else runs, also for whoever comes later", async () => {
  const at = stage("echo before; echo '>> Goal Reached! <<'; sleep 600", "sleep 600");
  const end = await at.end();
  assert.is(end.ok, true);
  assert.equal(
    end.ranks.map(({ exitStatus }) => exitStatus),
    [null, null],
  );
  assert.equal(await at.lines(), ["before", ">> Goal Reached! <<"]);
  at.ends.length = 0;
  assert.is((await at.end(at.commands())).ok, true);
});

test("M-52: on stderr it means nothing", async () => {
  const at = stage("echo 'Goal Reached!' >&2; exit 1");
  assert.is((await at.end()).ok, false);
});

/** Holds a script up until the test lets it go on. */
const WAITS = 'while [ ! -e "$0.go" ]; do sleep 0.1; done';
async function letGoOn({ run }: Stage): Promise<void> {
  await writeFile(`${run.commands[0]?.at(-1)}.go`, "");
}

const NUMBERED = `${COUNTED} i=0; while [ $i -lt 1500 ]; do i=$((i+1)); echo "out $i äöü"; echo "err $i" >&2; done`;
const expected = (word: string, end = "") => Array.from({ length: 1500 }, (_, i) => `${word} ${i + 1}${end}`);

test("M-51: over connections that break anywhere, each line is there once, in order, and the command started once", async () => {
  const random = randomSource(11);
  const at = stage(NUMBERED);
  let cuts = 0;
  at.pod.cutAfter = () => {
    if (cuts >= 25) return Number.POSITIVE_INFINITY;
    cuts += 1;
    // All of them together are less than the output, so that each is used.
    return random.integer(0, 1_400);
  };
  assert.is((await at.end()).ok, true);
  assert.is(cuts, 25);
  assert.equal(await at.lines(), expected("out", " äöü"));
  assert.equal(await at.lines("stderr"), expected("err"));
  assert.is(await starts(at), 1);
});

test("M-2, M-51: whoever follows is replaced again and again, and two follow at once", async () => {
  const at = stage(`${NUMBERED}; ${WAITS}; echo last`);
  const random = randomSource(12);
  for (let round = 0; round < 6; round++) {
    const pair = [at.commands(), at.commands()];
    for (const one of pair) one.start(at.run, at.workers);
    await new Promise((done) => setTimeout(done, random.integer(10, 250)));
    await Promise.all(pair.map((one) => one.detach()));
  }
  const pair = [at.commands(), at.commands()];
  for (const one of pair) one.start(at.run, at.workers);
  await letGoOn(at);
  await until(() => at.ends.length === 2, WAIT_MS, { describe: "the end, seen by both" });
  assert.ok(at.ends.every(({ ok }) => ok));
  assert.equal(await at.lines(), [...expected("out", " äöü"), "last"]);
  assert.equal(await at.lines("stderr"), expected("err"));
  assert.is(await starts(at), 1);
});

/** A store that refuses now and then: before it has done anything, or after. The first writes it does refuse. */
class Unsteady implements Sql {
  refused = 0;
  readonly #fates = [0, 1, 0, 1];
  readonly #random = randomSource(13);

  async read(statement: Statement): Promise<Row[]> {
    if (this.#random.integer(0, 9) === 0) this.#refuse();
    return await sql.read(statement);
  }

  async write(statements: readonly Statement[]): Promise<number[]> {
    const fate = this.#fates.shift() ?? this.#random.integer(0, 4);
    if (fate === 0) this.#refuse();
    const changed = await sql.write(statements);
    if (fate === 1) this.#refuse();
    return changed;
  }

  tidy(): Promise<void> {
    return sql.tidy();
  }

  close(): Promise<void> {
    return sql.close();
  }

  #refuse(): never {
    this.refused += 1;
    throw new StoreProblem("unavailable", "the store is out of reach");
  }
}

test("M-51: a store that fails before or after it has stored costs no line and doubles none", async () => {
  const at = stage(NUMBERED.replaceAll("done", "[ $((i % 100)) = 0 ] && sleep 0.1; done"));
  const unsteady = new Unsteady();
  const own = at.commands({ output: new MlbenchOutput(unsteady, 5_000) });
  await at.end(own);
  assert.ok(unsteady.refused >= 3, `${unsteady.refused} refusals`);
  assert.equal(await at.lines(), expected("out", " äöü"));
  assert.equal(await at.lines("stderr"), expected("err"));
});

test("M-37: output without end is followed to its end, and kept to its bound", async () => {
  const at = stage("yes 'a line that comes again and again' | head -c 20000000; echo end >&2");
  assert.is((await at.end()).ok, true);
  const lines = await at.lines();
  assert.is(lines.length, 5_001);
  assert.is(lines.at(-1), TRUNCATED);
  assert.equal(await at.lines("stderr"), ["end"]);
});

test("M-51: a connection over which nothing comes is made anew", async () => {
  const at = stage(`${WAITS}; echo late`);
  const own = at.commands({ timings: { silenceMs: 1_000, firstRetryMs: 20 } });
  const ended = at.end(own);
  await until(() => at.pod.started.filter(([, , script]) => script?.includes("-f")).length, WAIT_MS, {
    describe: "a second connection",
    accept: (connections) => connections >= 2,
  });
  await letGoOn(at);
  assert.is((await ended).ok, true);
  assert.equal(await at.lines(), ["late"]);
});

test("M-51: an image without a shell gets the command as it is", async () => {
  const at = stage("echo one; echo two >&2; printf three; exit 4");
  at.pod.hasShell = false;
  at.run = {
    ...at.run,
    commands: [["python3", "-c", "import sys; print('one'); sys.stdout.write('two'); sys.exit(4)"]],
  };
  assert.is((await at.end()).reason, "Command of rank 0 exited with status 4");
  assert.equal(await at.lines(), ["one", "two"]);
});

test("M-51: there a lost connection is the run's failure, and nobody starts the command again", async () => {
  const at = stage("");
  at.pod.hasShell = false;
  const program = `import time; open('${join(place.path, "plain")}', 'a').write('started\\n'); print('one', flush=True); print('two' * 100, flush=True); time.sleep(600)`;
  at.run = { ...at.run, commands: [["python3", "-c", program]] };
  at.pod.cutAfter = () => 50;
  const own = at.commands();
  own.start(at.run, at.workers);
  await until(() => at.ends.length > 0, WAIT_MS, { describe: "the end" });
  const reason = "The connection to the command of rank 0 was lost, and its image has no /bin/sh to take it up again";
  assert.is(at.ends[0]?.reason, reason);
  assert.is((await at.lines())[0], "one");
  at.commands().start(at.run, at.workers);
  await until(() => at.ends.length > 1, WAIT_MS, { describe: "the end as another one sees it" });
  assert.is(at.ends[1]?.reason, reason);
  assert.is(await readFile(join(place.path, "plain"), "utf8"), "started\n");
});

test("M-51, M-53: in another pod of the same name nothing is started, and a pod that is gone ends the run", async () => {
  const at = stage(`${COUNTED}sleep 600`);
  at.pod.env = { [POD_UID_VARIABLE]: "uid-of-another" };
  assert.is((await at.end()).reason, "The pod w-0 was replaced by another one");
  assert.is(at.pod.started.length, 1);
  const gone = stage("sleep 600");
  gone.pod.isGone = true;
  assert.is((await gone.end()).reason, "The pod w-0 is gone");
});

test("M-52: a command whose shell was killed has no exit status to wait for", async () => {
  const at = stage("sleep 600");
  const ended = at.end();
  const [shell, command] = await Promise.all(
    ["pid", "command"].map((name) =>
      until(() => readFile(join(at.directory, name), "utf8"), WAIT_MS, {
        describe: `the process that ${name} names`,
        accept: (text) => Number(text) > 0,
      }),
    ),
  );
  process.kill(Number(shell), "SIGKILL");
  assert.is((await ended).reason, "The command of rank 0 is gone without an exit status");
  process.kill(Number(command), "SIGKILL");
});

test("M-58: a run that is stopped is asked to end, and is followed no longer; to let go of it ends nothing", async () => {
  const at = stage(`trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.1; done`);
  const own = at.commands();
  own.start(at.run, at.workers);
  const pid = Number(
    await until(async () => (await at.lines()).length > 0 && readFile(join(at.directory, "command"), "utf8"), WAIT_MS, {
      describe: "the command",
    }),
  );
  await own.detach();
  assert.equal(at.ends, []);
  process.kill(pid, 0);
  own.start(at.run, at.workers);
  await within(WAIT_MS, () => own.stop(at.run.uid, 60_000));
  assert.throws(() => process.kill(pid, 0));
  assert.equal(await at.lines(), ["ready", "asked"]);
  await own.stop("unknown", 1_000);
});

test.run();
