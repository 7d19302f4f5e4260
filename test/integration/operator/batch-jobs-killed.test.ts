import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { type OdinProcess, operatorProcess } from "../../support/odin-process.ts";
import { randomSource } from "../../support/random.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { kubeConfig } from "../api/facade-stage.ts";
import { task } from "./stage.ts";

const WAIT_MS = 240_000;
const TASKS = 8;
const KILLS = 6;

const killed = suite("Jobs under an operator that is killed");
let namespace: TemporaryNamespace;
let client: KubeClient;
let operator: OdinProcess | undefined;
killed.before(async () => {
  namespace = await temporaryNamespace("jobs-killed");
  client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
});
killed.after(async () => {
  await operator?.end("SIGKILL");
  client.close();
  await namespace.remove();
});

/** Ends every pod that is there, as a kubelet would in time. */
async function endPods(): Promise<void> {
  const { items } = await client.listAll<KubeObject & { status?: { phase?: string } }>(
    collectionPath(POD, namespace.name),
  );
  const now = new Date().toISOString();
  const terminated = { exitCode: 0, reason: "Completed", startedAt: now, finishedAt: now };
  const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } };
  const status = { phase: "Succeeded", containerStatuses: [container] };
  for (const { metadata, status: seen } of items) {
    if (seen?.phase === "Succeeded") continue;
    await client.patch(objectPath(POD, namespace.name, metadata.name, "status"), "strategic", { status });
  }
}

killed("O-187: however often it is killed, every task gets one Job, and the run ends", async () => {
  const random = randomSource(11);
  const kind = { resourceType: "Job" as const };
  const tasks = Array.from({ length: TASKS }, (_, i) =>
    task(`t${i}`, i % 2 ? { ...kind, depends: [`t${i - 1}`] } : kind),
  );
  await client.create(collectionPath(PIPELINE, namespace.name), {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name: "run" },
    spec: { tasks },
  });
  for (let kill = 0; kill < KILLS; kill++) {
    operator = operatorProcess(namespace.name);
    await operator.untilSaid("operator running");
    await new Promise((done) => setTimeout(done, random.integer(0, 400)));
    await operator.end("SIGKILL");
    await endPods();
  }
  operator = operatorProcess(namespace.name);
  const path = objectPath(PIPELINE, namespace.name, "run");
  const look = async (): Promise<Pipeline> => {
    await endPods();
    return await client.get<Pipeline>(path);
  };
  const run = await until(look, WAIT_MS, {
    describe: "the run ends",
    accept: ({ status }) => status?.completionTime !== undefined,
    everyMs: 200,
  });
  assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
  const requests = await auditedRequests(namespace.name);
  const made = requests.filter(
    ({ verb, resource, userAgent }) =>
      verb === "create" && resource === "jobs" && userAgent.startsWith("odin-operator"),
  );
  assert.ok(made.length >= TASKS, `${made.length} requests`);
  // The API server refuses a second Job of a name; that none was made again after the first had gone is what the pods tell.
  const { items } = await client.listAll<KubeObject>(collectionPath(POD, namespace.name));
  assert.is(items.length, TASKS, items.map(({ metadata }) => metadata.name).join(" "));
});
killed.run();
