import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { FacadeStage } from "./facade-stage.ts";

const attempts = suite("retried and skipped tasks over REST");
const WAIT_MS = 60_000;
let stage: FacadeStage;
attempts.before(async () => {
  stage = await FacadeStage.open();
});
attempts.after(async () => {
  await stage.close();
});

interface Shown {
  name: string;
  status: string;
  resourceId?: string;
  message?: string;
}

/** The tasks of a run once the facade shows this of one of them. */
async function shown(run: string, text: string): Promise<Shown[]> {
  const answer = await until(() => stage.get(`/v1/pipelines/${run}`), WAIT_MS, {
    describe: `${run} shows ${text}`,
    accept: (found) => found.text.includes(text),
  });
  return (answer.json.pipeline as { tasks: Shown[] }).tasks;
}

const tasks = [{ name: "a", image: "i:1", command: ["c"], retries: 1, outputs: { model: "/data/model" } }];

attempts("O-144: between two attempts a task waits, and its resource is the latest attempt's", async () => {
  await stage.createRun("flaky", { tasks });
  const pod = await stage.createPod("flaky", "a");
  const waiting = {
    state: "waiting" as const,
    reason: "Retrying",
    message: "attempt 1 of 2 failed: Error, exit code 3",
    attempt: 1,
    pod,
    retryTime: "2036-01-01T00:00:00Z",
  };
  await stage.setStatus("flaky", { phase: "RUNNING", tasks: { a: waiting } });
  const [first] = await shown("flaky", "attempt 1 of 2");
  assert.equal([first?.status, first?.resourceId], ["waiting", "flaky--a"]);
  const second = await stage.createPod("flaky", "a", 2);
  await stage.setStatus("flaky", { tasks: { a: { ...waiting, state: "executing", attempt: 2, pod: second } } });
  const [next] = await shown("flaky", "flaky--a-r1");
  assert.equal([next?.status, next?.resourceId], ["executing", "flaky--a-r1"]);
  assert.is((await stage.get("/v1/resources/flaky--a-r1/events")).status, 200);
});

attempts(
  "O-200, O-212: a skipped task is executed, its resource is Cached, it has no log, and a row in a clean-up",
  async () => {
    await stage.createRun("skipped", { tasks });
    const record = {
      state: "executed" as const,
      reason: "Cached",
      message: "skipped: an earlier run left the same outputs",
      pod: "Cached",
      startTime: "2026-01-01T00:00:00Z",
      completionTime: "2026-01-01T00:00:00Z",
      result: '{"score": 1}',
    };
    const completionTime = "2026-01-01T00:00:01Z";
    await stage.setStatus("skipped", { phase: "DONE", completionTime, tasks: { a: record } });
    const [task] = await shown("skipped", "Cached");
    assert.equal([task?.status, task?.resourceId], ["executed", "Cached"]);
    const data = (await stage.get("/v1/resources/skipped--a/data")).json.jobs as Record<string, unknown>;
    assert.equal([data.resource_id, data.score], ["Cached", 1]);
    assert.is((await stage.get("/v1/resources/skipped--a/logs")).text, '""');
    assert.is((await stage.get("/v1/resources/skipped--a/logs?follow=true")).text, "");
    assert.ok(((await stage.get("/v1/resources/skipped--a/events")).json.events as unknown[]).length > 0);
    assert.is((await stage.get("/v1/resources/Cached/data")).status, 404);
    const { cleanups } = (await stage.call("DELETE", "/v1/pipelines/skipped?fs=True")).json as {
      cleanups: { taskId: string; cleanedFromK8s: string }[];
    };
    assert.equal(
      cleanups.map(({ taskId, cleanedFromK8s }) => [taskId, cleanedFromK8s]),
      [
        ["skipped", "No"],
        ["skipped--a", "No"],
      ],
    );
  },
);
attempts.run();
