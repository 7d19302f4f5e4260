import { suite } from "uvu";
import * as assert from "uvu/assert";
import { newestRefusal, refusalOf } from "../../../../api/mlbench/controller/refused-pods.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { silentLogger } from "../../../../kube/logger.ts";

const test = suite("why a StatefulSet makes no pods");
const SET = { name: "a-mlbench-worker-rel", uid: "u1" };

function event(lastTimestamp: string, message: string, reason = "FailedCreate"): never {
  return { metadata: { name: `e-${lastTimestamp}` }, lastTimestamp, message, reason, type: "Warning" } as never;
}

test("M-48: the last failure is told, on one line and cut", () => {
  const found = newestRefusal(
    [
      event("2026-01-01T00:00:02Z", `service account\nnot found ${"x".repeat(1_000)}`),
      event("2026-01-01T00:00:01Z", "quota"),
      event("2026-01-01T00:00:03Z", "scaled", "SuccessfulDelete"),
    ],
    SET.name,
  );
  assert.is(found?.name, SET.name);
  assert.match(found?.trouble ?? "", /^FailedCreate: service account not found x+$/);
  assert.is(found?.trouble.length, "FailedCreate: ".length + 300);
});

test("M-48: events without a failure, or that may not be read, tell nothing", async () => {
  assert.is(newestRefusal([], SET.name), undefined);
  assert.is(newestRefusal([event("2026-01-01T00:00:03Z", "", "RecreatingFailedPod")], SET.name), undefined);
  const refusal = new KubeError({ code: 403, reason: "Forbidden", category: "forbidden", message: "no" });
  const asked: string[] = [];
  const client = {
    listPage: async (_: string, { fieldSelector = "" } = {}): Promise<never> => {
      asked.push(fieldSelector);
      throw refusal;
    },
  };
  assert.is(await refusalOf(client, "default", SET, silentLogger), undefined);
  assert.equal(asked, ["involvedObject.uid=u1,type=Warning"]);
});

test.run();
