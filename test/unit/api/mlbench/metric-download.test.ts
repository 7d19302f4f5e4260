import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { zipOf } from "../../../../api/mlbench/metrics/zip.ts";
import { onBothStores } from "../../../support/both-stores.ts";
import { until } from "../../../support/deadline.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";
import { entryAt, type MetricsStage, metricRun, metricsStage } from "./metrics-stage.ts";

await onBothStores("downloads of metrics", (name, place) => {
  let stage: MetricsStage;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const test = suite(name);

  test.before(async () => {
    try {
      stage = await metricsStage(await place());
      directory = await temporaryDirectory();
    } catch (error) {
      console.error(error);
      throw error;
    }
  });
  test.after(async () => {
    await stage.end();
    await directory.remove();
  });

  /** Reads an archive by a program that is not ours: its members, in order, by their names, with their texts. */
  async function membersOf(archive: Buffer): Promise<[string, string][]> {
    const path = join(directory.path, "archive.zip");
    await writeFile(path, archive);
    const program = `
import json, sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
assert all(i.compress_type == zipfile.ZIP_DEFLATED for i in z.infolist())
print(json.dumps([[i.filename, z.read(i).decode()] for i in z.infolist()]))`;
    const { stdout } = await promisify(execFile)("python3", ["-c", program, path], { maxBuffer: 64 * 1024 * 1024 });
    return JSON.parse(stdout) as [string, string][];
  }

  interface Download {
    status: number;
    headers: Record<string, unknown>;
    bytes: Buffer;
  }

  function download(path: string): Promise<Download> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port: stage.port, path, agent: false }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes: Buffer.concat(chunks) }),
        );
      });
      sent.on("error", reject);
      sent.end();
    });
  }

  test("M-25: a download is an attachment with a safe name, in a format that others read", async () => {
    stage.livePods.push({ uid: "u1", name: "worker-0" });
    await stage.metrics.add([entryAt(1, { owner: "pod:u1", name: "cpu" })]);
    const { status, headers, bytes } = await download("/api/metrics/worker-0.zip");
    assert.is(status, 200);
    assert.is(headers["content-type"], "application/octet-stream");
    assert.is(headers["content-disposition"], "attachment; filename=metrics_worker-0.zip");
    assert.equal(
      (await membersOf(bytes)).map(([name]) => name),
      ["result_cpu.json"],
    );
    const run = await download("/api/metrics/1/?metric_type=run&format=zip");
    assert.is(run.headers["content-disposition"], "attachment; filename=metrics_First-run.zip");
    assert.equal(await membersOf(run.bytes), [], "of a run without metrics");
  });

  test("M-26: of a pod one member for each metric; M-28: a list indented by four, with dates cut to three digits", async () => {
    stage.livePods.push({ uid: "u2", name: "worker-1" });
    await stage.metrics.add([
      entryAt(2, { owner: "pod:u2", name: "cpu", value: "0.5" }),
      entryAt(1, { owner: "pod:u2", name: "cpu", date: "2026-01-01T00:00:01.999999Z", cumulative: true }),
      entryAt(1, { owner: "pod:u2", name: "a/b\\c", value: 'ü"' }),
      entryAt(1, { owner: "pod:u2", name: "a_b_c", value: "2" }),
      entryAt(1, { owner: "pod:u2", name: "../../x", value: "3" }),
      entryAt(1, { owner: "pod:u2", name: "Some TaskResult", value: "4" }),
    ]);
    const { bytes } = await download("/api/metrics/worker-1/?format=zip&last_n=1");
    const one = (value: string): string =>
      `[\n    {\n        "date": "2026-01-01T00:00:01Z",\n        "value": ${JSON.stringify(value)},\n        "cumulative": false\n    }\n]`;
    assert.equal(await membersOf(bytes), [
      ["result_.._.._x.json", one("3")],
      ["result_a_b_c.json", one('ü"')],
      ["result_a_b_c_2.json", one("2")],
      [
        "result_cpu.json",
        `[
    {
        "date": "2026-01-01T00:00:01.999Z",
        "value": "1",
        "cumulative": true
    },
    {
        "date": "2026-01-01T00:00:02Z",
        "value": "0.5",
        "cumulative": false
    }
]`,
      ],
    ]);
  });

  test("M-27: of a run only what was measured during it counts, of its pods too; since, filter and summary apply, the last entries do not", async () => {
    const at = (second: number): string => entryAt(second).date;
    stage.runs.push(metricRun(5, "Five / größer", { createdAt: at(10), finishedAt: at(20) }));
    stage.gonePods.push({ uid: "five-0", name: "five-0", runId: 5 }, { uid: "five-1", name: "five-1", runId: 5 });
    const owner = "run:5";
    await stage.metrics.add([
      ...[9, 10, 15, 20, 21].map((second) => entryAt(second, { owner })),
      entryAt(5, { owner, name: "early" }),
      entryAt(12, { owner, name: "TaskResult @ 0", value: "not this one" }),
      entryAt(18, { owner, name: "TaskResult @ 0", value: "0.93" }),
      entryAt(25, { owner, name: "TaskResult @ 0", value: "too late" }),
      entryAt(18, { owner, name: "TaskResult @ 1", value: "no" }),
      ...[9, 15].map((second) => entryAt(second, { owner: "pod:five-1", name: "cpu" })),
      ...[16, 22].map((second) => entryAt(second, { owner: "pod:five-0", name: "memory" })),
    ]);
    const read = async (query: string): Promise<Record<string, string>> => {
      const { bytes, headers } = await download(`/api/metrics/5.zip?metric_type=run&${query}`);
      assert.is(headers["content-disposition"], "attachment; filename=metrics_Five_groer.zip");
      return Object.fromEntries(
        (await membersOf(bytes)).map(([name, text]) => [
          name,
          name.endsWith(".txt") ? text : (JSON.parse(text) as { value: string }[]).map(({ value }) => value).join(","),
        ]),
      );
    };
    const whole = await read("last_n=1");
    assert.equal(Object.entries(whole), [
      ["result_loss.json", "10,15,20"],
      ["official_result.txt", "0.93"],
      ["five-0_memory.json", "16"],
      ["five-1_cpu.json", "15"],
    ]);
    assert.equal(await read(`since=${at(16)}`), {
      "result_loss.json": "20",
      "official_result.txt": "0.93",
      "five-0_memory.json": "16",
    });
    assert.equal(await read("metric_filter=cpu"), { "five-1_cpu.json": "15" });
    assert.equal(await read("metric_filter=loss&summarize=1"), { "result_loss.json": "15.0" });
    stage.runs.splice(0, stage.runs.length, metricRun(5, "Five / größer", { createdAt: at(10) }));
    assert.is((await read("metric_filter=loss"))["result_loss.json"], "10,15,20,21", "while it goes on");
  });

  test("M-26: a download with many entries is whole, and whoever leaves in the middle of one ends the reading", async () => {
    stage.runs.push(metricRun(6, "large"));
    const names = ["a", "b", "c"];
    for (const name of names) {
      const entries = Array.from({ length: 30_000 }, (_, second) => entryAt(second, { owner: "run:6", name }));
      await stage.metrics.add(entries);
    }
    const { bytes } = await download("/api/metrics/6.zip?metric_type=run");
    const members = await membersOf(bytes);
    assert.equal(
      members.map(([name, text]) => [name, (JSON.parse(text) as unknown[]).length]),
      [
        ["result_a.json", 30_000],
        ["result_b.json", 30_000],
        ["result_c.json", 30_000],
      ],
    );
    await new Promise<void>((resolve, reject) => {
      const path = "/api/metrics/6.zip?metric_type=run";
      const sent = request({ host: "127.0.0.1", port: stage.port, path, agent: false }, (answer) => {
        answer.once("data", () => answer.destroy());
        answer.once("close", resolve);
      });
      sent.on("error", reject);
      sent.end();
    });
    assert.is((await stage.get("/api/metrics/6/?metric_type=run&last_n=1")).status, 200, "it goes on");
  });

  test("a member that cannot be read cuts the archive off, and one that nobody waits for is ended", async () => {
    const broken = await zipOf(
      (async function* () {
        yield {
          name: "a",
          async *text() {
            yield "begins";
            throw new Error("the store is gone");
          },
        };
      })(),
    );
    const error = await new Promise<Error>((resolve) => broken.once("error", resolve).resume());
    assert.match(error.message, /the store is gone/);
    let [begun, ended] = [false, false];
    const left = await zipOf(
      (async function* () {
        yield {
          name: "b",
          async *text() {
            try {
              begun = true;
              for (;;) yield String(Math.random()).repeat(1000);
            } finally {
              ended = true;
            }
          },
        };
      })(),
    );
    left.on("data", () => {
      if (begun) left.destroy();
    });
    await until(() => ended, 60_000, { describe: "the endless member is ended" });
  });

  return test;
});
