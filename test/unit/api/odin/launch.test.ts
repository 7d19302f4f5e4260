import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError } from "../../../../api/errors.ts";
import { MainFiles } from "../../../../api/main-file/main-files.ts";
import { launch } from "../../../../api/odin/launch.ts";
import type { JobSpec } from "../../../../crds/generated/types.ts";
import type { KubeClient } from "../../../../kube/client.ts";
import { type ErrorCategory, KubeError } from "../../../../kube/errors.ts";
import { SampleView, SST2_TASKS } from "./sample.ts";
import { SampleRepository } from "./sample-repository.ts";

const test = suite("api launch");
const fail = (category: ErrorCategory, code: number): KubeError =>
  new KubeError({ code, reason: "X", category, message: "x" });

interface Stored {
  metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
  spec: Record<string, unknown>;
}

/** An API server that holds one Job, and whose creates go as `outcomes` say before they succeed. */
class FakeServer {
  readonly created: Stored[] = [];
  readonly names: string[] = [];
  readonly #spec: JobSpec;
  readonly #outcomes: ("taken" | "lost" | "lostBeforeIt" | KubeError)[];
  readonly secrets: Record<string, object> = {};

  constructor(spec: JobSpec, ...outcomes: ("taken" | "lost" | "lostBeforeIt" | KubeError)[]) {
    this.#spec = spec;
    this.#outcomes = outcomes;
  }

  async get(path: string): Promise<unknown> {
    const [, collection, name = ""] = /\/(jobs|pipelines|secrets)\/([^/]+)$/.exec(path) ?? [];
    if (collection === "jobs" && name === "sst2") return { metadata: { name, namespace: "ns" }, spec: this.#spec };
    const found =
      collection === "pipelines" ? this.created.find((run) => run.metadata.name === name) : this.secrets[name];
    if (found === undefined) throw fail("notFound", 404);
    return found;
  }

  async create(_path: string, body: Stored): Promise<unknown> {
    this.names.push(body.metadata.name);
    const outcome = this.#outcomes.shift();
    if (outcome === "taken" || this.created.some((run) => run.metadata.name === body.metadata.name))
      throw fail("alreadyExists", 409);
    if (outcome instanceof KubeError) throw outcome;
    if (outcome !== "lostBeforeIt") this.created.push(body);
    if (outcome !== undefined) throw fail("transient", 0);
    return body;
  }
}

const view = new SampleView();
const run = (server: FakeServer, context?: Record<string, unknown>): Promise<string> =>
  launch(
    {
      client: server as unknown as KubeClient,
      namespace: "ns",
      view,
      repository: new SampleRepository(),
      mainFiles: new MainFiles(),
      renderPath: "/data/pipelines/rendered",
      filesAreLive: false,
      taskSecrets: ["odin-cred"],
    },
    "sst2",
    context,
    { name: "me", email: "me@example.org" },
  );

async function refusal(server: FakeServer, context?: Record<string, unknown>): Promise<ApiError> {
  try {
    await run(server, context);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error("it was launched");
}

test("O-13, O-49: the stored run has a fresh id and says job, context and user; it is visible at once", async () => {
  const server = new FakeServer({ tasks: SST2_TASKS });
  const id = await run(server, { lr: 0.1 });
  assert.match(id, /^sst2-[0-9a-z]{8}j$/);
  assert.equal(server.created[0]?.spec, { job: "sst2", context: { lr: 0.1 }, user: "me" });
  assert.is(server.created[0]?.metadata.labels["odin.io/job"], "sst2");
  // For the environment of its tasks (C-79).
  assert.equal(server.created[0]?.metadata.annotations, { "odin.io/user-email": "me@example.org" });
  assert.ok(view.noted.includes(id));
});

test("a name that is taken is drawn again, with an end", async () => {
  const server = new FakeServer({ tasks: SST2_TASKS }, "taken", "taken");
  const id = await run(server);
  assert.is(new Set(server.names).size, 3);
  assert.is(server.names[2], id);
  const full = new FakeServer({}, ...Array<"taken">(10).fill("taken"));
  let caught: unknown;
  await run(full).catch((error: unknown) => {
    caught = error;
  });
  assert.is((caught as KubeError).category, "alreadyExists");
  assert.is(full.names.length, 5);
});

test("O-65: a create whose answer was lost happens once, whether it was carried out or not", async () => {
  for (const outcome of ["lost", "lostBeforeIt"] as const) {
    const server = new FakeServer({ tasks: SST2_TASKS }, outcome);
    const id = await run(server);
    assert.equal(server.names, [id, id]);
    assert.is(server.created.length, 1);
  }
});

test("an API server that stays away is reported as such", async () => {
  const server = new FakeServer({}, fail("transient", 0), fail("transient", 0));
  let caught: unknown;
  await run(server).catch((error: unknown) => {
    caught = error;
  });
  assert.is((caught as KubeError).category, "transient");
});

test("O-148: a job that cannot be run is refused with every problem, and nothing is stored", async () => {
  const server = new FakeServer({
    tasks: [
      { name: "a", image: "i", command: ["c"], args: ["$NOPE"], depends: ["b"] },
      { name: "b", image: "i", command: ["c"], depends: ["a"] },
    ],
  });
  const error = await refusal(server);
  assert.is(error.code, "Invalid");
  assert.equal(
    error.errors.map(({ path }) => path),
    ["tasks", "tasks[0].args[0]"],
  );
  assert.match(error.errors[1]?.detail ?? "", /^task a: /);
  assert.is(server.names.length, 0);
});

test("O-13: a task id of 60 characters fits, one of 61 does not; an explicit name is not cut", async () => {
  const task = (length: number) => ({ name: "t".repeat(length), image: "i", command: ["c"] });
  // "name" (20) + "-" + 9 + "--" + 28 = 60
  await run(new FakeServer({ name: "n".repeat(20), tasks: [task(28)] }));
  const error = await refusal(new FakeServer({ name: "n".repeat(20), tasks: [task(29)] }));
  assert.match(error.errors[0]?.detail ?? "", /61 characters/);
  await run(new FakeServer({ tasks: [task(46)] }));
});

test("O-147: only Secrets that are meant for tasks, never our own", async () => {
  const tasks = (name: string) => [{ name: "a", image: "i", command: ["c"], secrets: [{ name, path: "/s" }] }];
  await run(new FakeServer({ tasks: tasks("odin-cred") }));
  const label = { "odin.io/mountable": "true" };
  const labelled = new FakeServer({ tasks: tasks("wandb") });
  labelled.secrets.wandb = { metadata: { labels: label }, type: "Opaque" };
  await run(labelled);
  const users = new FakeServer({ tasks: tasks("odin-user-root") });
  users.secrets["odin-user-root"] = { metadata: { labels: label }, type: "odin.io/user" };
  assert.is((await refusal(users)).errors[0]?.path, "tasks[0].secrets[0]");
  assert.match((await refusal(new FakeServer({ tasks: tasks("absent") }))).message, /odin.io\/mountable/);
});

test("a context that is too deep or too large is refused before anything is asked", async () => {
  let deep: Record<string, unknown> = {};
  for (let i = 0; i < 100_000; i++) deep = { deep };
  assert.match((await refusal(new FakeServer({}), deep)).message, /nested/);
  assert.match((await refusal(new FakeServer({}), { big: "x".repeat(1024 * 1024) })).message, /bytes/);
});

test("O-10: a job whose object has the name of another id is not that job", async () => {
  const error = await refusal(new FakeServer({ path: "other/sst2" }));
  assert.is(error.code, "JobUnknown");
});

test.run();
