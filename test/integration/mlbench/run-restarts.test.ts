// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PIPELINE } from "../../../crds/resources.ts";
import { until } from "../../support/deadline.ts";
import { FORM, OK, type RunProcess, RunStage, WAIT_MS } from "./run-stage.ts";

let stage: RunStage;
const restarts = suite("runs of MLBench over the death of a controller");
restarts.before(async () => {
  stage = await RunStage.open({}, { postgres: true });
});
restarts.after(async () => {
  await stage.close();
});

const ACTIVE: (process: RunProcess) => boolean = ({ controller }) => controller.isActive;

restarts(
  "M-2, M-47, M-60: killed at any moment, no run is forgotten or begun twice, and nothing is said twice",
  async () => {
    const ids: number[] = [];
    let current = stage.last;
    await until(() => ACTIVE(current), WAIT_MS, { describe: "a controller" });
    const finished = new Set<number>();
    /** Who was told last that a command has ended: what it did not write any more is told to the next one. */
    const toldOf = new Map<number, RunProcess>();
    const tellEnd = (id: number, process: RunProcess): void => {
      process.end(id, OK);
      toldOf.set(id, process);
    };
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 2; n++) ids.push(await stage.create(`r${round}-${n}`, { num_workers: "1" }, current));
      // Somewhere between the creation, the workers, the command and the end.
      await new Promise((done) => setTimeout(done, round * 170));
      const next = await stage.process();
      current.kill();
      await until(() => ACTIVE(next), WAIT_MS, { describe: "the next controller" });
      assert.not.ok(ACTIVE(current), "two at once");
      const dead = current;
      current = next;
      await dead.stop();
      for (const id of ids.filter((one) => !finished.has(one)).slice(0, 2)) {
        await stage.ready(id, 1);
        const { run, pods } = await stage.untilCommand(id, current);
        const { status, metadata } = await stage.pipeline(id);
        assert.is(run.uid, metadata.uid);
        assert.equal(
          pods.map(({ uid }) => uid),
          status?.workers?.ranks?.map(({ uid }) => uid),
        );
        tellEnd(id, current);
        finished.add(id);
      }
    }
    for (const id of ids) {
      if (!finished.has(id)) await stage.ready(id, 1);
      const isFinished = async (): Promise<boolean> => (await stage.state(id, current)) === "finished";
      await until(async () => current.commands.has(id) || (await isFinished()), WAIT_MS, {
        describe: `run ${id} is followed, or over`,
      });
      if (toldOf.get(id) !== current && !(await isFinished())) tellEnd(id, current);
      await stage.untilState(id, "finished", current);
      await stage.untilClean(id);
      const lines = await stage.lines(id, "stdout", current);
      const once = lines.filter((line) => !line.startsWith("Waiting for workers"));
      assert.equal(once.slice(0, 3), [
        "Initializing run",
        "Waiting for nodes to be available",
        "Waiting for pods to become available",
      ]);
      assert.is(once.length, 6, lines.join("\n"));
      assert.is(once.at(-1), "Started run.");
    }
  },
);

restarts(
  "M-2: a command that ended while nobody led is told to the next controller, and a started one is followed",
  async () => {
    const before = stage.last;
    const id = await stage.create("followed", { num_workers: "1" });
    await stage.ready(id, 1);
    const first = await stage.untilCommand(id);
    const next = await stage.process();
    before.kill();
    const second = await stage.untilCommand(id, next);
    assert.equal(second.run, first.run);
    assert.equal(second.pods, first.pods);
    next.end(id, { ok: false, reason: "Command of rank 0 exited with status 2", ranks: [] });
    await stage.untilState(id, "failed", next);
    assert.equal(await stage.lines(id, "stderr", next), ["Run failed", "Command of rank 0 exited with status 2"]);
    await before.stop();
  },
);

restarts("M-58: a deletion is finished by whoever comes next", async () => {
  const before = stage.last;
  const id = await stage.create("deleted", { num_workers: "1" });
  await stage.ready(id, 1);
  await stage.untilCommand(id);
  before.kill();
  const next = await stage.process();
  assert.is((await stage.remove(id, next)).status, 204);
  assert.is((await stage.get(`/api/runs/${id}/`, next)).status, 404);
  await until(() => stage.read(PIPELINE, `mlbench-${id}j`), WAIT_MS, {
    describe: "gone",
    accept: (run) => run === undefined,
  });
  await stage.untilClean(id);
  await before.stop();
});

restarts("M-10, M-60: a POST that cannot be written is a 503 and has made at most one run", async () => {
  const cut = await stage.process();
  const posts = Array.from({ length: 4 }, (_, index) => stage.post({ ...FORM, name: `cut-${index}` }, cut));
  cut.kill();
  const answers = await Promise.all(posts);
  const list = (await stage.get("/api/runs/", stage.processes[stage.processes.length - 2] ?? cut)).json as unknown as {
    id: number;
    name: string;
  }[];
  for (const [index, { status, json, text }] of answers.entries()) {
    const made = list.filter(({ name }) => name === `cut-${index}`);
    assert.ok(status === 201 || status >= 500, text);
    assert.ok(made.length <= 1);
    if (status === 201)
      assert.equal(
        made.map(({ id }) => id),
        [json.id],
      );
  }
  await cut.stop();
});

restarts.run();
