import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onBothStores } from "../../../support/both-stores.ts";
import { send } from "../served.ts";
import { type MetricsStage, metricRun, metricsStage } from "./metrics-stage.ts";

await onBothStores("posting of metrics", (name, place) => {
  let stage: MetricsStage;
  const test = suite(name);

  test.before(async () => {
    try {
      stage = await metricsStage(await place());
      stage.livePods.push({ uid: "uid-w0", name: "worker-0", runId: 1 }, { uid: "uid-x", name: "other-0" });
      stage.runs.push(metricRun(2, "second"), metricRun(3, "over", { finishedAt: "2026-01-02T00:00:00.000000Z" }));
    } catch (error) {
      console.error(error);
      throw error;
    }
  });
  test.after(() => stage.end());
  test.before.each(() => {
    stage.caller = { kind: "local", admin: false };
  });

  const METRIC = { run_id: 1, name: "accuracy", date: "2018-08-03T09:21:44.331823Z", value: "0.7845" };

  async function storedOf(owner: "run" | "pod", key: string, name: string): Promise<unknown> {
    const { json } = await stage.get(`/api/metrics/?metric_type=${owner}`);
    return (json[key] as Record<string, unknown>)[name];
  }

  test("M-29, §12 row 31: a metric of a run is stored and answered, with what was left out filled in", async () => {
    const answer = await stage.post(METRIC);
    assert.is(answer.status, 201);
    assert.is(
      answer.text,
      '{"name":"accuracy","value":"0.7845","date":"2018-08-03T09:21:44.331823Z","metadata":"","cumulative":false}',
    );
    assert.equal(await storedOf("run", "First-run", "accuracy"), [answer.json]);
  });

  test("M-29: the form that the client sends, with a date of a blank and no zone", async () => {
    const answer = await stage.postForm({
      ...{ run_id: "1", name: "form", cumulative: "True", date: "2026-11-20 23:35:10.314416", value: "0.25" },
      metadata: "{rank: 0, epoch:1.0}",
    });
    assert.is(answer.status, 201);
    assert.is(
      answer.text,
      '{"name":"form","value":"0.25","date":"2026-11-20T23:35:10.314416Z","metadata":"{rank: 0, epoch:1.0}","cumulative":true}',
    );
    assert.equal(await storedOf("run", "First-run", "form"), [answer.json]);
  });

  test("M-31, §12 row 12: with both keys the pod's name counts, and the answer starts with it", async () => {
    const answer = await stage.post({ ...METRIC, pod_name: "worker-0", run_id: 99, metadata: "some additional data" });
    assert.is(answer.status, 201);
    assert.is(
      answer.text,
      '{"pod_name":"worker-0","name":"accuracy","value":"0.7845","date":"2018-08-03T09:21:44.331823Z","metadata":"some additional data","cumulative":false}',
    );
    const { pod_name: _, ...stored } = answer.json;
    assert.equal(await storedOf("pod", "worker-0", "accuracy"), [stored]);
  });

  test("M-31: without a key the body is given back, and what is unknown is not found", async () => {
    const { run_id: _, ...body } = METRIC;
    const without = await stage.post(body);
    assert.is(without.status, 400);
    assert.is(
      without.text,
      `{"status":"Bad Request","message":"Pod Name or run id have to be supplied","data":${JSON.stringify(body)}}`,
    );
    assert.is((await stage.post({ ...body, run_id: null, pod_name: "" })).status, 400);
    assert.is((await stage.postForm({ name: "x" })).status, 400);
    for (const run_id of [99, "x", "1.0", -1, [1], { a: 1 }, true]) {
      const answer = await stage.post({ ...body, run_id });
      assert.is(answer.status, 404, String(run_id));
      assert.is(answer.text, '{"status":"Not Found","message":"Run not found"}');
    }
    const pod = await stage.post({ ...METRIC, pod_name: "gone-0" });
    assert.is(pod.text, '{"status":"Not Found","message":"Pod not found"}');
  });

  test("M-29, §12 row 3: each required field that is missing is named, and so is each value that is wrong", async () => {
    for (const field of ["name", "date", "value"]) {
      const { [field]: _, ...rest } = METRIC as Record<string, unknown>;
      const answer = await stage.post(rest);
      assert.is(answer.status, 400);
      assert.is(answer.text, `{"status":"Bad Request","message":"${field} has to be supplied"}`);
    }
    const wrong: [string, unknown][] = [
      ["name", ""],
      ["name", "n".repeat(51)],
      ["name", "😀".repeat(51)],
      ["name", "a\0b"],
      ["name", { a: 1 }],
      ["name", "half \ud800"],
      ["date", "yesterday"],
      ["date", ""],
      ["date", "1700000000"],
      ["date", "0000-01-01T00:00:00"],
      ["value", true],
      ["value", [1]],
      ["value", {}],
      ["value", "v".repeat(256)],
      ["value", "é".repeat(256)],
      ["value", "\0"],
      ["value", "\udc00"],
      ["metadata", "\0"],
      ["metadata", "x\ud83d"],
    ];
    for (const [field, value] of wrong) {
      const answer = await stage.post({ ...METRIC, name: "wrong", [field]: value });
      assert.is(answer.status, 400, `${field} ${JSON.stringify(value)}`);
      assert.is(answer.json.status, "Bad Request");
      assert.ok(String(answer.json.message).startsWith(`${field}: ${JSON.stringify(value).slice(0, 50)}`), answer.text);
    }
    assert.is(await storedOf("run", "First-run", "wrong"), undefined);
  });

  test("M-30: lengths count characters; numbers are stored in their shortest form, and texts as they came", async () => {
    const values: [unknown, string][] = [
      ["é".repeat(255), "é".repeat(255)],
      ["😀".repeat(255), "😀".repeat(255)],
      ["", ""],
      [" 1.50 ", " 1.50 "],
      ["NaN", "NaN"],
      [0.1, "0.1"],
      [1.5, "1.5"],
      [100, "100"],
      [1e21, "1e+21"],
      [1e-7, "1e-7"],
      [-0.5, "-0.5"],
    ];
    for (const [value, text] of values) {
      const answer = await stage.post({ ...METRIC, name: "𝛼".repeat(50), value });
      assert.is(answer.status, 201, answer.text);
      assert.is(answer.json.value, text);
    }
    assert.equal(
      ((await storedOf("run", "First-run", "𝛼".repeat(50))) as { value: string }[]).map(({ value }) => value),
      values.map(([, text]) => text),
    );
  });

  test("M-30: metadata is any text, and what is structured in JSON its text", async () => {
    const metadata: [unknown, string][] = [
      ["{rank: 0, epoch:1.0}", "{rank: 0, epoch:1.0}"],
      [{ rank: 0, epoch: 1.5 }, '{"rank":0,"epoch":1.5}'],
      [["a", null], '["a",null]'],
      [7, "7"],
      [null, ""],
      ["x".repeat(1_000_000), "x".repeat(1_000_000)],
      [{ nul: "\0", half: "\ud800" }, '{"nul":"\\u0000","half":"\\ud800"}'],
    ];
    for (const [given, text] of metadata) {
      const answer = await stage.post({ ...METRIC, name: "meta", metadata: given });
      assert.is(answer.status, 201, answer.text.slice(0, 200));
      assert.is(answer.json.metadata, text);
    }
    const stored = (await storedOf("run", "First-run", "meta")) as { metadata: string }[];
    assert.ok(stored.every(({ metadata: one }, index) => one === metadata[index]?.[1]));
  });

  test("M-5: what a form or JSON may say for true", async () => {
    for (const cumulative of [true, "true", "True", "1"]) {
      assert.is((await stage.post({ ...METRIC, name: "t", cumulative })).json.cumulative, true);
    }
    for (const cumulative of [false, "false", "", 1, "yes", null]) {
      assert.is((await stage.post({ ...METRIC, name: "t", cumulative })).json.cumulative, false);
    }
  });

  test("M-32: runs that are over take metrics, and the same one twice", async () => {
    const metric = { ...METRIC, run_id: 3, name: "val_global_Prec@1 @ 0" };
    assert.is((await stage.post(metric)).status, 201);
    assert.is((await stage.post(metric)).status, 201);
    assert.is(((await storedOf("run", "over", "val_global_Prec@1 @ 0")) as unknown[]).length, 2);
  });

  test("M-33: a list is stored in one go, and answered by the list of what was stored", async () => {
    const list = Array.from({ length: 10_000 }, (_, index) => ({ ...METRIC, run_id: 2, name: "bulk", value: index }));
    const answer = await stage.post([{ ...METRIC, pod_name: "other-0", name: "bulk" }, ...list.slice(1)]);
    assert.is(answer.status, 201);
    const echoes = JSON.parse(answer.text) as Record<string, unknown>[];
    assert.is(echoes.length, 10_000);
    assert.equal(Object.keys(echoes[0] ?? {}), ["pod_name", "name", "value", "date", "metadata", "cumulative"]);
    assert.is(echoes.at(-1)?.value, "9999");
    assert.is(((await storedOf("run", "second", "bulk")) as unknown[]).length, 9_999);
    assert.is((await stage.post([])).text, "[]");
  });

  test("M-33: one element that is wrong is named by its index, and nothing is stored", async () => {
    const good = { ...METRIC, run_id: 2, name: "none" };
    const cases: [unknown, number, string][] = [
      [{ ...good, value: undefined }, 400, "Metric 1: value has to be supplied"],
      [{ ...good, run_id: 99 }, 404, "Metric 1: Run not found"],
      [{ ...good, pod_name: "x" }, 404, "Metric 1: Pod not found"],
      [{ ...good, run_id: undefined }, 400, "Metric 1: Pod Name or run id have to be supplied"],
      [null, 400, "Metric 1: null is no metric"],
      ["text", 400, 'Metric 1: "text" is no metric'],
      [[good], 400, "Metric 1: The body has to be an object, not a list"],
    ];
    for (const [bad, status, message] of cases) {
      const answer = await stage.post([good, bad, good]);
      assert.is(answer.status, status);
      assert.equal([answer.json.message, answer.json.index], [message, 1]);
    }
    const many = await stage.post(Array.from({ length: 10_001 }, () => good));
    assert.is(many.status, 400);
    assert.match(String(many.json.message), /10001 .*10000/);
    assert.is(await storedOf("run", "second", "none"), undefined);
  });

  test("M-14: a worker posts for its own run and the pods of that only", async () => {
    stage.caller = { kind: "worker", podUid: "uid-w0", runId: 1, admin: false };
    assert.is((await stage.post(METRIC)).status, 201);
    assert.is((await stage.post({ ...METRIC, pod_name: "worker-0" })).status, 201);
    for (const more of [{ run_id: 2 }, { pod_name: "other-0" }]) {
      const answer = await stage.post({ ...METRIC, name: "foreign", ...more });
      assert.is(answer.status, 401);
      assert.is(answer.text, '{"status":"Unauthorized","message":"Credentials required"}');
      assert.is(answer.headers["www-authenticate"], "Bearer");
      assert.is((await stage.post([METRIC, { ...METRIC, ...more }])).status, 401);
    }
    assert.is(await storedOf("run", "second", "foreign"), undefined);
  });

  test("M-9: a body that is too large, or no object, is refused", async () => {
    const large = await stage.post({ ...METRIC, metadata: "x".repeat(10 * 1024 * 1024) });
    assert.is(large.status, 413);
    assert.is(large.text, '{"detail":"Request body too large."}');
    for (const body of ["null", "1", '"x"', "true"]) {
      const answer = await send(stage.port, "POST", "/api/metrics/", {
        headers: { "content-type": "application/json" },
        body,
      });
      assert.is(answer.status, 400, body);
    }
    assert.ok(!stage.logLines.some(({ level }) => level === "error"));
  });

  test("M-29: posts that come together are all stored, each once, in the order of each sender", async () => {
    await Promise.all(
      Array.from({ length: 50 }, async (_, sender) => {
        for (let number = 0; number < 20; number++) {
          const answer = await stage.post({ ...METRIC, name: `from ${sender}`, value: number });
          assert.is(answer.status, 201);
        }
      }),
    );
    const { json } = await stage.get("/api/metrics/1/?metric_type=run");
    for (let sender = 0; sender < 50; sender++) {
      const stored = json[`from ${sender}`] as { value: string }[] | undefined;
      assert.equal(
        stored?.map(({ value }) => Number(value)),
        Array.from({ length: 20 }, (_, index) => index),
      );
    }
  });

  return test;
});
