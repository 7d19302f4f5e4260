import { join } from "node:path";
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, RunEvent } from "../../../crds/generated/types.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { KubeError } from "../../../kube/errors.ts";
import { silentLogger } from "../../../kube/logger.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import { makeArchiveMetrics } from "../../../operator/act/archive-metrics.ts";
import type { CoreEvents } from "../../../operator/act/core-events.ts";
import { RunKeeper } from "../../../operator/act/run-keeper.ts";
import { type CachedRun, projectRun } from "../../../operator/cached-run.ts";
import { ObjectIndex } from "../../../operator/object-index.ts";
import { WarningIndex } from "../../../operator/warnings.ts";
import { EmbeddedSql } from "../../../store/embedded.ts";
import { RunArchive } from "../../../store/run-archive.ts";
import type { Sql } from "../../../store/sql.ts";
import { StoreProblem } from "../../../store/store-problem.ts";
import { until, within } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const test = suite("keeper of ended runs");
const WAIT_MS = 60_000;
let place: TemporaryDirectory;
let embedded: EmbeddedSql;

test.before(async () => {
  place = await temporaryDirectory();
  embedded = new EmbeddedSql(join(place.path, "store.db"));
});
test.after(async () => {
  await embedded.close();
  await place.remove();
});

type Run = KubeObject & Pipeline;

/** A run that has ended, or goes on. */
function run(name: string, phase = "DONE", tasks = 1): Run {
  const states = Array.from({ length: tasks }, (_, n) => [`t${n}`, { state: "executed", attempt: 1 }]);
  return {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: {
      name,
      namespace: "ns",
      uid: `uid-${name}`,
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
    },
    spec: { tasks: [{ name: "t0", image: "i", command: ["c"] }] },
    status: { phase, tasks: Object.fromEntries(states) },
  } as Run;
}

/** A keeper over a store that can be told to refuse, and a cluster with these runs. */
function world(...there: Run[]) {
  const cached = new Map<string, CachedRun>(there.map((one) => [`ns/${one.metadata.name}`, projectRun(one)]));
  const objects = new Map(there.map((one) => [one.metadata.name, one]));
  const asked: string[] = [];
  const state: { refusal?: StoreProblem; writes: number } = { writes: 0 };
  const refused = (): void => {
    if (state.refusal !== undefined) throw state.refusal;
  };
  const sql: Sql = {
    async read(statement) {
      refused();
      return await embedded.read(statement);
    },
    async write(statements) {
      refused();
      if (statements.length > 0) state.writes += 1;
      return await embedded.write(statements);
    },
    tidy: () => embedded.tidy(),
    close: async () => undefined,
  };
  const client = {
    async get(path: string) {
      const name = path.split("/").at(-1) ?? "";
      asked.push(name);
      const found = objects.get(name);
      if (found === undefined)
        throw new KubeError({ category: "notFound", code: 404, reason: "NotFound", message: "no" });
      return found;
    },
  } as unknown as KubeClient;
  const registry = new Registry();
  let keeper: RunKeeper | undefined;
  const metrics = makeArchiveMetrics(registry, { logs: () => undefined, runs: () => keeper });
  const caches = {
    runs: { list: () => cached.values(), get: (key: string) => cached.get(key) },
    snapshots: { get: () => undefined },
    objectsByRun: new ObjectIndex(),
    warningsByObject: new WarningIndex(),
  } as unknown as ConstructorParameters<typeof RunKeeper>[0]["caches"];
  const told: string[] = [];
  const events = { tell: (_: object, [event]: RunEvent[]) => told.push(event?.message ?? "") } as unknown as CoreEvents;
  const options = { client, caches, events, metrics, logger: silentLogger, retryMs: 20 };
  keeper = new RunKeeper({ ...options, archive: new RunArchive(sql) });
  return { told, keeper, cached, objects, asked, state, text: () => registry.metrics() };
}

const archive = (): RunArchive => new RunArchive(embedded);
const held = (keeper: RunKeeper, ...names: string[]): Promise<boolean> =>
  until(() => names.every((name) => keeper.holds(`uid-${name}`)), WAIT_MS, { describe: `${names.join()} are held` });

test("runs that end together are stored together, without being asked for, each once", () =>
  within(WAIT_MS, async () => {
    const { keeper, asked, state, text } = world();
    keeper.begin();
    const names = Array.from({ length: 20 }, (_, n) => `many-${n}`);
    keeper.offer(run("goes-on", "RUNNING"));
    for (const name of names) keeper.offer(run(name));
    for (const name of names) keeper.offer(run(name));
    await held(keeper, ...names);
    assert.is(state.writes, 1);
    for (const name of names) keeper.offer(run(name));
    assert.is(keeper.waiting, 0);
    assert.equal(asked, []);
    assert.not.ok(keeper.holds("uid-goes-on"));
    assert.match(await text(), 'odin_archived_runs_total{outcome="stored"} 20');
    await keeper.stop();
  }));

test("F-36: what ended before is looked for in the store, and read where that does not have it", () =>
  within(WAIT_MS, async () => {
    await archive().save([
      {
        ...{ uid: "uid-known", namespace: "ns", name: "known", job: "", version: "", user: "", phase: "DONE" },
        ...{ createdAt: 1, endedAt: 2, document: {} },
      },
    ]);
    const { keeper, asked, objects } = world(run("known"), run("unknown"), run("vanished"), run("going-on", "RUNNING"));
    objects.delete("vanished");
    keeper.begin();
    await held(keeper, "known", "unknown");
    await until(() => keeper.waiting === 0, WAIT_MS, { describe: "nothing is waited for" });
    assert.equal(asked.sort(), ["unknown", "vanished"]);
    assert.not.ok(keeper.holds("uid-vanished"));
    await keeper.stop();
  }));

test("F-36: while the store refuses, what is held is bounded and the lag is told; then all of it is stored", () =>
  within(WAIT_MS, async () => {
    const large = Array.from({ length: 12 }, (_, n) => run(`large-${n}`, "DONE", 1_000));
    const { keeper, asked, state, text } = world(...large);
    state.refusal = new StoreProblem("full", "the store: no room");
    keeper.begin();
    for (const one of large) keeper.offer(one);
    await until(async () => (await text()).includes('odin_archive_errors_total{kind="full"}'), WAIT_MS, {
      describe: "the refusal is counted",
    });
    assert.is(keeper.waiting, 12);
    assert.ok(keeper.lagSeconds > 0);
    assert.match(await text(), 'odin_archive_waiting{what="runs"} 12');
    delete state.refusal;
    await held(keeper, ...large.map(({ metadata }) => metadata.name));
    // The first four fitted into memory, the others were read again.
    assert.is(asked.length, 8);
    assert.is(keeper.lagSeconds, 0);
    await keeper.stop();
  }));

test("a run whose object goes is told to be gone once it is stored; one of which nothing is left is lost", () =>
  within(WAIT_MS, async () => {
    const { keeper, state, objects, text } = world(run("unread"));
    state.refusal = new StoreProblem("unavailable", "the store: away");
    keeper.begin();
    keeper.offer(run("quick"));
    assert.is(keeper.runGone("uid-quick"), true);
    await until(async () => (await text()).includes("odin_archive_errors_total"), WAIT_MS, {
      describe: "it is refused",
    });
    delete state.refusal;
    await held(keeper, "quick", "unread");
    objects.clear();
    assert.is(keeper.runGone("uid-unread"), true);
    await until(() => archive().withoutObject(["uid-quick", "uid-unread"]), WAIT_MS, {
      describe: "both are told to be gone",
      accept: ({ length }) => length === 2,
    });
    // Their pods may go later than they: their logs are still kept.
    assert.ok(keeper.holds("uid-quick"));
    assert.is(keeper.runGone("uid-never-ended"), false);
    await keeper.stop();
  }));

test("a run that the store cannot take does not keep others from being stored", () =>
  within(WAIT_MS, async () => {
    const { keeper } = world();
    keeper.begin();
    const odd = run("odd");
    (odd.metadata as { creationTimestamp?: unknown }).creationTimestamp = "2026-01-01T00:00:00Z";
    (odd.spec as { user?: unknown }).user = { no: "text" };
    keeper.offer(odd);
    keeper.offer(run("even"));
    await held(keeper, "even");
    assert.not.ok(keeper.holds("uid-odd"));
    await keeper.stop();
  }));

test("F-36: a run that the store refuses for good holds nothing up: that is told, and its object may go", () =>
  within(WAIT_MS, async () => {
    const odd = run("odd");
    (odd.spec as { user?: unknown }).user = { no: "text" };
    const { keeper, told, text } = world(odd);
    keeper.begin();
    keeper.offer(odd);
    assert.not.ok(keeper.isDone("uid-odd"));
    await until(() => keeper.isDone("uid-odd"), WAIT_MS, { describe: "it is given up" });
    assert.not.ok(keeper.holds("uid-odd"));
    assert.is(told.length, 1);
    assert.match(told[0] ?? "", /^the run's history could not be kept and goes with its object: /);
    assert.match(await text(), 'odin_archived_runs_total{outcome="lost"} 1');
    keeper.begin();
    keeper.offer(odd);
    assert.is(keeper.waiting, 0, "it is not tried for ever");
    assert.not.ok(keeper.runGone("uid-odd"), "its logs go with it");
    await keeper.stop();
  }));

test("after a stop nothing is taken in or stored", async () => {
  const { keeper, state } = world();
  keeper.begin();
  await keeper.stop();
  keeper.offer(run("late"));
  assert.equal([keeper.waiting, state.writes], [0, 0]);
});

test.run();
