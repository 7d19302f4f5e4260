import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { until } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { podsMade } from "../support/made-pods.ts";
import { type OdinProcess, operatorProcess } from "../support/odin-process.ts";
import { randomSource } from "../support/random.ts";
import { temporaryNamespace } from "../support/temporary-namespace.ts";

const TASKS = 30;
const KILLS = 20;

const killed = suite("an operator that is killed");
let namespace: Awaited<ReturnType<typeof temporaryNamespace>>;
let operator: OdinProcess | undefined;
killed.before(async () => {
  namespace = await temporaryNamespace("killed");
});
killed.after(async () => {
  await operator?.end("SIGKILL");
  await namespace?.remove();
});

async function runOf(name: string): Promise<Pipeline> {
  return JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json")) as Pipeline;
}

/** Terminal states never change (I-3), and counters agree with the records (I-6). */
class Watcher {
  readonly #ended = new Map<string, string>();

  look(run: Pipeline): void {
    const tasks = Object.entries(run.status?.tasks ?? {});
    for (const [name, record] of tasks) {
      const now = JSON.stringify(record);
      const before = this.#ended.get(name);
      assert.ok(
        before === undefined || before === now,
        `the terminal record of ${name} changed from ${before} to ${now}`,
      );
      if (record.state === "executed" || record.state === "terminated") this.#ended.set(name, now);
    }
    for (const state of ["waiting", "executing", "executed", "terminated"] as const) {
      if (run.status?.counts)
        assert.is(
          run.status.counts[state],
          tasks.filter(([, record]) => record.state === state).length,
          `count of ${state}`,
        );
    }
  }
}

killed("F-6, F-7, O-187: kill -9 at random instants loses no task and makes no pod twice", async () => {
  const seed = Date.now() % 100_000;
  console.log(`seed ${seed}`);
  const random = randomSource(seed);
  const tasks: Task[] = Array.from({ length: TASKS }, (_, i) => {
    const depends = Array.from(
      { length: random.integer(0, Math.min(2, i)) },
      () => `t${random.integer(Math.max(0, i - 6), i - 1)}`,
    );
    return {
      name: `t${i}`,
      image: "python:3.11-slim",
      command: ["sh", "-c", `sleep 0.${random.integer(1, 9)}`],
      ...(depends.length > 0 ? { depends: [...new Set(depends)] } : {}),
    };
  });
  const manifest = { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name: "run" }, spec: { tasks } };
  operator = operatorProcess(namespace.name);
  await kubectlApply(namespace.name, manifest);
  const watcher = new Watcher();
  let kills = 0;
  while (kills < KILLS) {
    // From before it has its caches to well into its work: a start takes about a second.
    await new Promise((done) => setTimeout(done, random.integer(200, 2500)));
    await operator.end("SIGKILL");
    kills += 1;
    watcher.look(await runOf("run"));
    operator = operatorProcess(namespace.name);
  }
  const done = await until(
    async () => {
      const run = await runOf("run");
      watcher.look(run);
      return run;
    },
    480_000,
    { describe: "the run ends", accept: (run) => run.status?.completionTime !== undefined, everyMs: 500 },
  );
  assert.is(done.status?.phase, "DONE", JSON.stringify(done.status?.message));
  assert.equal(done.status?.counts, { total: TASKS, waiting: 0, executing: 0, executed: TASKS, terminated: 0 });
  const made = await podsMade(namespace.name);
  assert.equal([...new Set(made)].length, made.length, `${made} were created; seed ${seed}`);
  assert.is(made.length, TASKS, `${made} were created for ${TASKS} tasks; seed ${seed}`);
  const pods = JSON.parse(await kubectl("get", "pods", "-n", namespace.name, "-o", "json")) as {
    items: { metadata: { annotations: Record<string, string> } }[];
  };
  assert.is(new Set(pods.items.map((pod) => pod.metadata.annotations["odin.io/task"])).size, TASKS);
});

killed("F-41: SIGTERM ends it cleanly, with exit code 0", async () => {
  const other = operatorProcess(namespace.name);
  await other.untilSaid("operator running");
  assert.is(await other.end("SIGTERM"), 0, other.output.slice(-2000));
});
killed.run();
