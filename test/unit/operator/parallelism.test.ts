/** Limits on what goes on at a time are never exceeded, and nothing waits that could go: over random schedules. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import type { CachedJob } from "../../../operator/cached-job.ts";
import { type CachedRun, projectRun } from "../../../operator/cached-run.ts";
import type { Caches } from "../../../operator/caches.ts";
import { Places } from "../../../operator/decide/parallelism.ts";
import type { Controls, Plan, TaskView } from "../../../operator/decide/run.ts";
import { placeOf, RunTurns } from "../../../operator/run-turns.ts";
import { TaskSlots } from "../../../operator/task-slots.ts";
import { comparePlaces, type Place, WaitingLine } from "../../../operator/waiting-line.ts";
import { ChangeFeed } from "../../support/change-feed.ts";
import { randomSource } from "../../support/random.ts";

const parallelism = suite("parallelism");

parallelism("a line keeps priority, then age, then name, whatever is put in, moved and taken out", () => {
  const random = randomSource(3);
  for (let round = 0; round < 50; round++) {
    const line = new WaitingLine<Place>();
    const expected = new Map<string, Place>();
    for (let step = 0; step < 60; step++) {
      const key = `n/r${random.integer(0, 15)}`;
      if (random.integer(0, 3) === 0) assert.is(line.delete(key), expected.delete(key));
      else {
        const place = { key, priority: random.integer(-1, 1), createdAt: `2026-01-0${random.integer(1, 3)}` };
        line.set(place);
        expected.set(key, place);
      }
      const order = [...expected.values()].sort(comparePlaces);
      assert.equal([...line], order);
      assert.is(line.size, order.length);
      for (const [index, place] of order.entries()) assert.is(line.before(place), index);
    }
  }
});

const view = (name: string, state: TaskView["record"]["state"]): TaskView => ({
  task: { name, image: "i", command: ["c"] },
  record: { state },
});
const plan = (more: Partial<Plan>): Plan => ({
  tasks: [],
  files: [],
  failurePolicy: "Stop",
  dependencies: new Map(),
  ...more,
});
const controls: Controls = { suspend: false, stop: false, cancel: false };

parallelism(
  "a run's own limit counts what executes; the spec's word wins over the plan's; waiting time is not counted",
  () => {
    const tasks = [view("a", "executing"), view("b", "executed"), view("c", "waiting")];
    const places = new Places({ plan: plan({ parallelism: 2 }), controls }, tasks);
    assert.is(places.refusal("next", {}), undefined);
    places.take("next");
    const refused = places.refusal("next", { attempt: 1, pod: "p", readyTime: "2026-01-01T00:00:00Z" });
    assert.is(refused?.reason, "RunParallelism");
    assert.match(refused?.message ?? "", "2 of its tasks");
    assert.is(refused?.readyTime, undefined);
    assert.is(refused?.attempt, 1);
    assert.ok(
      new Places({ plan: plan({ parallelism: 2 }), controls: { ...controls, parallelism: 1 } }, tasks).refusal(
        "next",
        {},
      ),
    );
    assert.is(new Places({ plan: plan({}), controls }, tasks).refusal("next", {}), undefined);
  },
);

parallelism("tasks that the namespace has no room for are counted, within the run's own limit", () => {
  const places = new Places({ plan: plan({ parallelism: 3 }), controls, room: { tasks: 1, message: "no room" } }, []);
  assert.is(places.refusal("next", {}), undefined);
  places.take("next");
  assert.is(places.refusal("next", {})?.message, "no room");
  assert.is(places.refusal("next", {})?.reason, "NamespaceParallelism");
  assert.is(places.refusal("next", {})?.reason, "RunParallelism");
  assert.is(places.wants, 2);
});

parallelism(
  "the slots of a namespace: never more than the limit, none idle while a run waits, in order of priority and age",
  () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomSource(seed);
      const limit = random.integer(1, 6);
      const queue = new Set<string>();
      const slots = new TaskSlots({ limit, touch: (key) => queue.add(key), owns: () => true });
      interface Run {
        place: Place;
        left: number;
        live: number;
        creating: number;
      }
      const runs = new Map<string, Run>();
      for (let n = 0; n < 8; n++) {
        const key = `n/r${n}`;
        const place = { key, priority: random.integer(0, 1), createdAt: `2026-01-0${random.integer(1, 4)}` };
        runs.set(key, { place, left: random.integer(0, 9), live: 0, creating: 0 });
        queue.add(key);
      }
      const reconcile = (run: Run): void => {
        const start = Math.min(run.left, slots.available(run.place));
        slots.wait(run.place, run.left - start);
        slots.reserve(run.place.key, start);
        run.left -= start;
        run.creating += start;
      };
      const total = (): number => [...runs.values()].reduce((sum, run) => sum + run.live + run.creating, 0);
      for (let step = 0; step < 400; step++) {
        const all = [...runs.values()];
        const run = random.pick(all);
        const choice = random.integer(0, 9);
        if (queue.size > 0 && choice < 4) {
          const key = random.pick([...queue]);
          queue.delete(key);
          const looked = runs.get(key);
          if (looked !== undefined) reconcile(looked);
        } else if (choice < 7 && run.creating > 0) {
          // A creation succeeds, or is refused and comes again.
          run.creating -= 1;
          if (random.integer(0, 4) > 0) {
            run.live += 1;
            slots.changed("n", 1);
          } else {
            run.left += 1;
            queue.add(run.place.key);
          }
          slots.settle(run.place.key);
        } else if (run.live > 0) {
          run.live -= 1;
          slots.changed("n", -1);
          queue.add(run.place.key);
        } else if (choice === 9 && run.left > 0 && random.integer(0, 5) === 0) {
          // It is cancelled.
          run.left = 0;
          slots.leave(run.place.key);
        }
        assert.ok(total() <= limit, `seed ${seed}, step ${step}: ${total()} of ${limit}`);
        if (queue.size === 0 && total() < limit)
          assert.not(
            all.some(({ left }) => left > 0),
            `seed ${seed}, step ${step}: a slot is free and a run waits`,
          );
      }
      // Let everything end: no schedule leaves a task behind.
      for (let step = 0; step < 1000; step++) {
        for (const key of [...queue]) {
          queue.delete(key);
          const looked = runs.get(key);
          if (looked !== undefined) reconcile(looked);
        }
        for (const run of runs.values()) {
          for (; run.creating > 0; run.creating--) {
            run.live += 1;
            slots.changed("n", 1);
            slots.settle(run.place.key);
          }
          for (; run.live > 0; run.live--) slots.changed("n", -1);
        }
      }
      assert.ok(
        [...runs.values()].every(({ left }) => left === 0),
        `seed ${seed}: every task has had its turn`,
      );
    }
  },
);

parallelism("a run of higher priority, then an older one, is served first", () => {
  const touched: string[] = [];
  const slots = new TaskSlots({ limit: 1, touch: (key) => touched.push(key), owns: (key) => key !== "n/elsewhere" });
  const place = (name: string, priority: number, createdAt: string): Place => ({
    key: `n/${name}`,
    priority,
    createdAt,
  });
  slots.changed("n", 1);
  slots.wait(place("young", 0, "3"), 1);
  slots.wait(place("old", 0, "2"), 1);
  slots.wait(place("elsewhere", 9, "1"), 5);
  slots.wait(place("urgent", 1, "4"), 1);
  assert.is(slots.available(place("urgent", 1, "4")), 0);
  slots.changed("n", -1);
  assert.equal(touched, ["n/urgent"], "only as many are told as there is room for");
  assert.is(slots.available(place("old", 0, "2")), 0, "the slot is kept for who goes first");
  assert.is(slots.available(place("urgent", 1, "4")), 1);
  slots.leave("n/urgent");
  assert.equal(touched, ["n/urgent", "n/old"]);
  assert.is(
    new TaskSlots({ limit: undefined, touch: () => {}, owns: () => true }).available(place("x", 0, "1")),
    Number.POSITIVE_INFINITY,
  );
});

/** Caches of which only the change feeds and the Jobs are there. */
class FakeCaches {
  readonly runs = new ChangeFeed<CachedRun>();
  readonly jobs = new ChangeFeed<CachedJob>();
  readonly caches = this as unknown as Caches;
}

const job = (parallelRuns: number | undefined): CachedJob => ({
  metadata: { name: "team-report", namespace: "n", uid: "j", resourceVersion: "1" },
  generation: 1,
  id: "Team/Report",
  taskCount: 1,
  snapshot: "s",
  mirrored: false,
  problem: "",
  ...(parallelRuns === undefined ? {} : { policy: { parallelRuns } }),
});

const runOf = (
  name: string,
  spec: Pipeline["spec"],
  phase?: "BUILDING" | "RUNNING" | "DONE",
  createdAt = "1",
): Pipeline => ({
  apiVersion: "odin.io/v1",
  kind: "Pipeline",
  metadata: { name, namespace: "n", uid: `u-${name}`, resourceVersion: "1", creationTimestamp: createdAt },
  spec,
  ...(phase === undefined ? {} : { status: { phase, job: "Team/Report" } }),
});
const cached = (run: Pipeline): CachedRun => projectRun(run as never);

parallelism("the runs of a job: never more than its limit, none waits that could go, also after restarts", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomSource(seed);
    let limit = random.integer(1, 4);
    const { runs, jobs, caches } = new FakeCaches();
    jobs.put(job(limit));
    const queue = new Set<string>();
    let turns = new RunTurns(caches, (key) => queue.add(key));
    const state = new Map<string, { run: Pipeline; phase: "BUILDING" | "RUNNING" | "DONE"; admitted: boolean }>();
    const going = (): number =>
      [...state.values()].filter(({ phase, admitted }) => phase === "RUNNING" || admitted).length;
    let raised = 0;
    for (let step = 0; step < 300; step++) {
      const choice = random.integer(0, 11);
      const entries = [...state.values()];
      const some = entries.length === 0 ? undefined : random.pick(entries);
      if (choice < 2 && state.size < 25) {
        const name = `r${state.size}`;
        const ref = random.pick(["Team/Report", "team-report"]);
        const run = runOf(name, { job: ref, priority: random.integer(0, 1) }, undefined, `${random.integer(1, 3)}`);
        state.set(name, { run, phase: "BUILDING", admitted: false });
        runs.put(cached(run));
        queue.add(`n/${name}`);
      } else if (choice < 7 && queue.size > 0) {
        const key = random.pick([...queue]);
        queue.delete(key);
        const entry = state.get(key.slice(2));
        if (entry === undefined || entry.phase !== "BUILDING" || entry.admitted) continue;
        if (turns.turnOf(entry.run, plan({ job: "Team/Report" })) === undefined) {
          entry.admitted = true;
          assert.ok(going() <= Math.max(limit, raised), `seed ${seed}, step ${step}: ${going()} of ${limit}`);
        }
      } else if (choice < 9 && some?.admitted) {
        some.phase = "RUNNING";
        some.admitted = false;
        runs.put(cached(runOf(some.run.metadata.name, some.run.spec, "RUNNING", some.run.metadata.creationTimestamp)));
      } else if (choice === 9 && some?.phase === "RUNNING") {
        some.phase = "DONE";
        runs.put(cached(runOf(some.run.metadata.name, some.run.spec, "DONE", some.run.metadata.creationTimestamp)));
      } else if (choice === 10 && random.integer(0, 9) === 0) {
        limit = random.integer(1, 4);
        raised = going();
        jobs.put(job(limit));
      } else if (choice === 11 && random.integer(0, 19) === 0 && entries.every(({ admitted }) => !admitted)) {
        // A restart: all that is known is what the API server has.
        queue.clear();
        runs.deafen();
        jobs.deafen();
        turns = new RunTurns(caches, (key) => queue.add(key));
        for (const { metadata } of runs.list()) {
          const object = runs.get(`n/${metadata.name}`);
          if (object !== undefined) runs.put(object);
          queue.add(`n/${metadata.name}`);
        }
      }
      if (going() <= limit) raised = 0;
      if (queue.size === 0 && going() < limit)
        assert.not(
          [...state.values()].some(({ phase, admitted }) => phase === "BUILDING" && !admitted),
          `seed ${seed}, step ${step}: a turn is free and a run waits`,
        );
    }
  }
});

parallelism("a run that waits names the limit, those that go and how many are before it", () => {
  const fake = new FakeCaches();
  fake.jobs.put(job(1));
  const told: string[] = [];
  const turns = new RunTurns(fake.caches, (key) => told.push(key));
  const made = ["a", "b", "c"].map((name) => runOf(name, { job: "Team/Report" }, undefined, name));
  for (const run of made) fake.runs.put(cached(run));
  const [a, b, c] = made as [Pipeline, Pipeline, Pipeline];
  const of = plan({ job: "Team/Report" });
  assert.is(turns.turnOf(a, of), undefined);
  assert.match(
    turns.turnOf(b, of)?.message ?? "",
    "job Team/Report lets 1 of its runs go at a time (parallelRuns), now a; it is the next",
  );
  assert.match(turns.turnOf(c, of)?.message ?? "", "now a; 1 is before it");
  assert.is(turns.turnOf(a, of), undefined, "one that may go may still go when asked again");
  told.length = 0;
  fake.runs.put(cached(runOf("a", { job: "Team/Report" }, "DONE", "a")));
  assert.equal(told, ["n/b"]);
  fake.runs.remove("n/b");
  assert.equal(told, ["n/b", "n/c"], "when the next one goes away, the one after it is told");
  assert.is(turns.turnOf(c, of), undefined);
});

parallelism(
  "without a Job the limit is the definition's; a Job without a limit has none; a suspended run takes no turn",
  () => {
    const fake = new FakeCaches();
    const turns = new RunTurns(fake.caches, () => {});
    const first = runOf("a", { job: "Team/Report" });
    const second = runOf("b", { job: "Team/Report" });
    fake.runs.put(cached(first));
    fake.runs.put(cached(second));
    const limited = plan({ job: "Team/Report", parallelRuns: 1 });
    assert.ok(turns.isLimited(first, limited));
    assert.ok(turns.turnOf(second, limited));
    fake.runs.put(cached(runOf("a", { job: "Team/Report", suspend: true })));
    assert.is(turns.turnOf(second, limited), undefined);
    fake.jobs.put(job(undefined));
    assert.is(turns.turnOf(runOf("c", { job: "Team/Report" }), limited), undefined);
    assert.not(turns.isLimited(first, limited));
    assert.equal(placeOf(runOf("c", { job: "x", priority: 4 }, undefined, "7")), {
      key: "n/c",
      priority: 4,
      createdAt: "7",
    });
  },
);
parallelism.run();
