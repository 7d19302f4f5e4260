import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, PipelineStatus } from "../../../crds/generated/types.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { KubeError } from "../../../kube/errors.ts";
import { writeStatus, writeTooLarge } from "../../../operator/act/status.ts";
import type { ObservedObject } from "../../../operator/decide/run.ts";

const write = suite("status writes that are too large");
const TIME = "2026-01-01T00:00:00.000Z";

function runOf(status?: PipelineStatus): Pipeline {
  const metadata = { name: "run", namespace: "n", uid: "u", resourceVersion: "7" };
  return {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata,
    spec: {},
    ...(status === undefined ? {} : { status }),
  };
}

/** A server that refuses what is larger than a bound, as etcd does. */
function clientOf(most: number): { client: KubeClient; bodies: string[] } {
  const bodies: string[] = [];
  const patch = async (_path: string, _kind: string, body: Buffer): Promise<unknown> => {
    bodies.push(String(body));
    if (body.length > most)
      throw new KubeError({ category: "tooLarge", code: 500, reason: "", message: "etcdserver: request is too large" });
    return { metadata: { name: "run", namespace: "n", uid: "u", resourceVersion: "8" } };
  };
  return { client: { patch, clock: { now: () => TIME } } as unknown as KubeClient, bodies };
}

for (const before of [undefined, { phase: "RUNNING" as const, progress: "0/1", writes: 3 }]) {
  write(
    `F-26, F-27: one small write ends the run instead, ${before ? "over an old status" : "as the first status"}`,
    async () => {
      const { client, bodies } = clientOf(1000);
      const after: PipelineStatus = { phase: "RUNNING", message: "x".repeat(2000) };
      assert.is((await writeStatus(client, runOf(before), after)).kind, "tooLarge");
      const result = await writeTooLarge(client, runOf(before), []);
      assert.is(result.kind, "written");
      assert.is(bodies.length, 2, "the large one is not repeated");
      assert.ok((bodies[1]?.length ?? 0) < 800, `${bodies[1]?.length} bytes`);
      if (result.kind !== "written") return;
      const { phase, reason, conditions, completionTime } = result.object.status ?? {};
      assert.equal([phase, reason, completionTime], ["TERMINATED", "StatusTooLarge", TIME]);
      assert.equal(
        conditions?.map(({ type, status }) => [type, status]),
        [["Failed", "True"]],
      );
    },
  );
}

/** A run with tasks of each sort, and what is there of them when its status is refused. */
const LONG = "x".repeat(200);
const RUNNING: PipelineStatus = {
  phase: "RUNNING",
  progress: "1/7",
  counts: { total: 7, waiting: 2, executing: 4, executed: 1, terminated: 0 },
  tasks: {
    before: { state: "executed", attempt: 1, pod: "before", result: `{"a":"${LONG}"}` },
    done: { state: "executing", attempt: 1, pod: "done", reason: "ImagePullBackOff", message: LONG },
    failed: { state: "executing", attempt: 1, pod: "failed" },
    runs: { state: "executing", attempt: 1, pod: "runs" },
    gone: { state: "executing", attempt: 1, pod: "gone", message: LONG },
    again: { state: "waiting", attempt: 1, pod: "again", reason: "Retrying", retryTime: TIME, message: LONG },
    never: { state: "waiting", reason: "Dependencies", message: LONG },
  },
  writes: 3,
};

function podOf(task: string, more: Partial<ObservedObject> = {}): ObservedObject {
  const fresh = { resource: POD, name: task, uid: task, attempt: 1, createdAt: TIME, deleting: false, gone: false };
  return { ...fresh, task, phase: "Running", ...more };
}

const PODS = [
  podOf("done", { phase: "Succeeded", ended: { at: TIME, exitCode: 0, terminationMessage: LONG } }),
  podOf("failed", { phase: "Failed", ended: { at: TIME, exitCode: 3, reason: "Error" } }),
  podOf("runs"),
  podOf("again", { phase: "Failed", ended: { at: TIME, exitCode: 3, reason: "Error" } }),
];

write("F-27, I-3, I-6: what became of each task is told, in no more bytes than were there", async () => {
  const { client, bodies } = clientOf(5000);
  const result = await writeTooLarge(client, runOf(RUNNING), PODS);
  assert.is(bodies.length, 1);
  if (result.kind !== "written") return assert.unreachable(result.kind);
  const { status } = result.object;
  const said = Object.entries(status?.tasks ?? {}).map(([name, { state, reason }]) => `${name} ${state} ${reason}`);
  assert.equal(said, [
    "before executed undefined",
    "done executed undefined",
    "failed terminated Error",
    "runs terminated StatusTooLarge",
    "gone terminated StatusTooLarge",
    "again terminated NotRetried",
    "never waiting NotStarted",
  ]);
  assert.equal(status?.counts, { total: 7, waiting: 1, executing: 0, executed: 2, terminated: 4 });
  assert.equal(status?.tasks?.before, RUNNING.tasks?.before, "what has ended stays as it is");
  assert.is(status?.tasks?.failed?.exitCode, 3);
  assert.ok(JSON.stringify(status?.tasks).length < JSON.stringify(RUNNING.tasks).length);
  assert.is(status?.progress, "2/7");
});

write("F-27: where that is too much as well, a small write says that the records are old", async () => {
  const { client, bodies } = clientOf(1000);
  const result = await writeTooLarge(client, runOf(RUNNING), PODS);
  assert.is(bodies.length, 2);
  if (result.kind !== "written") return assert.unreachable(result.kind);
  assert.equal(result.object.status?.tasks, RUNNING.tasks);
  assert.match(result.object.status?.message ?? "", "what they call executing was stopped");
});
write.run();
