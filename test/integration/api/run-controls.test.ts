import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { RUNNING, SST2_TASKS } from "../../unit/api/odin/sample.ts";
import { isProblem, sendJson } from "../../unit/api/served.ts";
import { FacadeStage, ROOT_USER } from "./facade-stage.ts";

const test = suite("controls of a run over REST");
let stage: FacadeStage;

test.before(async () => {
  stage = await FacadeStage.open();
  await stage.applyJob("sst2", { tasks: SST2_TASKS, files: { "sst2.yml": "a: 1\n", "after.yml": "b: 2\n" } });
});
test.after(async () => {
  await stage.close();
});

type Controls = Record<string, unknown>;
const change = async (id: string, pipeline: unknown) => await stage.call("PUT", `/v1/pipelines/${id}`, { pipeline });
const controlsOf = async (id: string): Promise<Controls> => {
  const { suspend, stop, priority, parallelism, cancelledBy }: Pipeline["spec"] = (await stage.run(id)).spec;
  return JSON.parse(JSON.stringify({ suspend, stop, priority, parallelism, cancelledBy })) as Controls;
};

test("O-65: a launch may say how the run is to be scheduled, and its answer is the same", async () => {
  const controls = { suspend: true, priority: -5, parallelism: 3 };
  const answer = await stage.call("POST", "/v1/pipelines", { pipeline: { job: "sst2", ...controls, stop: true } });
  assert.is(answer.status, 200, answer.text);
  const { id } = answer.json.pipeline as { id: string };
  assert.equal(answer.json, { pipeline: { id, job: "sst2", name: id } });
  assert.equal(await controlsOf(id), controls, "a key that is none of a launch is ignored, as ever");
  const none = await stage.call("POST", "/v1/pipelines", {
    pipeline: { job: "sst2", suspend: null, priority: null, parallelism: null },
  });
  assert.equal(await controlsOf((none.json.pipeline as { id: string }).id), {});
});

test("O-180: a run is paused, goes on, is put before others and told to stop, each by itself", async () => {
  const id = await stage.launch("sst2");
  const paused = await change(id, { suspend: true });
  assert.is(paused.status, 200, paused.text);
  assert.is((paused.json.pipeline as { id: string }).id, id);
  assert.equal(await controlsOf(id), { suspend: true });
  assert.is((await change(id, { suspend: true })).status, 200, "twice is once");
  assert.is((await change(id, { suspend: false, priority: 10 })).status, 200);
  assert.equal(await controlsOf(id), { suspend: false, priority: 10 });
  assert.is((await change(id, { parallelism: 1, suspend: null })).status, 200);
  assert.is((await change(id, { stop: true })).status, 200);
  const stopped = { suspend: false, priority: 10, parallelism: 1, stop: true, cancelledBy: ROOT_USER };
  assert.equal(await controlsOf(id), stopped);
});

test("O-4: wrong values are 422 and name the field; nothing changes", async () => {
  const id = await stage.launch("sst2");
  const wrong: [Controls, string][] = [
    [{}, "pipeline"],
    [{ job: "other" }, "pipeline"],
    [{ suspend: null }, "pipeline"],
    [{ suspend: "yes" }, "pipeline.suspend"],
    [{ stop: false }, "pipeline.stop"],
    [{ stop: 1 }, "pipeline.stop"],
    [{ priority: 1.5 }, "pipeline.priority"],
    [{ priority: 1_000_001 }, "pipeline.priority"],
    [{ priority: "1" }, "pipeline.priority"],
    [{ suspend: true, parallelism: 0 }, "pipeline.parallelism"],
    [{ parallelism: 1e300 }, "pipeline.parallelism"],
  ];
  for (const [pipeline, path] of wrong) {
    const answer = await change(id, pipeline);
    assert.is(answer.status, 422, JSON.stringify(pipeline));
    assert.ok(isProblem(answer));
    assert.is((answer.json.errors as { path: string }[])[0]?.path, path);
  }
  for (const body of [null, [], {}, { pipeline: null }, { pipeline: [] }])
    assert.is((await stage.call("PUT", `/v1/pipelines/${id}`, body)).status, 422, JSON.stringify(body));
  for (const controls of [{ suspend: 1 }, { priority: "high" }, { parallelism: 0 }])
    assert.is((await stage.call("POST", "/v1/pipelines", { pipeline: { job: "sst2", ...controls } })).status, 422);
  assert.equal(await controlsOf(id), {});
});

test("O-27: changing a run needs a credential, also where its id is unknown", async () => {
  const id = await stage.launch("sst2");
  for (const known of [id, "nope"]) {
    const answer = await sendJson(stage.port, "PUT", `/v1/pipelines/${known}`, { pipeline: { suspend: true } });
    assert.is(answer.status, 401);
  }
  for (const unknown of ["nope", "..%2Fx", "A%20b", `${id}--sst2`])
    assert.is((await change(unknown, { suspend: true })).status, 404, unknown);
  assert.equal(await controlsOf(id), {});
});

test("O-180: a run that has ended cannot be changed", async () => {
  const id = await stage.launch("sst2");
  const ended = JSON.parse(JSON.stringify(RUNNING).replaceAll("sst2-4k2m9xq1j", id)) as typeof RUNNING;
  await stage.setStatus(id, { ...ended, phase: "DONE", completionTime: "2026-01-02T04:00:00Z" });
  const answer = await change(id, { suspend: true });
  assert.is(answer.status, 409, answer.text);
  assert.is(answer.json.type, "urn:odin:error:PipelineEnded");
  assert.ok(isProblem(answer));
  assert.equal(await controlsOf(id), {});
});
test.run();
