import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, kubectlApply } from "../../support/kubectl.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { stopProcess } from "../../support/stop-process.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";

/** A lease lasts 15 s; a machine under load may need far more than that to see it end, and to start who waits for it. */
const TAKE_OVER_MS = 180_000;

const leader = suite("leader election");
let namespace: TemporaryNamespace;
const processes: OdinProcess[] = [];
leader.before(async () => {
  namespace = await temporaryNamespace("leader");
});
leader.after(async () => {
  for (const process of processes) await process.end("SIGKILL");
  await namespace?.remove();
});

function start(identity: string): OdinProcess {
  const started = new OdinProcess("operator", {
    ODIN_NAMESPACE: namespace.name,
    ODIN_LEASE_NAMESPACE: namespace.name,
    ODIN_IDENTITY: identity,
    ODIN_INSTALL_CRDS: "false",
  });
  processes.push(started);
  return started;
}

async function create(name: string): Promise<void> {
  const tasks = [{ name: "a", image: "i", command: ["c"] }];
  await kubectlApply(namespace.name, {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name },
    spec: { tasks },
  });
}

async function untilExecuting(name: string): Promise<void> {
  const look = async (): Promise<Pipeline> =>
    JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json"));
  await until(look, TAKE_OVER_MS, {
    describe: `${name} executes`,
    accept: (run) => run.status?.tasks?.a?.state === "executing",
    everyMs: 300,
  });
}

function holder(): Promise<string> {
  return kubectl("get", "lease", "odin-operator", "-n", namespace.name, "-o", "jsonpath={.spec.holderIdentity}");
}

leader("F-33, F-34: one of two works; when it is killed the other takes over within its lease", async () => {
  const first = start("first");
  await first.untilSaid("running as leader");
  const second = start("second");
  await create("one");
  await untilExecuting("one");
  assert.is(await holder(), "first");
  await first.end("SIGKILL");
  await create("two");
  await untilExecuting("two");
  assert.is(await holder(), "second");
  assert.is(await second.end("SIGTERM"), 0, second.output.slice(-2000));
  assert.is(await holder(), "", "the lease is given back at the end");
});

leader("F-33: a leader that was paused past its lease writes nothing more and ends", async () => {
  const paused = start("paused");
  await paused.untilSaid("running as leader");
  await stopProcess(paused.pid);
  const other = start("other");
  await create("three");
  await untilExecuting("three");
  const before = (await auditedRequests(namespace.name)).length;
  await create("four");
  process.kill(paused.pid, "SIGCONT");
  await untilExecuting("four");
  await until(() => !paused.running, TAKE_OVER_MS, { describe: "the paused leader ends" });
  assert.is(await paused.end("SIGKILL"), 1, paused.output.slice(-2000));
  const creations = (await auditedRequests(namespace.name))
    .slice(before)
    .filter(({ verb, resource }) => verb === "create" && resource === "pods");
  assert.is(creations.length, 1, JSON.stringify(creations));
  await other.end("SIGTERM");
});

leader("a restart under the same name goes on at once", async () => {
  const before = start("same");
  await before.untilSaid("running as leader");
  await before.end("SIGKILL");
  const after = start("same");
  await after.untilSaid("running as leader");
  assert.is(await after.end("SIGTERM"), 0);
});
leader.run();
