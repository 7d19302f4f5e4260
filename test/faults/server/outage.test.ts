// timeout: 600, on demand
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { applyDefinitions } from "../../runner/environments.ts";
import { until } from "../../support/deadline.ts";
import { ROOT } from "../../support/documents.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { OwnApiServer } from "../../support/own-api-server.ts";
import { chain, type Ground, task } from "../ground.ts";
import { faultCase, isLong } from "../row.ts";

// This file has an API server of its own, because it kills it and makes its etcd forget.

const AWAY_MS = isLong ? 60_000 : 8_000;

const outage = suite("API server away");
let server: OwnApiServer;
outage.before(async () => {
  try {
    server = await OwnApiServer.start({ auditLog: "bodies", controllerManager: true });
    await applyDefinitions(ROOT, server.plane);
    process.env.KUBECONFIG = server.plane.kubeconfig;
    process.env.ODIN_TEST_AUDIT_LOG = server.plane.auditLog;
  } catch (error) {
    // uvu says nothing about a hook that throws.
    console.error(error);
    throw error;
  }
});
outage.after(async () => {
  await server.remove();
});

const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** Kills the server, does what is to happen meanwhile, and starts it again. */
async function without(ground: Ground, meanwhile: () => Promise<void>): Promise<void> {
  const argv = await server.kill();
  await meanwhile();
  await server.restart(argv, () => ground.client.get(`/api/v1/namespaces/${ground.namespace}`));
}

faultCase(outage, "F-1", "killed and started again while a run is under way", async (ground) => {
  const { process: operator, proxy } = await ground.start();
  ground.node.direct = ({ metadata }) => (metadata.name.endsWith("t1") ? "run" : "succeed");
  await ground.create("run", chain(4));
  await ground.untilRun("run", "is at t1", ({ status }) => status?.tasks?.t1?.state === "executing");
  const before = proxy.requests.length;
  await without(ground, () => pause(AWAY_MS));
  assert.ok(operator.running, "the operator did not end");
  const tries = proxy.requests.length - before;
  assert.ok(tries < 40 + AWAY_MS / 200, `${tries} requests while nobody answered`);
  await ground.node.set("run--t1", "succeed");
  await ground.untilEnded("run");
});

faultCase(outage, "F-1", "a pod that ends while the server is away is seen afterwards", async (ground) => {
  await ground.start();
  ground.node.direct = () => "run";
  await ground.create("run", chain(2));
  await ground.untilRun("run", "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
  await without(ground, () => pause(500));
  ground.node.direct = () => "succeed";
  await ground.node.set("run--t0", "succeed");
  await ground.untilEnded("run");
});

faultCase(outage, "F-2", "history is compacted while the operator is cut off, and a pod is deleted", async (ground) => {
  const { proxy } = await ground.start();
  ground.node.direct = () => "run";
  await ground.create("kept", [task("a"), task("b", "a")]);
  await ground.create("gone", [task("a")]);
  for (const run of ["kept", "gone"]) {
    await ground.untilRun(run, "runs", ({ status }) => status?.tasks?.a?.state === "executing");
  }
  await proxy.shut();
  ground.node.direct = () => "succeed";
  await ground.node.set("kept--a", "succeed");
  await ground.delete("gone");
  await server.compact();
  await proxy.open();
  await ground.untilEnded("kept");
});
/** The definition of Pipelines as a later release may have it, with fields that this one does not know. */
async function nextVersion(): Promise<object> {
  const text = await readFile(join(ROOT, "crds/generated/pipelines.odin.io.yaml"), "utf8");
  const definition = parse(text) as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: Record<string, { properties: object }> } } }[] };
  };
  const schema = definition.spec.versions[0]?.schema.openAPIV3Schema.properties;
  assert.ok(schema?.status !== undefined && schema.spec !== undefined);
  Object.assign(schema.spec.properties, { laterSetting: { type: "string" } });
  Object.assign(schema.status.properties, { laterField: { type: "string" } });
  return definition;
}

faultCase(outage, "F-30", "a later version of the definition is applied, and its fields are used", async (ground) => {
  await ground.start();
  ground.node.direct = () => "run";
  await ground.create("before", chain(2));
  await ground.untilRun("before", "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
  await kubectlApply(undefined, await nextVersion());
  const create = () => ground.create("after", chain(2), { laterSetting: "kept" } as Partial<Pipeline["spec"]>);
  const later = (run: Pipeline) => run.spec as { laterSetting?: string };
  // Until the new schema is in force the server drops what it does not know.
  const made = async (): Promise<Pipeline> => {
    const run = await create();
    if (later(run).laterSetting === undefined) await ground.delete("after");
    return run;
  };
  await until(made, 60_000, {
    describe: "the schema is in force",
    accept: (run) => later(run).laterSetting === "kept",
  });
  const path = objectPath(PIPELINE, ground.namespace, "after", "status");
  await ground.client.patch(path, "merge", { status: { laterField: "kept" } });
  ground.node.direct = () => "succeed";
  for (const run of ["before", "after"]) {
    await ground.untilPod(`${run}--t0`);
    await ground.node.set(`${run}--t0`, "succeed");
    await ground.untilEnded(run);
  }
  const run = await ground.get("after");
  assert.is(later(run).laterSetting, "kept");
  assert.is((run.status as { laterField?: string }).laterField, "kept", "our writes leave it alone");
});

faultCase(outage, "F-30", "the definitions are deleted, and applied again", async (ground) => {
  ground.allowance.writes = 8;
  const { process, proxy } = await ground.start();
  ground.node.direct = () => "run";
  await ground.create("lost", chain(2));
  await ground.untilRun("lost", "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
  await kubectl("delete", "crd", "pipelines.odin.io", "jobs.odin.io");
  const before = proxy.requests.length;
  await pause(5_000);
  assert.ok(proxy.requests.length - before < 100, `${proxy.requests.length - before} requests in 5 s`);
  assert.ok(process.running);
  await applyDefinitions(ROOT, server.plane);
  ground.node.direct = () => "succeed";
  await ground.create("found", chain(2));
  await ground.untilEnded("found");
});
outage.run();
