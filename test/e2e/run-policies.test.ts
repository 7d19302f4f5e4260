/** Policies of runs where a real container matters: how it is stopped, what of its log is kept, and that it is gone. */
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { openStore, type Store } from "../../store/store.ts";
import { until } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { type OdinProcess, operatorProcess } from "../support/odin-process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const WAIT_MS = 240_000;

const policies = suite("policies of runs on a real node");
let namespace: TemporaryNamespace;
let place: TemporaryDirectory;
let store: Store;
let operator: OdinProcess | undefined;
policies.before(async () => {
  try {
    namespace = await temporaryNamespace("run-policies");
    place = await temporaryDirectory();
    const file = join(place.path, "store.db");
    store = openStore(file);
    operator = operatorProcess(namespace.name, { ODIN_STORE: file, ODIN_NAMESPACE_PARALLELISM: "2" });
    await operator.untilSaid("operator running");
  } catch (error) {
    console.error(error);
    throw error;
  }
});
policies.after(async () => {
  await operator?.end("SIGTERM");
  await store?.close();
  await namespace?.remove();
  await place?.remove();
});

const task = (name: string, script: string, more: Partial<Task> = {}): Task => ({
  name,
  image: "python:3.11-slim",
  command: ["sh", "-c", script],
  ...more,
});

async function create(name: string, spec: Pipeline["spec"]): Promise<void> {
  await kubectlApply(namespace.name, { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec });
}

async function untilRun(name: string, describe: string, accept: (run: Pipeline) => boolean): Promise<Pipeline> {
  const look = async (): Promise<Pipeline> =>
    JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json"));
  return await until(look, WAIT_MS, { describe: `run ${name}: ${describe}`, accept, everyMs: 300 });
}

function untilEnded(name: string): Promise<Pipeline> {
  return untilRun(name, "ends", (run) => run.status?.completionTime !== undefined);
}

/** Waits until the container of a task has written a word. */
async function untilWritten(run: string, name: string, word: string): Promise<void> {
  const look = (): Promise<string> => kubectl("logs", "-n", namespace.name, `${run}--${name}`);
  await until(look, WAIT_MS, {
    describe: `${name} writes ${word}`,
    accept: (text) => text.includes(word),
    everyMs: 300,
  });
}

async function logOf({ metadata }: Pipeline, word: string): Promise<string> {
  const read = async (): Promise<string> => {
    const [entry] = await store.logs.ofRun(metadata.uid);
    return entry === undefined ? "" : String(await store.logs.text(entry.podUid));
  };
  return await until(read, WAIT_MS, {
    describe: `its log has ${word}`,
    accept: (text) => text.includes(word),
    everyMs: 300,
  });
}

const ENDS_WELL = "trap 'echo told to end; exit 0' TERM; echo begun; while true; do sleep 0.2; done";
const DEAF = "trap 'echo not yet' TERM; echo begun; while true; do sleep 0.2; done";

policies("a cancelled task is told to end, and has its grace; what it writes then is kept", async () => {
  await create("cancelled", { tasks: [task("polite", ENDS_WELL)] });
  await untilWritten("cancelled", "polite", "begun");
  const patch = JSON.stringify({ spec: { cancel: true } });
  await kubectl("patch", "pipeline", "cancelled", "-n", namespace.name, "--type=merge", "-p", patch);
  const ended = await untilEnded("cancelled");
  assert.is(ended.status?.reason, "Cancelled");
  assert.match(await logOf(ended, "told to end"), /^begun\ntold to end/);
});

policies("a run's timeout ends a task that does not listen after its own grace, and its log is kept", async () => {
  await create("overdue", {
    // Time enough for a busy node to start the task.
    timeout: 60,
    tasks: [task("deaf", DEAF, { terminationGracePeriodSeconds: 1 }), task("next", "true", { depends: ["deaf"] })],
  });
  const ended = await untilEnded("overdue");
  assert.is(ended.status?.phase, "TERMINATED");
  assert.is(ended.status?.reason, "RunTimeout");
  assert.is(ended.status?.tasks?.deaf?.reason, "RunTimeout");
  assert.is(ended.status?.tasks?.next?.reason, "NotStarted");
  assert.match(await logOf(ended, "begun"), /^begun/);
  const [from, to] = [ended.status?.startTime, ended.status?.completionTime].map((time) => Date.parse(time ?? ""));
  assert.ok((to ?? 0) - (from ?? 0) >= 60_000, "not before its time");
});

policies("F-21: pendingTimeout ends a task whose image cannot be had, with the kubelet's reason", async () => {
  await create("imageless", { tasks: [task("a", "true", { image: "does.not.exist/nope:1", pendingTimeout: 45 })] });
  const { status } = await untilEnded("imageless");
  assert.is(status?.tasks?.a?.reason, "PendingTimeout");
  assert.match(status?.message ?? "", /did not run within 45s of its creation; last seen: ImagePullBackOff/);
});

policies("a run that is told to stop lets its container finish", async () => {
  await create("stopping", {
    tasks: [
      task("a", "echo begun; until test -e /tmp/go; do sleep 0.2; done; echo done"),
      task("b", "true", { depends: ["a"] }),
    ],
  });
  await untilWritten("stopping", "a", "begun");
  const patch = JSON.stringify({ spec: { stop: true } });
  await kubectl("patch", "pipeline", "stopping", "-n", namespace.name, "--type=merge", "-p", patch);
  await untilRun("stopping", "starts nothing more", (run) => run.status?.tasks?.b?.reason === "NotStarted");
  await kubectl("exec", "stopping--a", "-n", namespace.name, "--", "touch", "/tmp/go");
  const ended = await untilEnded("stopping");
  assert.is(ended.status?.reason, "Stopped");
  assert.is(ended.status?.tasks?.a?.state, "executed");
  assert.match(await logOf(ended, "done"), "begun\ndone");
});

interface Pod {
  metadata: { name: string };
  status?: { phase?: string };
}

policies("no more containers run at a time than the namespace allows, over several runs", async () => {
  const script = "until test -e /tmp/go; do sleep 0.2; done";
  for (const name of ["wide-1", "wide-2"])
    await create(name, { tasks: ["a", "b", "c"].map((each) => task(each, script)) });
  let most = 0;
  const selector = ["-l", "odin.io/pipeline in (wide-1,wide-2)"];
  const look = async (): Promise<Pod[]> => {
    const { items } = JSON.parse(await kubectl("get", "pods", "-n", namespace.name, ...selector, "-o", "json")) as {
      items: Pod[];
    };
    const active = items.filter(({ status }) => status?.phase === "Pending" || status?.phase === "Running");
    most = Math.max(most, active.length);
    return items;
  };
  const having = (pods: readonly Pod[], phase: string): string[] =>
    pods.filter(({ status }) => status?.phase === phase).map(({ metadata }) => metadata.name);
  for (let ended = 0; ended < 6; ended += 2) {
    const pods = await until(look, WAIT_MS, {
      describe: "two containers run",
      accept: (found) => having(found, "Running").length === 2,
      everyMs: 200,
    });
    for (const name of having(pods, "Running"))
      await kubectl("exec", name, "-n", namespace.name, "--", "touch", "/tmp/go");
    await until(look, WAIT_MS, {
      describe: `${ended + 2} have run`,
      accept: (found) => having(found, "Succeeded").length === ended + 2,
      everyMs: 200,
    });
  }
  assert.is((await look()).length, 6);
  assert.is(most, 2);
});
policies.run();
