import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../../crds/generated/types.ts";
import { runDocument } from "../../../crds/run-document.ts";
import { openStore, type Store } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { kubectl } from "../../support/kubectl.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { SST2_TASKS } from "../../unit/api/odin/sample.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("api history of runs");
const WAIT_MS = 60_000;
let place: TemporaryDirectory;
let store: Store;
let stage: FacadeStage;

test.before(async () => {
  try {
    place = await temporaryDirectory();
    store = openStore(join(place.path, "store.db"));
    stage = await FacadeStage.open({ ODIN_STORE: join(place.path, "store.db") });
    await stage.applyJob("sst2", { tasks: SST2_TASKS });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage?.close();
  await store?.close();
  await place?.remove();
});

const TASKS: Task[] = [
  { name: "train", image: "i:1", command: ["python", "train.py"] },
  { name: "test", image: "i:1", command: ["python", "test.py"], depends: ["train"] },
];

/** Puts a run into the archive, as the operator does; by default one that ended well and whose object is gone. */
async function keep(name: string, uid: string, createdAt: string, more: { gone?: boolean } = {}): Promise<Pipeline> {
  const pipeline: Pipeline = {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name, uid, namespace: stage.namespace, resourceVersion: "1", creationTimestamp: createdAt },
    spec: { job: "team/old", user: "ada" },
    status: {
      phase: "DONE",
      job: "team/old",
      version: "0123456789012345678901234567890123456789",
      completionTime: createdAt,
      counts: { total: 2, waiting: 0, executing: 0, executed: 2, terminated: 0 },
      tasks: Object.fromEntries(
        TASKS.map((task) => [
          task.name,
          {
            state: "executed",
            attempt: 1,
            pod: `${name}--${task.name}`,
            startTime: createdAt,
            completionTime: createdAt,
          },
        ]),
      ),
      events: [{ id: "odin-1", type: "Normal", reason: "Started", message: "running 1 task", time: createdAt }],
    },
  };
  await store.runs.save([
    {
      ...{ uid, namespace: stage.namespace, name, job: "team/old", version: "", user: "ada", phase: "DONE" },
      createdAt: Date.parse(createdAt),
      endedAt: Date.parse(createdAt),
      document: runDocument(pipeline, { tasks: TASKS }),
    },
  ]);
  if (more.gone !== false) await store.runs.gone([uid]);
  return pipeline;
}

interface Shown {
  id: string;
  status: string;
  tasks: { id: string; status: string }[];
}
const list = async (query = ""): Promise<{ ids: string[]; total: string | undefined }> => {
  const { json, headers } = await stage.get(`/v1/pipelines${query}`);
  return {
    ids: (json.pipelines as Shown[]).map(({ id }) => id),
    total: headers["x-total-count"] as string | undefined,
  };
};
/** Waits until the list is what it should be: what the archive adds is up to a second old. */
const untilListed = (query: string, ids: string[]): Promise<unknown> =>
  until(() => list(query), WAIT_MS, {
    describe: `list ${query}`,
    accept: (found) => JSON.stringify(found.ids) === JSON.stringify(ids),
  });

test("a run whose object is gone is shown as if it were there: O-50, O-54, O-55, O-56", async () => {
  await keep("old-1", "uid-old-1", "2026-01-01T00:00:00Z");
  await store.logs.save(
    {
      ...{ podUid: "pod-1", namespace: stage.namespace, pod: "old-1--train", runUid: "uid-old-1", run: "old-1" },
      ...{ task: "train", attempt: 1, container: "main", createdAt: "2026-01-01T00:00:00Z" },
    },
    { text: Buffer.from("loss 0.1\n"), dropped: 0 },
    "whole",
  );
  const { json, status } = await stage.get("/v1/pipelines/old-1");
  const shown = json.pipeline as Shown & Record<string, unknown>;
  assert.equal(
    [status, shown.id, shown.status, shown.job, shown.submitTime !== undefined, shown.completionTime !== undefined],
    [200, "old-1", "DONE", "team/old", true, true],
  );
  assert.equal(
    shown.tasks.map(({ id, status }) => [id, status]),
    [
      ["old-1--train", "executed"],
      ["old-1--test", "executed"],
    ],
  );
  const data = (await stage.get("/v1/resources/old-1/data")).json.jobs as Record<string, unknown>;
  assert.equal([data.label, data.status, data.executed], ["old-1", "DONE", ["old-1--train", "old-1--test"]]);
  const record = (await stage.get("/v1/resources/old-1--train/data")).json.jobs as Record<string, unknown>;
  assert.equal([record.name, record.image, record.resource_id], ["train", "i:1", "old-1--train"]);
  const events = (await stage.get("/v1/resources/old-1/events")).json.events as { reason: string; message: string }[];
  assert.equal(
    events.map(({ reason }) => reason),
    ["Submitted", "Started"],
  );
  const log = JSON.parse((await stage.get("/v1/resources/old-1--train/logs")).text) as string;
  assert.match(log, /^=+\nold-1--train\n-+\nloss 0.1$/);
  const whole = JSON.parse((await stage.get("/v1/resources/old-1/logs")).text) as string;
  assert.match(whole, "old-1--test");
  const followed = await stage.get("/v1/resources/old-1--train/logs?follow=true");
  assert.match(followed.text, "loss 0.1");
  assert.is((await stage.get("/v1/resources/old-1--nope/logs")).status, 404);
  assert.is((await stage.get("/v1/pipelines/old-2")).status, 404);
});

test("O-91, O-90: runs of the cluster and of the archive in one list, newest first, cut and counted", async () => {
  await keep("old-0", "uid-old-0", "2025-01-01T00:00:00Z");
  await keep("old-9", "uid-old-9", "2099-01-01T00:00:00Z");
  const id = await stage.launch("sst2");
  await untilListed("", ["old-9", id, "old-1", "old-0"]);
  await untilListed("?q=LD-*1", ["old-1"]);
  await until(() => list("?limit=2"), WAIT_MS, {
    describe: "a cut list",
    accept: ({ ids, total }) => JSON.stringify([ids, total]) === JSON.stringify([["old-9", id], "4"]),
  });
});

test("a run of the cluster counts before the archive, by its UID and by its name", async () => {
  const id = await stage.launch("sst2");
  const { uid } = (await stage.run(id)).metadata;
  await keep(id, uid, "2026-05-01T00:00:00Z");
  await keep(id, "uid-of-another", "2025-05-01T00:00:00Z");
  assert.is(((await stage.get(`/v1/pipelines/${id}`)).json.pipeline as Shown).status, "BUILDING");
  await keep("old-5", "uid-old-5", "2025-05-05T00:00:00Z");
  await until(() => list(`?q=${id}`), WAIT_MS, { describe: "it is there once", accept: ({ ids }) => ids.length === 1 });
  await until(() => list("?q=old-5"), WAIT_MS, { describe: "as are others", accept: ({ ids }) => ids.length === 1 });
  await kubectl("delete", "pipeline", id, "-n", stage.namespace);
  await until(() => stage.get(`/v1/pipelines/${id}`), WAIT_MS, {
    describe: "the newest of the archive is shown",
    accept: ({ json }) => (json.pipeline as Shown | undefined)?.status === "DONE",
  });
});

test("O-211, O-212: a run of the archive is removed with db, and not without; nothing brings it back", async () => {
  const pipeline = await keep("old-7", "uid-old-7", "2026-07-07T00:00:00Z");
  await untilListed("?q=old-7", ["old-7"]);
  const rows = async (query: string): Promise<unknown[]> => {
    const { json, status } = await stage.call("DELETE", `/v1/pipelines/old-7${query}`);
    assert.is(status, 200, JSON.stringify(json));
    return (json.cleanups as Record<string, string>[]).map((row) => Object.values(row));
  };
  const ids = ["old-7", "old-7--train", "old-7--test"];
  assert.equal(
    await rows(""),
    ids.map((id) => [id, "No", "No", "No"]),
  );
  assert.is((await stage.get("/v1/pipelines/old-7")).status, 200);
  assert.equal(
    await rows("?db=true"),
    ids.map((id) => [id, "No", "Yes", "No"]),
  );
  for (const path of ["pipelines/old-7", "resources/old-7/logs", "resources/old-7--train/data"])
    assert.is((await stage.get(`/v1/${path}`)).status, 404, path);
  assert.is((await stage.call("DELETE", "/v1/pipelines/old-7?db=true")).status, 404);
  await keep("old-7", pipeline.metadata.uid, "2026-07-07T00:00:00Z");
  assert.is((await stage.get("/v1/pipelines/old-7")).status, 404);
  await untilListed("?q=old-7", []);
});

test("O-211: a run that is removed with its record is removed from the archive first, and is not kept afterwards", async () => {
  const id = await stage.launch("sst2");
  const { uid } = (await stage.run(id)).metadata;
  await stage.setStatus(id, { phase: "DONE", job: "sst2" });
  await keep(id, uid, "2026-08-01T00:00:00Z", { gone: false });
  const answer = await stage.call("DELETE", `/v1/pipelines/${id}?db=true`);
  assert.is((answer.json.cleanups as { purgedFromDb: string }[])[0]?.purgedFromDb, "Yes");
  assert.is((await stage.get(`/v1/pipelines/${id}`)).status, 404);
  await keep(id, uid, "2026-08-01T00:00:00Z");
  assert.is((await stage.get(`/v1/pipelines/${id}`)).status, 404);
  await untilListed(`?q=${id}`, []);
});

test("F-36: an API that is ready has opened its store: its very first list has what is kept", async () => {
  await keep("old-3", "uid-old-3", "2026-03-03T00:00:00Z");
  await stage.start({ ODIN_STORE: join(place.path, "store.db") });
  assert.equal((await list("?q=old-3")).ids, ["old-3"]);
  assert.equal((await stage.get("/readyz")).json, { status: "ready", store: "open" });
  assert.match((await stage.get("/metrics")).text, /^odin_api_store_open 1$/m);
});

test("F-36: with a store that does not work runs of the cluster are served, removals say so, and what is unknown is no 404", async () => {
  const id = await stage.launch("sst2");
  await stage.stop();
  const broken = join(place.path, "broken.db");
  await writeFile(broken, "this is no database ".repeat(500));
  await stage.start({ ODIN_STORE: broken });
  assert.equal((await stage.get("/readyz")).json, { status: "ready", store: "away" });
  assert.match((await stage.get("/metrics")).text, /^odin_api_store_open 0$/m);
  assert.ok((await list(`?q=${id}`)).ids.includes(id));
  assert.is((await stage.get(`/v1/pipelines/${id}`)).status, 200);
  const unknown = await stage.get("/v1/pipelines/old-1");
  assert.equal([unknown.status, unknown.json.type], [503, "urn:odin:error:StoreUnavailable"]);
  assert.not.match(unknown.text, "broken.db");
  const rows = (await stage.call("DELETE", `/v1/pipelines/${id}?db=true`)).json.cleanups as { purgedFromDb: string }[];
  assert.is(rows[0]?.purgedFromDb, "No");
  assert.is((await stage.get(`/v1/pipelines/${id}`)).status, 200);
  // Mended, it works without a restart, and the clean-up can be repeated.
  await writeFile(broken, "");
  await until(() => stage.get("/v1/pipelines/old-1"), WAIT_MS, {
    describe: "the store works again",
    accept: ({ status }) => status === 404,
  });
  await until(() => stage.call("DELETE", `/v1/pipelines/${id}?db=true`), WAIT_MS, {
    describe: "the run is removed",
    accept: ({ status, json }) =>
      status === 200 && (json.cleanups as { purgedFromDb: string }[])[0]?.purgedFromDb === "Yes",
  });
});

test.run();
