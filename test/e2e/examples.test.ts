import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, TaskStatus } from "../../crds/generated/types.ts";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { until, within } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import { type OdinProcess, operatorProcess } from "../support/odin-process.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const examples = suite("the examples run on a real node");
let namespace: TemporaryNamespace;
let operator: OdinProcess;

examples.before(async () => {
  namespace = await temporaryNamespace("examples");
  operator = operatorProcess(namespace.name);
});
examples.after(async () => {
  await operator.end("SIGTERM");
  await namespace.remove();
});

function inNamespace(...args: string[]): Promise<string> {
  return kubectl("--namespace", namespace.name, ...args);
}

async function apply(path: string): Promise<void> {
  await inNamespace("apply", "-f", join(ROOT, "examples", path));
}

function untilRun(name: string, describe: string, accept: (run: Pipeline) => boolean): Promise<Pipeline> {
  const look = async (): Promise<Pipeline> => JSON.parse(await inNamespace("get", "pipeline", name, "--output=json"));
  return until(look, 180_000, { describe: `${describe} of ${name}`, accept, everyMs: 500 });
}

/** The run once it has ended. */
function ended(name: string): Promise<Pipeline> {
  return untilRun(name, "end", ({ status }) => status?.completionTime !== undefined);
}

function task(run: Pipeline, name: string): TaskStatus {
  const status = run.status?.tasks?.[name];
  if (status === undefined) throw new Error(`${run.metadata.name} has no task ${name}`);
  return status;
}

examples("sst2 trains, and the task after it finds the model (O-289)", () =>
  within(240_000, async () => {
    await createSharedVolume(testVariable("KUBECONFIG"), namespace.name, "data-rw-many");
    await apply("sst2/job.yaml");
    await apply("sst2/pipeline.yaml");
    const run = await ended("sst2-first");
    assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
    const line = /^held-out accuracy: 0\.\d\d \(n=60\)$/m;
    const trained = line.exec(await inNamespace("logs", "sst2-first--sst2"))?.[0];
    const found = await inNamespace("logs", "sst2-first--after");
    assert.ok(trained !== undefined && found.includes(trained), found);
    assert.match(found, /better than always giving the same answer/);
    const { accuracy, outputs } = JSON.parse(task(run, "sst2").result ?? "{}");
    assert.ok(accuracy > 0.8);
    assert.is(outputs.model, "/data/odin/sst2-first/sst2-first--sst2/model.json");
  }),
);

examples("diamond: the fast branch overtakes the slow one (O-181)", () =>
  within(240_000, async () => {
    // The slow branch takes until the other one has overtaken it, however long pods need to start.
    const slow = "time.sleep(6)";
    const text = await readFile(join(ROOT, "examples/diamond/pipeline.yaml"), "utf8");
    assert.ok(text.includes(slow), "the example has no slow branch");
    const untilGo = "[time.sleep(0.1) for _ in iter(lambda: __import__('os').path.exists('/tmp/go'), True)]";
    await kubectlApply(namespace.name, text.replace(slow, untilGo));
    await untilRun("diamond", "task c2", ({ status }) => status?.tasks?.c2?.state === "executed");
    await inNamespace("exec", "diamond--b", "--", "touch", "/tmp/go");
    const run = await ended("diamond");
    assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
    const times = (name: string): [number, number] => {
      const { startTime, completionTime } = task(run, name);
      return [Date.parse(startTime ?? ""), Date.parse(completionTime ?? "")];
    };
    assert.ok(times("c2")[1] <= times("b")[1], "c2 has ended before b ends");
    assert.ok(times("d")[0] >= times("b")[1], "d starts after b has ended");
  }),
);

examples("fan: eight results are added up without a volume (O-151, O-205)", () =>
  within(240_000, async () => {
    await apply("fan/pipeline.yaml");
    const run = await ended("fan");
    assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
    assert.is(await inNamespace("logs", "fan--join"), "all parts make 500500\n");
  }),
);

examples("failing: the sibling finishes, the dependent never starts (O-183)", () =>
  within(240_000, async () => {
    await apply("failing/pipeline.yaml");
    const run = await ended("failing");
    assert.is(run.status?.phase, "TERMINATED", JSON.stringify(run.status));
    assert.match(run.status?.message ?? "", /^task bad: /);
    assert.is(task(run, "bad").exitCode, 3);
    assert.is(task(run, "bad").state, "terminated");
    assert.is(task(run, "beside").state, "executed");
    assert.is(task(run, "never").state, "waiting");
    assert.is(task(run, "never").reason, "NotStarted");
    await inNamespace("wait", "--for=condition=Failed", "pipeline/failing", "--timeout=60s");
  }),
);

examples.run();
