import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { JOB, PIPELINE } from "../../../crds/resources.ts";
import { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { type OdinProcess, operatorProcess } from "../../support/odin-process.ts";
import { randomSource } from "../../support/random.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { kubeConfig } from "../api/facade-stage.ts";
import { task } from "./stage.ts";

const WAIT_MS = 200_000;
const RUNS = 14;
const KILLS = 3;
const MOST_RUNS = 2;
const MOST_TASKS = 3;

type Pod = KubeObject & { status?: { phase?: string } };

const killed = suite("limits under an operator that is killed");
let namespace: TemporaryNamespace;
let client: KubeClient;
let operator: OdinProcess | undefined;
killed.before(async () => {
  namespace = await temporaryNamespace("limits-killed");
  client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
});
killed.after(async () => {
  await operator?.end("SIGKILL");
  client.close();
  await namespace.remove();
});

killed(
  "O-187: however often it is killed, no limit is exceeded, nobody waits for ever, and no task runs twice",
  async () => {
    const random = randomSource(5);
    const exceeded: string[] = [];
    const start = async (): Promise<void> => {
      operator = operatorProcess(namespace.name, { ODIN_NAMESPACE_PARALLELISM: String(MOST_TASKS) });
      await operator.untilSaid("operator running");
    };
    const livePods = async (): Promise<Pod[]> => {
      const { items } = await client.listAll<Pod>(collectionPath(POD, namespace.name));
      const live = items.filter(({ status }) => status?.phase !== "Succeeded");
      if (live.length > MOST_TASKS) exceeded.push(`${live.length} tasks at a time`);
      return live;
    };
    const endOne = async (): Promise<void> => {
      const live = await livePods();
      if (live.length === 0) return;
      const now = new Date().toISOString();
      const terminated = { exitCode: 0, reason: "Completed", startedAt: now, finishedAt: now };
      const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } };
      const path = objectPath(POD, namespace.name, random.pick(live).metadata.name, "status");
      await client.patch(path, "strategic", { status: { phase: "Succeeded", containerStatuses: [container] } });
    };
    const runs = async (): Promise<Pipeline[]> => {
      const { items } = await client.listAll<Pipeline & KubeObject>(collectionPath(PIPELINE, namespace.name));
      const going = items.filter(({ status }) => status?.phase === "RUNNING").map(({ metadata }) => metadata.name);
      if (going.length > MOST_RUNS) exceeded.push(`${going} go at a time`);
      return items;
    };
    const kind = { apiVersion: "odin.io/v1" };
    const tasks = [task("a"), task("b"), task("c", { depends: ["a"] })];
    const spec = { tasks, parallelRuns: MOST_RUNS };
    await client.create(collectionPath(JOB, namespace.name), { ...kind, kind: "Job", metadata: { name: "job" }, spec });
    for (let n = 0; n < RUNS; n++) {
      const run = {
        ...kind,
        kind: "Pipeline",
        metadata: { name: `r${n}` },
        spec: { job: "job", priority: random.integer(0, 1) },
      };
      await client.create(collectionPath(PIPELINE, namespace.name), run);
    }
    for (let kill = 0; kill < KILLS; kill++) {
      await start();
      const enough = random.integer(3, 8);
      let ended = 0;
      const look = async (): Promise<boolean> => {
        await runs();
        await endOne();
        return ++ended > enough;
      };
      await until(look, WAIT_MS, { describe: "some tasks end", everyMs: 100 });
      await operator?.end("SIGKILL");
      await endOne();
    }
    await start();
    const look = async (): Promise<Pipeline[]> => {
      await endOne();
      return await runs();
    };
    const ended = await until(look, WAIT_MS, {
      describe: "all runs end",
      accept: (items) => items.every(({ status }) => status?.phase === "DONE"),
      everyMs: 50,
    });
    assert.equal(exceeded, []);
    assert.is(ended.length, RUNS);
    const { items } = await client.listAll<Pod>(collectionPath(POD, namespace.name));
    assert.is(items.length, RUNS * tasks.length, "one pod for each task");
  },
);
killed.run();
