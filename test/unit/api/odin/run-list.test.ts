import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Run } from "../../../../api/cache/cluster-view.ts";
import { pipelineView } from "../../../../api/odin/pipeline-view.ts";
import { RunList } from "../../../../api/odin/run-list.ts";
import { RUNNING, SampleView, sampleRun } from "./sample.ts";

const test = suite("api list of runs");
const ALL = 1000;

const run = (name: string, creationTimestamp: string, status = RUNNING): Run =>
  sampleRun(status, { name, uid: `uid-${name}-${creationTimestamp}`, creationTimestamp });
const OLD = run("old-1", "2026-01-01T00:00:00Z");
const NEW = run("new-1", "2026-01-03T00:00:00Z");
const MIDDLE = [run("mid-b", "2026-01-02T00:00:00Z"), run("mid-a", "2026-01-02T00:00:00Z")];

interface Shown {
  pipelines: { id: string; status: string; tasks: { name: string }[] }[];
}
const shown = (list: RunList, q?: string, limit = ALL): Shown =>
  JSON.parse(list.reply(q, limit).body.toString()) as Shown;
const ids = (list: RunList, q?: string, limit = ALL): string[] => shown(list, q, limit).pipelines.map(({ id }) => id);

/** Puts a run in the place of one of its name, as a change from the API server does. */
function replace(view: SampleView, next: Run): void {
  view.runs.set(next.pipeline.metadata.name, next);
  view.changed();
}

test("O-48: no runs are an empty list; a run is shown as it is alone", () => {
  assert.equal(shown(new RunList(new SampleView())), { pipelines: [] });
  const view = new SampleView(NEW);
  assert.equal(shown(new RunList(view)).pipelines[0], JSON.parse(JSON.stringify(pipelineView(NEW))));
});

test("O-91: the newest first, those of one second by name, also after changes", () => {
  const view = new SampleView(OLD, ...MIDDLE, NEW);
  const list = new RunList(view);
  const order = ["new-1", "mid-a", "mid-b", "old-1"];
  assert.equal(ids(list), order);
  replace(view, run("mid-b", "2026-01-02T00:00:00Z", { ...RUNNING, phase: "DONE" }));
  assert.equal(ids(list), order);
  assert.is(shown(list, "mid-b").pipelines[0]?.status, "DONE");
  // Another run of the same name, which is younger.
  replace(view, run("old-1", "2026-01-04T00:00:00Z"));
  assert.equal(ids(list), ["old-1", "new-1", "mid-a", "mid-b"]);
  view.runs.delete("new-1");
  replace(view, run("next", "2026-01-05T00:00:00Z"));
  assert.equal(ids(list), ["next", "old-1", "mid-a", "mid-b"]);
  view.runs.delete("next");
  view.changed();
  assert.equal(ids(list), ["old-1", "mid-a", "mid-b"]);
});

test("O-90, O-91: `q` and `limit` choose, the total counts what `q` matches", () => {
  const list = new RunList(new SampleView(OLD, ...MIDDLE, NEW));
  assert.equal(ids(list, "MID"), ["mid-a", "mid-b"]);
  assert.equal(ids(list, "-1", 1), ["new-1"]);
  assert.is(list.reply("-1", 1).total, 2);
  assert.is(list.reply(undefined, 1).total, 4);
  assert.equal(ids(list, ".*"), []);
});

test("a reply is kept until something changes, and a change shows in the next one", () => {
  const view = new SampleView(OLD);
  const list = new RunList(view);
  assert.is(list.kept(undefined, ALL), undefined);
  const first = list.reply(undefined, ALL);
  assert.is(list.kept(undefined, ALL), first);
  assert.is(list.reply(undefined, ALL), first);
  assert.is(list.kept("old", ALL), undefined);
  replace(view, run("old-1", "2026-01-01T00:00:00Z", { ...RUNNING, phase: "DONE" }));
  assert.is(list.kept(undefined, ALL), undefined);
  assert.is(shown(list).pipelines[0]?.status, "DONE");
});

test("tasks that come in after their run are shown as soon as they are there", () => {
  const view = new SampleView({ ...NEW, tasks: [] });
  const list = new RunList(view);
  assert.equal(shown(list).pipelines[0]?.tasks, []);
  view.runs.set("new-1", { pipeline: NEW.pipeline, tasks: NEW.tasks });
  view.changed();
  assert.is(shown(list).pipelines[0]?.tasks.length, NEW.tasks.length);
});

test("what is kept is bounded, however many different questions are asked", () => {
  const list = new RunList(new SampleView(OLD));
  const questions = Array.from({ length: 40_000 }, (_, index) => `q${index}`);
  for (const q of questions) list.reply(q, ALL);
  const kept = questions.filter((q) => list.kept(q, ALL) !== undefined).length;
  assert.ok(kept > 100 && kept < 20_000, `${kept} replies are kept`);
});

test.run();
