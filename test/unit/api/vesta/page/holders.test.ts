import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { CachedPod } from "../../../../../api/cache/pod.ts";
import { type HoldersParts, holdingsOf } from "../../../../../api/vesta/page/holders.ts";
import { gpu, host, payload, THEN_MS } from "./page-stage.ts";

const test = suite("vesta: holders of GPUs");
const MINUTE_MS = 60_000;

function pod(name: string, runName: string, task: string): CachedPod {
  const metadata = { name, uid: name, resourceVersion: "1" };
  return {
    metadata,
    runUid: "u",
    runName,
    task,
    attempt: 1,
    container: "main",
    scheduled: true,
    started: true,
    ended: false,
  };
}
const PODS = new Map([
  ["train-0", pod("train-0", "sst2-4k2m", "train")],
  ["train-1", pod("train-1", "sst2-4k2m", "train")],
  ["eval", pod("eval", "sst2-9", "evaluate")],
]);
const process = (name: string, user = "odin") => ({ pid: "N/A", name, user, used_memory: 1 });
const of = (more: Partial<HoldersParts>, ...given: Parameters<typeof host>) =>
  holdingsOf({
    pods: { pod: (name) => PODS.get(name) },
    namespace: "odin",
    idleSinceMs: () => undefined,
    idleMinutes: 10,
    ...more,
  })(host(...given));

test("V-54: the runs and tasks of the pods that hold a GPU, each once; pods of others and of other namespaces are none", () => {
  const shared = gpu(0, { processes: [process("train-0/main"), process("train-1/main"), process("eval/main")] });
  const foreign = gpu(1, { processes: [process("train-0/main", "elsewhere"), process("other/main")] });
  assert.equal(of({}, "a", { payload: payload(shared, foreign) }), {
    "gpu:0": {
      tasks: [
        { run: "sst2-4k2m", task: "train" },
        { run: "sst2-9", task: "evaluate" },
      ],
    },
  });
});

test("V-54: of a machine that sends nothing is claimed, whatever its processes are called", () => {
  const data = payload(gpu(0, { processes: [process("train-0/main")] }));
  assert.equal(of({ idleSinceMs: () => 0 }, "a", { source: "sender", payload: data }), {});
  assert.equal(of({}, "a", { payload: null }), {});
});

test("V-54: idle from so many minutes on, up to the reading that is shown; unknown is never idle", () => {
  const idle = (minutes: number) => of({ idleSinceMs: () => THEN_MS - minutes * MINUTE_MS }, "a");
  assert.equal(idle(9.99), {});
  assert.equal(idle(10), { "gpu:0": { tasks: [], idleMinutes: 10 } });
  assert.equal(idle(75.5), { "gpu:0": { tasks: [], idleMinutes: 75 } });
  assert.equal(of({ idleSinceMs: () => undefined }, "a"), {});
  assert.equal(of({ idleMinutes: 0, idleSinceMs: () => THEN_MS }, "a"), { "gpu:0": { tasks: [], idleMinutes: 0 } });
});

test("V-54: each GPU is looked up by its UUID as shown", () => {
  const asked: string[] = [];
  of({ idleSinceMs: (_host, uuid) => void asked.push(uuid) }, "a", {
    payload: payload(gpu(0, { uuid: "GPU-1/3" }), gpu(1)),
  });
  assert.equal(asked, ["GPU-1/3", "GPU-1"]);
});

test.run();
