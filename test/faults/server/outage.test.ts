// timeout: 600, on demand
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { applyDefinitions } from "../../runner/environments.ts";
import { ROOT } from "../../support/documents.ts";
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
outage.run();
