// timeout: 1200
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LEASE } from "../../../kube/lease.ts";
import { objectPath } from "../../../kube/resource.ts";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { podsCreatedTwice } from "../../support/lease-oracle.ts";
import { stopProcess } from "../../support/stop-process.ts";
import { FaultProxy } from "../kube/fault-proxy.ts";
import { Replicas } from "./replica-stage.ts";

const WAIT_MS = 300_000;
/** Twice the default: on a busy machine a process may not get to renew a shorter one. */
const LEASE_SECONDS = 30;
/** Runs of a case, and how many are done when something happens: the others are in the middle. */
const RUNS = 60;
const SOME = 10;

const replicas = suite("replicas");
let pair: Replicas | undefined;
replicas.before(async () => {
  pair = await Replicas.open(1, LEASE_SECONDS);
});
replicas.after.each(async () => {
  // In order, so that nobody has to wait until the lease of one that is gone has run out.
  await pair?.endAll();
});
replicas.after(async () => {
  await pair?.close();
});

function stage(): Replicas {
  if (pair === undefined) throw new Error("the namespace could not be made");
  return pair;
}

replicas("F-41, P-6: SIGTERM hands over at once, in the middle of the work; nothing is lost or doubled", async () => {
  const first = await stage().start("first");
  await Promise.all([stage().start("second", false), stage().create("term", RUNS)]);
  await stage().untilPhase("term", "DONE", SOME);
  const asked = performance.now();
  const code = first.end("SIGTERM");
  await until(() => stage().holder(), WAIT_MS, { describe: "the other leads", accept: (now) => now === "second" });
  console.log(`handed over after ${Math.round(performance.now() - asked)} ms`);
  assert.is(await code, 0, first.output.slice(-2_000));
  await stage().untilPhase("term", "DONE", RUNS);
});

replicas(
  "F-6, P-6: a leader that is killed is replaced when its lease has run out, by one whose caches are warm",
  async () => {
    const first = await stage().start("killed");
    const [second] = await Promise.all([stage().start("warm", false), stage().create("kill", RUNS)]);
    await stage().untilPhase("kill", "DONE", SOME);
    const killed = performance.now();
    await first.end("SIGKILL");
    await second.untilSaid("running as leader");
    console.log(`took over after ${Math.round(performance.now() - killed)} ms with a lease of ${LEASE_SECONDS} s`);
    await stage().untilPhase("kill", "DONE", RUNS);
  },
);

replicas("P-6: a restart under the same name waits for nothing", async () => {
  const before = await stage().start("same");
  await stage().create("again", RUNS);
  await stage().untilPhase("again", "DONE", SOME);
  const killed = performance.now();
  await before.end("SIGKILL");
  await stage().start("same");
  console.log(`worked again after ${Math.round(performance.now() - killed)} ms, with the start of the process`);
  await stage().untilPhase("again", "DONE", RUNS);
});

/** All that has happened since the start is judged here and in the next case: the log is read once for what several have done. */
replicas("F-33, I-8: a leader that stands still past its lease writes nothing when it goes on, and ends", async () => {
  const paused = await stage().start("paused");
  const [other] = await Promise.all([stage().start("other", false), stage().create("pause", RUNS)]);
  await stage().untilPhase("pause", "DONE", SOME);
  await stopProcess(paused.pid);
  await other.untilSaid("running as leader");
  await stage().untilPhase("pause", "DONE", RUNS);
  await stage().create("late", 20);
  process.kill(paused.pid, "SIGCONT");
  await until(() => !paused.running, WAIT_MS, { describe: "the paused leader ends" });
  assert.is(await paused.end("SIGKILL"), 1, paused.output.slice(-2_000));
  await until(() => paused.output, WAIT_MS, {
    describe: "what it said last has come",
    accept: (output) => output.includes("another process works now"),
  });
  await stage().untilPhase("late", "DONE", 20);
  await stage().judge();
});

replicas(
  "F-34, I-8: a leader that is cut off from the API server is replaced, ends by itself, and nothing is written twice",
  async () => {
    const proxy = await FaultProxy.start();
    const directory = mkdtempSync(join(tmpdir(), "odin-cut-"));
    try {
      const config = new KubeConfig();
      config.loadFromOptions({
        clusters: [{ name: "proxy", server: proxy.url }],
        users: [{ name: "proxy" }],
        contexts: [{ name: "cut", cluster: "proxy", user: "proxy" }],
        currentContext: "cut",
      });
      const file = join(directory, "kubeconfig");
      writeFileSync(file, config.exportConfig());
      const cut = await stage().start("cut", true, { KUBECONFIG: file });
      const [whole] = await Promise.all([stage().start("whole", false), stage().create("cut", RUNS)]);
      await stage().untilPhase("cut", "DONE", SOME);
      proxy.decide = () => ({ kind: "hang" });
      proxy.stallWatches();
      await whole.untilSaid("running as leader");
      await until(() => !cut.running, WAIT_MS, { describe: "the one that is cut off ends" });
      assert.is(await cut.end("SIGKILL"), 1, cut.output.slice(-2_000));
      await stage().untilPhase("cut", "DONE", RUNS);
      await stage().judge();
    } finally {
      await proxy.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

replicas("F-34, F-35: a lease that is stolen or deleted ends its holder, and another one goes on", async () => {
  const robbed = await stage().start("robbed");
  await stage().create("steal", 30);
  const path = objectPath(LEASE, stage().namespace, "odin-operator");
  const now = new Date().toISOString().replace("Z", "000Z");
  await stage().client.patch(path, "merge", {
    metadata: { annotations: { "holder-instance": "thief" } },
    spec: { holderIdentity: "thief", renewTime: now, leaseDurationSeconds: 1 },
  });
  await until(() => !robbed.running, WAIT_MS, { describe: "the robbed leader ends" });
  assert.is(await robbed.end("SIGKILL"), 1);
  const second = await stage().start("second-holder");
  await stage().client.delete(path);
  await until(() => !second.running, WAIT_MS, { describe: "the holder of the deleted lease ends" });
  assert.is(await second.end("SIGKILL"), 1);
  await stage().start("third-holder");
  await stage().untilPhase("steal", "DONE", 30);
  assert.equal(podsCreatedTwice(await auditedRequests(stage().namespace)), []);
});

replicas.run();
