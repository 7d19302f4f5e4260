import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { podName } from "../../../crds/names.ts";
import { JOB } from "../../../crds/resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { objectPath } from "../../../kube/resource.ts";
import { openStore, type Store } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { FakeKubelet } from "../../support/fake-kubelet.ts";
import { kubectlApply } from "../../support/kubectl.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { Stage, task } from "./stage.ts";

const expiry = suite("deletion of ended runs");
let stage: Stage;
let storing: Stage;
let place: TemporaryDirectory;
let store: Store;
let kubelet: FakeKubelet;
expiry.before(async () => {
  try {
    stage = await Stage.open();
    place = await temporaryDirectory();
    const file = join(place.path, "store.db");
    store = openStore(file);
    storing = await Stage.open({}, file, { runRetentionDays: 30 });
    kubelet = await FakeKubelet.start(storing.client);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
expiry.after(async () => {
  await kubelet?.stop();
  await stage?.close();
  await storing?.close();
  await store?.close();
  await place?.remove();
});

async function end(
  name: string,
  spec: Partial<Pipeline["spec"]>,
  how: "succeed" | "fail" = "succeed",
): Promise<Pipeline> {
  await stage.create(name, { ...(spec.job === undefined ? { tasks: [task("a")] } : {}), ...spec });
  if (how === "succeed") await stage.succeed(name, "a");
  else await stage.fail(name, "a", 1);
  return await stage.untilPhase(name, how === "succeed" ? "DONE" : "TERMINATED");
}

async function untilGone(from: Stage, name: string): Promise<void> {
  await until(
    async () => {
      try {
        await from.get(name);
        return false;
      } catch (error) {
        if (isKubeError(error, "notFound")) return true;
        throw error;
      }
    },
    180_000,
    { describe: `run ${name} is deleted` },
  );
}

async function applyJob(name: string, spec: Record<string, unknown>): Promise<void> {
  const job = { apiVersion: "odin.io/v1", kind: "Job", metadata: { name }, spec: { tasks: [task("a")], ...spec } };
  await kubectlApply(stage.namespace, job);
}

expiry("ttlSecondsAfterFinished: an ended run is deleted, its pods with it, and one without it stays", async () => {
  await end("stays", {});
  await stage.create("goes", { ttlSecondsAfterFinished: 0, tasks: [task("a")] });
  await stage.succeed("goes", "a");
  await untilGone(stage, "goes");
  await until(async () => (await stage.pods("goes")).length === 0, 90_000, { describe: "its pods are gone" });
  assert.is((await stage.get("stays")).status?.phase, "DONE");
  await stage.control("stays", { ttlSecondsAfterFinished: 1 });
  await untilGone(stage, "stays");
});

expiry("ttlSecondsAfterFinished of a Job holds for its runs, and a restart in between changes nothing", async () => {
  await applyJob("short", { ttlSecondsAfterFinished: 3600 });
  await end("short-1", { job: "short" });
  await end("short-2", { job: "short", ttlSecondsAfterFinished: 7200 });
  await stage.stopOperator();
  await stage.client.patch(objectPath(JOB, stage.namespace, "short"), "merge", {
    spec: { ttlSecondsAfterFinished: 0 },
  });
  await stage.startOperator();
  await untilGone(stage, "short-1");
  assert.is((await stage.get("short-2")).status?.phase, "DONE");
});

expiry("history limits keep the newest runs of each outcome", async () => {
  await applyJob("history", { successfulRunsHistoryLimit: 1, failedRunsHistoryLimit: 0 });
  await end("h1", { job: "history" });
  await end("h2", { job: "history" });
  await untilGone(stage, "h1");
  await stage.create("h3", { job: "history" });
  await stage.fail("h3", "a", 1);
  await untilGone(stage, "h3");
  assert.is((await stage.get("h2")).status?.phase, "DONE");
});

expiry("F-36: a run whose log cannot be read yet is not deleted; its log and its history outlive it", async () => {
  await storing.create("logged", { ttlSecondsAfterFinished: 0, tasks: [task("a")] });
  await storing.pod("logged", "a");
  const pod = podName("logged", "a", 1);
  await kubelet.bind(storing.namespace, pod);
  kubelet.write(pod, "what was printed\n");
  kubelet.refuse(pod, { status: 500, text: "the runtime is not running" });
  await storing.succeed("logged", "a");
  const { metadata } = await storing.untilPhase("logged", "DONE");
  await until(() => kubelet.askedFor(pod) > 0, 90_000, { describe: "its log is asked for" });
  await until(async () => (await store.runs.known([metadata.uid])).size > 0, 90_000, { describe: "the run is stored" });
  assert.is((await storing.get("logged")).metadata.uid, metadata.uid, "the log is not stored yet");
  kubelet.refuse(pod, undefined);
  kubelet.end(pod);
  await untilGone(storing, "logged");
  const [entry] = await store.logs.ofRun(metadata.uid);
  assert.is(entry?.run, "logged");
  assert.is((await store.runs.byUid(metadata.uid))?.name, "logged");
});

expiry("admission refuses a time or a limit below zero, and a Job's limits on a Pipeline", async () => {
  const refused = async (spec: Record<string, unknown>, message: RegExp): Promise<void> => {
    try {
      const pipeline = {
        apiVersion: "odin.io/v1",
        kind: "Pipeline",
        metadata: { name: "bad" },
        spec: { tasks: [], ...spec },
      };
      await kubectlApply(stage.namespace, pipeline);
      assert.unreachable("it was accepted");
    } catch (error) {
      assert.match(String(error), message);
    }
  };
  await refused({ ttlSecondsAfterFinished: -1 }, /ttlSecondsAfterFinished.*greater than or equal to 0/);
  await refused({ parallelRuns: 1 }, /unknown field "spec.parallelRuns"/);
});
expiry.run();
