import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Cleaner, cleanUp } from "../../../../api/odin/cleanup.ts";
import type { Pipeline, PipelineSpec } from "../../../../crds/generated/types.ts";
import type { KubeClient } from "../../../../kube/client.ts";
import { type ErrorCategory, KubeError } from "../../../../kube/errors.ts";
import { silentLogger } from "../../../../kube/logger.ts";
import { RUN_ID, RUNNING, SampleView, samplePod, sampleRun } from "./sample.ts";

const test = suite("api cleanup");
const rawPod = {
  metadata: {
    ...{ name: `${RUN_ID}--sst2`, namespace: "ns", uid: "pod-1", resourceVersion: "1" },
    annotations: { "odin.io/task": "sst2", "odin.io/attempt": "1" },
    ownerReferences: [{ apiVersion: "odin.io/v1", kind: "Pipeline", name: RUN_ID, uid: "uid-1", controller: true }],
  },
  spec: { containers: [{ name: "main" }] },
};

/** Where the pod of the run is when the clean-up begins. */
type Place = "cache" | "server";

/** Cleans up a run whose pod is there, on an API server that answers as given to its deletion; what is said of the task. */
async function cleaned(
  spec: Partial<PipelineSpec>,
  category?: ErrorCategory,
  place: Place = "cache",
): Promise<string | undefined> {
  const run = sampleRun(RUNNING);
  let stored: Pipeline = { ...run.pipeline, spec: { ...run.pipeline.spec, ...spec } };
  const client = {
    get: async (path: string) => {
      if (!path.includes("/pods/")) return stored;
      // The operator deletes the pods of a run that it sees stopped.
      if (place === "cache" || stored.spec.cancel)
        throw new KubeError({ code: 404, reason: "X", category: "notFound", message: "x" });
      return rawPod;
    },
    patch: async (_path: string, _type: string, body: { spec: PipelineSpec }) => {
      stored = { ...stored, spec: { ...stored.spec, ...body.spec } };
      return stored;
    },
    delete: async () => {
      if (category !== undefined) throw new KubeError({ code: 404, reason: "X", category, message: "x" });
    },
  };
  const view = new SampleView(run);
  if (place === "cache") view.pods = [samplePod("sst2")];
  const cleaner: Cleaner = {
    client: client as unknown as KubeClient,
    namespace: "ns",
    view,
    files: { remove: async () => false },
    history: { run: async () => undefined },
    logger: silentLogger,
  };
  const rows = await cleanUp(cleaner, RUN_ID, "me", { db: false, fs: false });
  return rows[1]?.cleanedFromK8s;
}

test("O-212: a pod that goes while this call stops its run was deleted by it", async () => {
  assert.equal([await cleaned({}), await cleaned({}, "notFound")], ["Yes", "Yes"]);
});

test("O-212: a pod that the cache has not seen counts too, though the operator be faster", async () => {
  assert.equal([await cleaned({}, undefined, "server"), await cleaned({}, "notFound", "server")], ["Yes", "Yes"]);
});

test("O-212: a pod that is gone, and only in the cache still, was not deleted by the call that comes after", async () => {
  for (const category of ["notFound", "conflict"] as const)
    assert.is(await cleaned({ cancel: true, cancelledBy: "me" }, category), "No", category);
  assert.is(await cleaned({ cancel: true, cancelledBy: "me" }), "Yes", "it was still there");
});

test("O-212: a part that fails is No", async () => {
  assert.is(await cleaned({}, "forbidden"), "No");
});

test.run();
