// timeout: 1200
import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { randomSource } from "../../support/random.ts";
import type { Answer } from "../../unit/api/served.ts";
import { FATES, KilledApi, type KillPoint, LONG_MS, WRITES } from "./killed-api.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** Kills at a time and not at a write. */
const TIMED_KILLS = 8;
/** Names that are posted at once in each of these, the first of them twice. */
const AT_ONCE = 3;

const random = randomSource(SEED);
const posts = suite("POST of MLBench runs under kill -9");
/** Every name, with all answers to its POSTs. */
const posted = new Map<string, (Answer | undefined)[]>();
let api: KilledApi;
/** How long all writes of a POST took that nobody disturbed. */
let spanMs = 0;

posts.before(async () => {
  console.log(`seed ${SEED}`);
  api = await KilledApi.open();
});
posts.after(async () => {
  await api.close();
});

/** Posts and remembers the answer. */
async function post(name: string, how: (name: string) => Promise<Answer | undefined> = (one) => api.post(one)) {
  const answer = await how(name);
  posted.set(name, [...(posted.get(name) ?? []), answer]);
  return answer;
}
const postAgain = (name: string) => post(name, (one) => api.postUntilAnswered(one));

/** Holds what there is of a name against what was answered; the number of runs. */
async function check(name: string, moment: string): Promise<number> {
  const about = `${name} ${moment}, seed ${SEED}`;
  const runs = (await api.runs()).filter((run) => run.name === name);
  assert.ok(runs.length <= 1, `two runs: ${about}`);
  const answers = posted.get(name) ?? [];
  const passed = answers.filter((answer) => answer?.status === 201);
  assert.ok(passed.length <= 1, `two answers of success: ${about}`);
  for (const { json } of passed.flatMap((answer) => answer ?? [])) {
    assert.equal(
      runs.map(({ id }) => id),
      [json.id],
      `the run of an answer: ${about}`,
    );
  }
  for (const answer of answers) {
    if (answer === undefined || answer.status === 201) continue;
    assert.is(answer.text, `{"status":"Conflict","message":"There is already an active run named ${name}"}`, about);
  }
  return runs.length;
}

posts("M-47: the writes of a POST that nobody disturbs are those at which the others are killed", async () => {
  await api.untilIdle();
  assert.is((await post("first"))?.status, 201);
  await api.untilIdle();
  const before = api.writes.length;
  const started = performance.now();
  assert.is((await post("undisturbed"))?.status, 201);
  const writes = await until(() => api.writes.slice(before), LONG_MS, {
    describe: "the writes",
    accept: ({ length }) => length >= WRITES.length,
  });
  spanMs = performance.now() - started;
  assert.equal(
    writes,
    WRITES.map(({ where }) => where),
  );
});

for (const point of shuffled(WRITES.flatMap((_, index) => FATES.map((fate) => ({ write: index + 1, fate }))))) {
  const { write, fate } = point;
  const moment = `killed when ${WRITES[write - 1]?.what} is written, which ${fate}`;
  posts(`M-40, M-59, M-60: ${moment}: at most one run, and the client that asks again is told so`, async () => {
    await api.untilIdle();
    const name = `write-${write}-${FATES.indexOf(fate)}`;
    const order = api.killAt(point);
    const first = post(name);
    await order.killed;
    // The first two writes come before the answer.
    if (write <= 2) assert.is(await first, undefined, moment);
    await first;
    await check(name, moment);
    api.start();
    await postAgain(name);
    const count = await check(name, `${moment}, asked again`);
    const shown = (await api.send("GET", "/api/runs/")).json as unknown as { name: string }[];
    assert.is(shown.filter((run) => run.name === name).length, count, `${moment}, shown, seed ${SEED}`);
    order.letGo();
    await api.untilIdle();
    await check(name, `${moment}, taken up again`);
  });
}

posts("M-40, M-60: killed at any time while names are posted, one of them twice", async () => {
  for (let kill = 0; kill < TIMED_KILLS; kill++) {
    if (random.integer(0, 2) > 0) await api.untilIdle();
    const afterMs = random.integer(0, Math.ceil(spanMs * 1.5));
    const names = Array.from({ length: AT_ONCE }, (_, index) => `timed-${kill}-${index}`);
    const under = [...names, `timed-${kill}-0`].map((name) => post(name));
    await pause(afterMs);
    await api.kill();
    await Promise.all(under);
    const moment = `killed after ${afterMs} ms`;
    for (const name of names) await check(name, moment);
    api.start();
    await Promise.all(names.map(postAgain));
    for (const name of names) await check(name, `${moment}, asked again`);
  }
});

posts("M-40, M-59: after all that each name has its run, or is free when a reservation is a minute old", async () => {
  await api.untilIdle();
  const usable = async (name: string): Promise<number> => {
    if ((await check(name, "in the end")) === 0) await postAgain(name);
    return await check(name, "in the end");
  };
  await Promise.all(
    [...posted.keys()].map((name) =>
      until(() => usable(name), LONG_MS, { describe: `the run of ${name}`, everyMs: 2_000 }),
    ),
  );
  const runs = await api.runs();
  assert.is(runs.length, posted.size);
  assert.is(new Set(runs.map(({ id }) => id)).size, runs.length);
  const shown = (await api.send("GET", "/api/runs/")).json as unknown as { id: number; name: string; job_id: string }[];
  const key = (id: unknown, name: unknown, uid: unknown): string => `${id} ${name} ${uid}`;
  assert.equal(
    shown.map(({ id, name, job_id }) => key(id, name, job_id)).sort(),
    runs.map(({ id, name, uid }) => key(id, name, uid)).sort(),
  );
});

posts("M-44, M-47: each run has exactly one StatefulSet and one Service, and there is none without a run", async () => {
  const uids = (await api.runs()).map(({ uid }) => uid).sort();
  const owners = await until(() => api.owners(), LONG_MS, {
    describe: "the workers of all runs",
    accept: ({ sets, services }) => sets.length >= uids.length && services.length >= uids.length,
  });
  assert.equal(owners, { sets: uids, services: uids });
  const shown = (await api.send("GET", "/api/runs/")).json as unknown as { name: string; state: string }[];
  assert.equal(
    shown.filter(({ state }) => state !== "started"),
    [],
  );
});

posts("M-40, M-58: all of them can be deleted, nothing is left, and their names are free at once", async () => {
  const shown = (await api.send("GET", "/api/runs/")).json as unknown as { id: number }[];
  for (const { id } of shown) assert.is((await api.send("DELETE", `/api/runs/${id}/`)).status, 204);
  const names = [...posted.keys()];
  const ids = shown.map(({ id }) => id);
  for (const name of names.filter(() => random.integer(0, 4) === 0)) {
    const { status, json, text } = await api.postUntilAnswered(name);
    assert.is(status, 201, `${text}, seed ${SEED}`);
    assert.not.ok(ids.includes(Number(json.id)));
    assert.is((await api.send("DELETE", `/api/runs/${json.id}/`)).status, 204);
  }
  await until(async () => ({ runs: await api.runs(), ...(await api.owners()) }), LONG_MS, {
    describe: "nothing is left",
    accept: ({ runs, sets, services }) => runs.length + sets.length + services.length === 0,
  });
});

/** The points in an order of the seed's. */
function shuffled(points: KillPoint[]): KillPoint[] {
  return points
    .map((point) => ({ point, at: random.integer(0, 1_000_000) }))
    .sort((a, b) => a.at - b.at)
    .map(({ point }) => point);
}

posts.run();
