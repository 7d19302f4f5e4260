import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onBothStores } from "../../../support/both-stores.ts";
import { send } from "../served.ts";
import { entryAt, type MetricsStage, metricRun, metricsStage } from "./metrics-stage.ts";

await onBothStores("reading of metrics", (name, place) => {
  let stage: MetricsStage;
  const test = suite(name);

  test.before(async () => {
    try {
      stage = await metricsStage(await place());
    } catch (error) {
      console.error(error);
      throw error;
    }
  });
  test.after(() => stage.end());

  test("M-19, §12 row 10: all live pods and all runs are listed with all entries, those without as empty objects", async () => {
    stage.livePods.push({ uid: "uid-b", name: "pod-b" }, { uid: "uid-a", name: "pod-a" });
    stage.gonePods.push({ uid: "uid-gone", name: "pod-gone" });
    stage.runs.push(metricRun(2, "twice"), metricRun(3, "none"), metricRun(4, "twice"));
    await stage.metrics.add([
      entryAt(2, { metadata: "{rank: 0}", cumulative: true }),
      entryAt(1, { value: "x" }),
      entryAt(1, { name: "Accuracy", date: "2026-01-01T00:00:00.120000Z", value: "0.50" }),
      entryAt(1, { owner: "pod:uid-a", name: "cpu" }),
      entryAt(1, { owner: "pod:uid-gone", name: "cpu" }),
      entryAt(1, { owner: "run:2", name: "old" }),
      entryAt(1, { owner: "run:4", name: "new" }),
    ]);
    const pods =
      '{"pod-b":{},"pod-a":{"cpu":[{"name":"cpu","value":"1","date":"2026-01-01T00:00:01.000000Z","metadata":"","cumulative":false}]}}';
    const runs =
      '{"First-run":{"Accuracy":[{"name":"Accuracy","value":"0.50","date":"2026-01-01T00:00:00.120000Z","metadata":"","cumulative":false}],' +
      '"loss":[{"name":"loss","value":"x","date":"2026-01-01T00:00:01.000000Z","metadata":"","cumulative":false},' +
      '{"name":"loss","value":"2","date":"2026-01-01T00:00:02.000000Z","metadata":"{rank: 0}","cumulative":true}]},' +
      '"twice":{"new":[{"name":"new","value":"1","date":"2026-01-01T00:00:01.000000Z","metadata":"","cumulative":false}]},"none":{}}';
    const all = await stage.get("/api/metrics/");
    assert.is(all.status, 200);
    assert.is(all.headers["content-type"], "application/json");
    assert.is(all.text, `{"pod_metrics":${pods},"run_metrics":${runs}}`);
    assert.is((await stage.get("/api/metrics?metric_type=pod")).text, pods, "M-20: of pods alone");
    assert.is((await stage.get("/api/metrics?metric_type=run")).text, runs, "M-20: of runs alone");
  });

  test("M-20, §12 row 10, 30: metric_type gives pods or runs alone, and anything else is refused", async () => {
    assert.equal(Object.keys((await stage.get("/api/metrics/?metric_type=pod")).json), ["pod-b", "pod-a"]);
    assert.equal(Object.keys((await stage.get("/api/metrics/?metric_type=run")).json), ["First-run", "twice", "none"]);
    const wrong = await stage.get("/api/metrics/?metric_type=node");
    assert.is(wrong.status, 400);
    assert.is(wrong.json.status, "Bad Request");
    assert.match(String(wrong.json.message), /metric_type.*node/);
  });

  test("M-12: dates are whole in lists, and short in the metrics of one run", async () => {
    assert.match((await stage.get("/api/metrics/")).text, /"2026-01-01T00:00:01\.000000Z"/);
    const one = await stage.get("/api/metrics/1/?metric_type=run");
    assert.is(
      one.text,
      '{"Accuracy":[{"date":"2026-01-01T00:00:00.120000Z","value":"0.50","cumulative":false}],' +
        '"loss":[{"date":"2026-01-01T00:00:01Z","value":"x","cumulative":false},{"date":"2026-01-01T00:00:02Z","value":"2","cumulative":true}]}',
    );
  });

  test("M-21: metrics without an entry that is wanted are left out", async () => {
    assert.is((await stage.get("/api/metrics/3/?metric_type=run")).text, "{}");
    assert.is((await stage.get("/api/metrics/1/?metric_type=run&since=2027-01-01T00:00:00Z")).text, "{}");
    const since = await stage.get("/api/metrics/1/?metric_type=run&since=2026-01-01T00:00:02");
    assert.is(since.text, '{"loss":[{"date":"2026-01-01T00:00:02Z","value":"2","cumulative":true}]}');
  });

  test("M-22, §12 row 13: since is inclusive and takes every form of a date; a bad one is refused by its name", async () => {
    stage.runs.push(metricRun(10, "ten"));
    await stage.metrics.add([0, 1, 2, 3, 4, 5, 6].map((second) => entryAt(second, { owner: "run:10" })));
    await stage.metrics.add([
      entryAt(0, { owner: "run:10", name: "other" }),
      entryAt(0, { owner: "run:10", name: "a", date: "1969-12-31T23:59:59.999999Z" }),
    ]);
    const loss = async (query: string): Promise<unknown> => {
      const answer = await stage.get(`/api/metrics/10/?metric_type=run&${query}`);
      assert.is(answer.status, 200, answer.text);
      const { loss = [] } = answer.json as { loss?: { value: string }[] };
      return loss.map(({ value }) => value).join(",");
    };
    assert.is(await loss("since=2026-01-01+00:00:04"), "4,5,6");
    assert.is(await loss("since=2026-01-01T01:00:04.000000%2B01:00"), "4,5,6");
    assert.is(await loss("since=2026-01-01T00:00:04.000001Z"), "5,6");
    assert.is(await loss("since="), "0,1,2,3,4,5,6");
    for (const since of ["yesterday", "2026-02-30T00:00:00", "2026-01-01", "1.5"]) {
      const answer = await stage.get(`/api/metrics/10/?metric_type=run&since=${since}`);
      assert.is(answer.status, 400);
      assert.ok(String(answer.json.message).startsWith(`since: "${since}"`), answer.text);
    }
    const { json } = await stage.get("/api/metrics/10/?metric_type=run");
    assert.equal(Object.keys(json), ["loss", "other"], "without since from 1970 on");
  });

  test("M-22: metric_filter is an exact name, and an empty one none", async () => {
    const named = async (query: string): Promise<string[]> =>
      Object.keys((await stage.get(`/api/metrics/10/?metric_type=run&since=1900-01-01T00:00:00&${query}`)).json);
    assert.equal(await named("metric_filter=loss"), ["loss"]);
    assert.equal(await named("metric_filter=los"), []);
    assert.equal(await named("metric_filter=%25"), []);
    assert.equal(await named("metric_filter="), ["a", "loss", "other"]);
  });

  test("M-22: last_n is applied after summarize, 0 and nothing are off, and anything else is refused", async () => {
    const loss = async (query: string): Promise<string> => {
      const { json } = await stage.get(`/api/metrics/10/?metric_type=run&metric_filter=loss&${query}`);
      return ((json.loss ?? []) as { value: string }[]).map(({ value }) => value).join(",");
    };
    assert.is(await loss("summarize=3"), "1.0,4.0", "M-23: seven entries, three wanted");
    assert.is(await loss("summarize=3&last_n=1"), "4.0");
    assert.is(await loss("summarize=3&last_n=9"), "1.0,4.0");
    assert.is(await loss("summarize=7"), "0,1,2,3,4,5,6");
    assert.is(await loss("summarize=8&last_n=2"), "5,6");
    assert.is(await loss("summarize=0&last_n=0"), "0,1,2,3,4,5,6");
    assert.is(await loss("summarize=&last_n="), "0,1,2,3,4,5,6");
    assert.is(await loss("last_n=3"), "4,5,6");
    assert.is(await loss("last_n=99999999999999999999"), "0,1,2,3,4,5,6");
    assert.is(await loss("summarize=1"), "3.0");
    assert.is(await loss("summarize=3&since=2026-01-01T00:00:03Z"), "3.5,5.5");
    for (const query of ["summarize=-1", "summarize=2.5", "summarize=many", "last_n=-2", "last_n=1e3", "last_n=0x1"]) {
      const answer = await stage.get(`/api/metrics/10/?metric_type=run&${query}`);
      assert.is(answer.status, 400, query);
      const [name, value] = query.split("=");
      assert.ok(String(answer.json.message).includes(`${name}: "${value}"`), answer.text);
    }
  });

  test("M-23: a metric with a value that is no finite number is not summarized, others are", async () => {
    stage.runs.push(metricRun(11, "eleven"));
    const series = (name: string, values: string[]) =>
      values.map((value, second) => entryAt(second, { owner: "run:11", name, value }));
    await stage.metrics.add([
      ...series("a", ["1", "2", "nan", "4"]),
      ...series("b", ["1", "2", "3", "4"]),
      ...series("c", ["1", "inf", "2"]),
    ]);
    const { json } = await stage.get("/api/metrics/11/?metric_type=run&summarize=2");
    const values = Object.entries(json).map(([name, list]) => [
      name,
      (list as { value: string }[]).map(({ value }) => value),
    ]);
    assert.equal(values, [
      ["a", ["1", "2", "nan", "4"]],
      ["b", ["1.5", "3.5"]],
      ["c", ["1", "inf", "2"]],
    ]);
  });

  test("M-24, §12 row 3: unknown pods and runs are not found, nor keys of runs that are no numbers", async () => {
    for (const key of ["99", "abc", "1x", "-1", "1e0", "%31%20x", "0x1", "99999999999999999999"]) {
      const run = await stage.get(`/api/metrics/${key}/?metric_type=run`);
      assert.is(run.status, 404, key);
      assert.is(run.text, '{"status":"Not Found","message":"Run not found"}');
    }
    const pod = await stage.get("/api/metrics/nobody");
    assert.is(pod.status, 404);
    assert.is(pod.text, '{"status":"Not Found","message":"Pod not found"}');
  });

  test("M-64: of pods of one name the newest is found, also when it is gone", async () => {
    stage.gonePods.push({ uid: "uid-1", name: "again" }, { uid: "uid-2", name: "again" });
    await stage.metrics.add([
      entryAt(1, { owner: "pod:uid-1", name: "cpu", value: "old" }),
      entryAt(2, { owner: "pod:uid-2", name: "cpu", value: "new" }),
    ]);
    const { text } = await stage.get("/api/metrics/again/?metric_type=pod");
    assert.is(text, '{"cpu":[{"date":"2026-01-01T00:00:02Z","value":"new","cumulative":false}]}');
  });

  test("M-68: a download as CSV has the same entries, with whole dates", async () => {
    stage.runs.push(metricRun(12, "twelve"));
    await stage.metrics.add([
      entryAt(2, { owner: "run:12", name: "b, c", value: "=1+1" }),
      entryAt(1, { owner: "run:12", name: "b, c", value: "-1.5", cumulative: true }),
      entryAt(3, { owner: "run:12", name: "@a", value: '"' }),
    ]);
    const all = await stage.get("/api/metrics/12/?metric_type=run&format=csv");
    assert.is(all.status, 200);
    assert.is(all.headers["content-type"], "text/csv");
    assert.equal(all.text.split("\r\n"), [
      "metric,date,value,cumulative",
      `'@a,2026-01-01T00:00:03.000000Z,"""",false`,
      '"b, c",2026-01-01T00:00:01.000000Z,-1.5,true',
      `"b, c",2026-01-01T00:00:02.000000Z,'=1+1,false`,
      "",
    ]);
    const { text } = await stage.get("/api/metrics/12.csv?metric_type=run&metric_filter=b,+c&last_n=1", {
      accept: "x/y",
    });
    assert.is(text, 'metric,date,value,cumulative\r\n"b, c",2026-01-01T00:00:02.000000Z,\'=1+1,false\r\n');
    assert.is((await stage.get("/api/metrics/3.csv?metric_type=run")).text, "metric,date,value,cumulative\r\n");
  });

  test("M-11: HEAD is answered like GET, without a body", async () => {
    for (const path of ["/api/metrics/", "/api/metrics/10/?metric_type=run", "/api/metrics/10.csv?metric_type=run"]) {
      const [head, get] = [await send(stage.port, "HEAD", path), await stage.get(path)];
      assert.equal([head.status, head.text], [200, ""], path);
      assert.is(head.headers["content-type"], get.headers["content-type"]);
    }
    assert.is((await send(stage.port, "HEAD", "/api/metrics/99/?metric_type=run")).status, 404);
  });

  test("M-7: who takes only text/javascript gets the same text as that", async () => {
    const answer = await stage.get("/api/metrics/10/?metric_type=run", { accept: "text/javascript" });
    assert.is(answer.headers["content-type"], "text/javascript");
    assert.is(answer.text, (await stage.get("/api/metrics/10/?metric_type=run")).text);
  });

  return test;
});
