import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError } from "../../../../api/errors.ts";
import { MainFiles } from "../../../../api/main-file/main-files.ts";
import { launch } from "../../../../api/odin/launch.ts";
import type { PipelineSpec } from "../../../../crds/generated/types.ts";
import { type Definition, readSnapshot } from "../../../../crds/snapshot.ts";
import type { KubeClient } from "../../../../kube/client.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { ServerClock } from "../../../../kube/server-clock.ts";
import { SampleView } from "./sample.ts";
import { SampleRepository } from "./sample-repository.ts";

const test = suite("launch from the repository");

interface Stored {
  kind: string;
  metadata: { name: string };
  spec: PipelineSpec;
  data: Record<string, string>;
  binaryData?: Record<string, string>;
}

/** An API server that stores what it is given, once under each name. */
class FakeServer {
  readonly clock = new ServerClock();
  readonly stored: Stored[] = [];
  readonly jobs: Record<string, object> = {};

  async create(_path: string, body: Stored): Promise<unknown> {
    if (this.stored.some(({ metadata }) => metadata.name === body.metadata.name)) throw refusal("alreadyExists", 409);
    this.stored.push(body);
    return body;
  }
  async patch(path: string): Promise<unknown> {
    return this.stored.find(({ metadata }) => path.endsWith(`/${metadata.name}`));
  }
  async get(path: string): Promise<unknown> {
    const found = this.jobs[path.split("/").at(-1) ?? ""];
    if (found === undefined) throw refusal("notFound", 404);
    return found;
  }

  of(kind: string): Stored[] {
    return this.stored.filter((object) => object.kind === kind);
  }
}

function refusal(category: "alreadyExists" | "notFound", code: number): KubeError {
  return new KubeError({ code, reason: "X", category, message: "x" });
}

const TASK = "{name: train, image: i, command: c}";

async function run(
  repository: SampleRepository,
  job: string,
  context?: Record<string, unknown>,
  server = new FakeServer(),
  filesAreLive = false,
): Promise<{ id: string; server: FakeServer; spec: PipelineSpec }> {
  const launcher = {
    client: server as unknown as KubeClient,
    namespace: "ns",
    view: new SampleView(),
    repository,
    mainFiles: new MainFiles(),
    renderPath: "/data/pipelines/rendered",
    filesAreLive,
    taskSecrets: [],
  };
  const id = await launch(launcher, job, context, { name: "me", email: undefined });
  const spec = server.of("Pipeline").find(({ metadata }) => metadata.name === id)?.spec ?? {};
  return { id, server, spec };
}

/** What is frozen under a name: definition and files. */
function frozen(
  server: FakeServer,
  name: string | undefined,
): { definition: Definition; files: Record<string, string> } {
  const object = server.of("ConfigMap").find(({ metadata }) => metadata.name === name);
  const definition = readSnapshot(object?.data);
  if (object === undefined || definition === undefined) throw new Error(`no snapshot ${name}`);
  const files = definition.files.map((file, index) => {
    const key = `file-${index}`;
    return [file, object.data[key] ?? Buffer.from(object.binaryData?.[key] ?? "", "base64").toString("latin1")];
  });
  return { definition, files: Object.fromEntries(files) };
}

async function refused(
  repository: SampleRepository,
  job: string,
  context?: Record<string, unknown>,
): Promise<ApiError> {
  const server = new FakeServer();
  try {
    await run(repository, job, context, server);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    assert.equal(server.stored, [], "a refused launch leaves nothing");
    return error;
  }
  throw new Error("it was launched");
}

test("O-106, O-107, O-284: a run names HEAD and the frozen tasks and files of its job and of the root", async () => {
  const repository = new SampleRepository({
    "": { "datasets.yml": "- x\n" },
    "team/Sst2": { "main.yml": `name: my-run\nfail_fast: yes\ntasks: [${TASK}]`, "a.bin": Buffer.from([0xff, 0]) },
  });
  const { id, server, spec } = await run(repository, "team/Sst2", { lr: 1 });
  assert.match(id, /^my-run-[0-9a-z]{8}j$/);
  const { snapshot, ...rest } = spec;
  assert.equal(rest, { job: "team/Sst2", version: "1".repeat(40), context: { lr: 1 }, user: "me" });
  const { definition, files } = frozen(server, snapshot);
  const { rootFiles, ...said } = definition;
  assert.equal(said, {
    job: "team/Sst2",
    prefix: "my-run",
    tasks: [{ name: "train", image: "i", command: ["c"] }],
    files: ["a.bin", "main.yml"],
    failFast: true,
  });
  assert.is(files["a.bin"], "\xff\0");
  assert.equal(frozen(server, rootFiles).files, { "datasets.yml": "- x\n" });
  assert.equal(repository.refreshed, [5000], "O-104: the remote is waited for, for 5 s at most");
});

test("O-106: runs of the same content share one snapshot, whatever else was committed", async () => {
  const repository = new SampleRepository({ job: { "main.yml": `tasks: [${TASK}]` } });
  const { server, spec } = await run(repository, "job");
  repository.version = "2".repeat(40);
  const second = await run(repository, "job", undefined, server);
  assert.equal([second.spec.snapshot, second.spec.version], [spec.snapshot, "2".repeat(40)]);
  assert.is(server.of("ConfigMap").length, 1);
});

test("O-148: a job that cannot be run is refused with place, task and key, and leaves nothing", async () => {
  const repository = new SampleRepository({
    broken: { "main.yml": "tasks: [" },
    missing: { "main.yml": "tasks:\n- {name: a, image: i}" },
    cycle: { "main.yml": "tasks:\n- {name: a, image: i, command: c, depends: a}" },
    variable: { "main.yml": "tasks:\n- {name: a, image: i, command: c, args: [$NOPE]}" },
    long: { "main.yml": `name: ${"x".repeat(40)}\ntasks:\n- {name: ${"a".repeat(30)}, image: i, command: c}` },
    secret: { "main.yml": "tasks:\n- {name: a, image: i, command: c, secrets: {name: users, path: /s}}" },
    large: { "main.yml": "tasks: []", "data.txt": "x".repeat(950 * 1024) },
  });
  for (const [job, message] of [
    ["broken", /main\.yml: line 1, column \d+/],
    ["missing", /tasks\[0\]\.command: task a: line 2, column 3: the task needs command/],
    ["cycle", /tasks: line 2, column 1: the tasks wait for each other/],
    ["variable", /tasks\[0\]\.args\[0\]: task a: line 2, column \d+: unknown variable \$NOPE/],
    ["long", /tasks\[0\]\.name: task a+: its id .* 82 characters; the most is 60/],
    ["secret", /tasks\[0\]\.secrets\[0\]: task a: .*users/],
    ["large", /files: 97\d+ bytes of files, 972800 of them in data\.txt; .*ODIN_VOLUME_CLAIM/],
  ] as const) {
    const error = await refused(repository, job);
    assert.is(error.code, "Invalid", job);
    assert.match(`${error.errors[0]?.path}: ${error.errors[0]?.detail}`, message, job);
  }
  assert.is((await refused(repository, "nope")).code, "JobUnknown");
});

test("O-107: files directly in the root that are too large are named; on a shared volume only rendered files are frozen", async () => {
  const repository = new SampleRepository({
    "": { "huge.txt": "x".repeat(950 * 1024) },
    job: { "main.yml": `tasks: [${TASK}]`, "big.txt": "x".repeat(950 * 1024) },
  });
  assert.match((await refused(repository, "job")).errors.map(({ detail }) => detail).join(), /huge\.txt/);
  const { server, spec } = await run(repository, "job", undefined, new FakeServer(), true);
  assert.equal(frozen(server, spec.snapshot).definition.files, []);
  const template = new SampleRepository({ job: { "main.yml": `tasks: [${TASK}]`, "x.txt.jinja2": "{{ v }}" } });
  const rendered = await run(template, "job", { v: 1 }, new FakeServer(), true);
  const { definition, files } = frozen(rendered.server, rendered.spec.snapshot);
  assert.is(files["x.txt"], "1");
  assert.match(definition.workPath ?? "", /^\/data\/pipelines\/rendered\/job[0-9a-z]{4}$/);
});

test("O-153: templates are rendered with the context into a directory of the run, other files are copied", async () => {
  const repository = new SampleRepository({
    "team/t": {
      "main.yml.jinja2": `name: {{ prefix | default("made") }}
tasks:
{%- for model in models %}
  - {name: {{ model }}, image: "i:{{ tag }}", command: c, args: ["$WORK_PATH/{{ name }}", {{ lr | tojson }}]}
{%- endfor %}
`,
      "config.yml.jinja2": "lr: {{ lr }}\nname: {{ name }}\n",
      "notes.txt.jinja2": "not: [yaml {{ tag }}",
      "config.yml": "lr: from the file\n",
      "data.bin": Buffer.from([0xff]),
      "plain.py": "print('{{ kept }}')\n",
    },
  });
  const { id, server, spec } = await run(repository, "team/t", { models: ["a", "b"], tag: 2, lr: 0.5 });
  assert.match(id, /^made-/);
  const { definition, files } = frozen(server, spec.snapshot);
  const [, base = ""] = /^\/data\/pipelines\/rendered\/team\/(t[0-9a-z]{4})$/.exec(definition.workPath ?? "") ?? [];
  assert.ok(base, definition.workPath);
  assert.equal(
    definition.tasks.map(({ name, image, args }) => [name, image, args]),
    [
      ["a", "i:2", [`$WORK_PATH/${base}`, "0.5"]],
      ["b", "i:2", [`$WORK_PATH/${base}`, "0.5"]],
    ],
  );
  assert.equal(Object.keys(files), ["config.yml", "data.bin", "main.yml", "notes.txt", "plain.py"]);
  assert.is(files["config.yml"], `lr: 0.5\nname: ${base}`);
  assert.is(files["plain.py"], "print('{{ kept }}')\n");
  const second = await run(repository, "team/t", { models: ["a"], tag: 2, lr: 0.5, name: "given" }, server);
  const other = frozen(server, second.spec.snapshot);
  assert.is(other.files["config.yml"], "lr: 0.5\nname: given");
  assert.not.equal(other.definition.workPath, definition.workPath);
});

test("O-153, O-154: a template that cannot be rendered, or gives no YAML or no valid main.yml, is refused with its name", async () => {
  const repository = new SampleRepository({
    call: { "main.yml": `tasks: [${TASK}]`, "x.txt.jinja2": "\n{{ f() }}" },
    loop: {
      "main.yml.jinja2": `${"{% for i in xs %}".repeat(4)}{% for j in xs %}x{% endfor %}${"{% endfor %}".repeat(4)}`,
    },
    yaml: { "main.yml": `tasks: [${TASK}]`, "x.yml.jinja2": "a: {{ open }}" },
    tasks: { "main.yml.jinja2": "tasks: [{name: a, image: {{ image }}, command: c}]" },
    none: { "x.txt.jinja2": "x" },
    latin: { "main.yml": "tasks: []", "x.txt.jinja2": Buffer.from([0xe9]) },
    much: { "main.yml": "tasks: []", "x.txt.jinja2": `{{ big }}`, "y.txt.jinja2": "{{ big }}" },
  });
  const context = { xs: Array.from({ length: 50 }, (_, i) => i), open: "[", big: "x".repeat(700_000) };
  for (const [job, message] of [
    ["call", /^x\.txt\.jinja2: line 2, column 5: nothing can be called/],
    ["loop", /^main\.yml\.jinja2: line 1, column \d+: .*steps/],
    ["yaml", /^x\.yml\.jinja2: does not give YAML: line 1, column \d+ of the result/],
    ["tasks", /^tasks\[0\]\.image: task a: the task needs image/],
    ["none", /^main\.yml: is missing; a template of it is called main\.yml\.jinja2/],
    ["latin", /^x\.txt\.jinja2: is not UTF-8 text/],
    ["much", /^y\.txt\.jinja2: .*more than 1048576 bytes/],
  ] as const) {
    const error = await refused(repository, job, context);
    assert.match(`${error.errors[0]?.path}: ${error.errors[0]?.detail}`, message, job);
  }
});

test("O-106: a job that is committed to while it is read is read again; one that never holds still is put off", async () => {
  const repository = new SampleRepository({ job: { "main.yml": `tasks: [${TASK}]`, "x.txt": "old" } });
  let commits = 0;
  repository.onRead = () => {
    if (commits++ > 0) return;
    repository.version = "3".repeat(40);
    repository.contents.job = { "main.yml": `tasks: [${TASK}]`, "x.txt": "new" };
  };
  const { server, spec } = await run(repository, "job");
  assert.is(spec.version, "3".repeat(40));
  assert.is(frozen(server, spec.snapshot).files["x.txt"], "new");

  repository.onRead = () => {
    repository.version = String(commits++ % 10).repeat(40);
  };
  assert.is((await refused(repository, "job")).code, "Busy");
  repository.onRead = () => {
    throw Object.assign(new Error("gone"), { code: "ENOENT" });
  };
  assert.is((await refused(repository, "job")).code, "Busy");
});

test("O-14: git is the truth: a mirror of a job that the repository does not have is not run, while the repository is unknown it is", async () => {
  const server = new FakeServer();
  server.jobs.old = {
    metadata: { name: "old", namespace: "ns", annotations: { "odin.io/source": "repository" } },
    spec: { tasks: [{ name: "a", image: "i", command: ["c"] }], snapshot: "odin-old-1", version: "4".repeat(40) },
  };
  const repository = new SampleRepository();
  let error: unknown;
  await run(repository, "old", undefined, server).catch((caught: unknown) => {
    error = caught;
  });
  assert.is((error as ApiError).code, "JobUnknown");
  repository.isKnown = false;
  const { spec } = await run(repository, "old", undefined, server);
  assert.equal(spec, { job: "old", snapshot: "odin-old-1", version: "4".repeat(40), user: "me" });
});
test.run();
