import { suite } from "uvu";
import * as assert from "uvu/assert";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { Stage, task } from "./stage.ts";

const budget = suite("requests to the API server");
let stage: Stage;
budget.before(async () => {
  stage = await Stage.open();
});
budget.after(async () => {
  await stage.close();
});

/** What the operator asked of the server since the last call, lists and watches left out: `create pods`, `patch pipelines/status`, … */
async function requestsOf(run: () => Promise<void>): Promise<Map<string, number>> {
  const ours = async (): Promise<string[]> =>
    (await auditedRequests(stage.namespace))
      .filter(({ userAgent, verb }) => userAgent.startsWith("odin-operator") && verb !== "list" && verb !== "watch")
      .map(
        ({ verb, resource, subresource }) => `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`,
      );
  const before = (await ours()).length;
  await run();
  // The log is written behind the answers; the last write of a run is the one that ends it.
  let previous = -1;
  const after = await until(
    async () => {
      const now = await ours();
      const settled = now.length === previous;
      previous = now.length;
      return settled ? now : [];
    },
    10_000,
    { describe: "the audit log has settled", accept: (requests) => requests.length > before, everyMs: 300 },
  );
  const counts = new Map<string, number>();
  for (const request of after.slice(before)) counts.set(request, (counts.get(request) ?? 0) + 1);
  return counts;
}

function total(counts: Map<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

budget("P-3: a chain costs one creation and one status write a task, and no read", async () => {
  const tasks = Array.from({ length: 10 }, (_, i) => task(`t${i}`, i > 0 ? { depends: [`t${i - 1}`] } : {}));
  const counts = await requestsOf(async () => {
    await stage.create("chain", { tasks });
    for (const { name } of tasks) await stage.succeed("chain", name);
    await stage.untilPhase("chain", "DONE");
  });
  const shown = JSON.stringify([...counts]);
  assert.is(counts.get("create pods"), 10, shown);
  assert.ok(![...counts.keys()].some((request) => request.startsWith("get")), shown);
  const writes = counts.get("patch pipelines/status") ?? 0;
  // One to begin, one for each task that ends; a pod that runs before its start is recorded can add one.
  assert.ok(writes >= 2 && writes <= 13, shown);
  assert.ok(total(counts) <= 30, shown);
});

budget("P-3: a run of one task costs four requests at most", async () => {
  const counts = await requestsOf(async () => {
    await stage.create("single", { tasks: [task("a")] });
    await stage.startPod("single", "a");
    await stage.succeed("single", "a");
    await stage.untilPhase("single", "DONE");
  });
  counts.delete("create events");
  assert.ok(total(counts) <= 4, JSON.stringify([...counts]));
});

budget("O-188: what ends together is written together", async () => {
  const tasks = Array.from({ length: 30 }, (_, i) => task(`t${i}`));
  const counts = await requestsOf(async () => {
    await stage.create("fan", { tasks });
    await Promise.all(tasks.map(({ name }) => stage.succeed("fan", name)));
    await stage.untilPhase("fan", "DONE");
  });
  assert.is(counts.get("create pods"), 30);
  assert.ok((counts.get("patch pipelines/status") ?? 0) <= 15, JSON.stringify([...counts]));
});
budget.run();
