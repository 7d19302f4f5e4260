import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, PipelineStatus } from "../../../crds/generated/types.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { KubeError } from "../../../kube/errors.ts";
import { writeStatus } from "../../../operator/act/status.ts";

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
      const result = await writeStatus(client, runOf(before), after);
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
write.run();
