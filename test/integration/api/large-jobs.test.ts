import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { within } from "../../support/deadline.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("large jobs");
const TIMEOUT_MS = 240_000;
/** Between two pings: they are not to take the processor from what they watch. */
const PAUSE_MS = 20;
let stage: FacadeStage;

test.before(async () => {
  stage = await FacadeStage.open();
});
test.after(async () => {
  await stage?.close();
});

function tasks(image: string): object[] {
  return Array.from({ length: 2000 }, (_, i) => ({
    name: `task-${i}`,
    image,
    command: ["python", "train.py"],
    args: ["--index", `${i}`],
    ...(i === 0 ? {} : { depends: [`task-${Math.floor(i / 2)}`] }),
  }));
}

/** A call whose answer is not held against the OpenAPI document, which takes a while for so large a one, in this very process. */
function call(method: string, path: string, body?: string, type = "application/json"): Promise<Answer> {
  const headers = { authorization: `Bearer ${stage.token}`, ...(body === undefined ? {} : { "content-type": type }) };
  return send(stage.port, method, path, { headers, ...(body === undefined ? {} : { body }) });
}

/** Nearly 1 MiB that is YAML, and full of faults. */
const HOSTILE = `tasks: [${"{},".repeat(349_000)}]`;

/** Pings one after the other until `work` is done: how long that took, and the longest ping, in milliseconds. */
async function pinging<T>(work: Promise<T>): Promise<{ value: T; took: number; longest: number; pings: number }> {
  const start = performance.now();
  let [isDone, longest, pings] = [false, 0, 0];
  const done = work.finally(() => {
    isDone = true;
  });
  // It may fail while a ping is awaited; whoever awaits it below is told.
  done.catch(() => undefined);
  while (!isDone) {
    const asked = performance.now();
    const { status } = await call("GET", "/v1/ping");
    assert.is(status, 200);
    longest = Math.max(longest, performance.now() - asked);
    pings += 1;
    await delay(PAUSE_MS);
  }
  return { value: await done, took: performance.now() - start, longest, pings };
}

test("O-6, O-53: pings are answered while a large main.yml full of faults is read", () =>
  within(TIMEOUT_MS, async () => {
    await stage.call("POST", "/v1/jobs", { job: { name: "hostile" } });
    const upload = call("POST", "/v1/jobs/hostile/files/main.yml", HOSTILE, "application/octet-stream");
    const { value, took, longest, pings } = await pinging(upload);
    assert.is(value.status, 422);
    console.log(`longest of ${pings} pings: ${Math.round(longest)} ms of ${Math.round(took)} ms`);
    assert.ok(longest < took / 2, `the longest of ${pings} pings took ${longest} ms of ${took} ms`);
  }));

test("O-6, O-102: pings are answered while jobs of 2,000 tasks are made, changed, listed and launched", () =>
  within(TIMEOUT_MS, async () => {
    const put = (image: string) => call("PUT", "/v1/jobs/large", JSON.stringify({ job: { tasks: tasks(image) } }));
    const work = async (): Promise<void> => {
      for (const image of ["i:1", "i:2"]) {
        const { status, json } = await put(image);
        assert.is(status, 200, JSON.stringify(json).slice(0, 500));
        const shown = (json as { job: { tasks: { image: string }[] } }).job.tasks;
        assert.equal([shown.length, shown[1999]?.image], [2000, image]);
      }
      assert.is((await call("GET", "/v1/jobs")).status, 200);
      await stage.launch("large");
    };
    const { took, longest, pings } = await pinging(work());
    console.log(`longest of ${pings} pings: ${Math.round(longest)} ms of ${Math.round(took)} ms`);
    assert.ok(longest < took / 2, `the longest of ${pings} pings took ${longest} ms of ${took} ms`);
  }));

test("O-102, O-105: of two changes of one large job both are there in the end", () =>
  within(TIMEOUT_MS, async () => {
    const config = (name: string) => ({ name, content: `${name}\n` });
    const answers = await Promise.all(
      ["i:3", "i:4"].map((image) =>
        stage.call("PUT", "/v1/jobs/twice", {
          job: { tasks: tasks(image), configs: [config(`${image.slice(2)}.yml`)] },
        }),
      ),
    );
    assert.equal(
      answers.map(({ status }) => status),
      [200, 200],
    );
    const { json } = await stage.call("GET", "/v1/jobs/twice");
    const { tasks: shown, configs } = (json as { job: { tasks: { image: string }[]; configs: { name: string }[] } })
      .job;
    assert.is(new Set(shown.map(({ image }) => image)).size, 1, "one of the two, whole");
    assert.equal(
      configs.map(({ name }) => name),
      ["3.yml", "4.yml"],
    );
  }));

test.run();
