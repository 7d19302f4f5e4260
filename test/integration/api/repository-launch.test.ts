import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Job, Pipeline } from "../../../crds/generated/types.ts";
import { LABELS } from "../../../crds/names.ts";
import { JOB } from "../../../crds/resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { type OdinProcess, operatorProcess } from "../../support/odin-process.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";
import { endPod } from "./played-pod.ts";

const test = suite("launch of jobs in the repository");
const WAIT_MS = 60_000;
let stage: FacadeStage;
let operator: OdinProcess | undefined;

test.before(async () => {
  stage = await FacadeStage.open();
  operator = operatorProcess(stage.namespace);
});
test.after(async () => {
  await operator?.end("SIGTERM");
  await stage.close();
});

interface Item {
  key: string;
  path: string;
}
interface Source {
  name: string;
  items: Item[];
}
interface Pod {
  metadata: { name: string };
  spec: {
    containers: { image: string; args?: string[]; volumeMounts: { name: string; mountPath: string }[] }[];
    volumes: { name: string; configMap?: Source; projected?: { sources: { configMap: Source }[] } }[];
  };
}

const upload = (job: string, name: string, text: string): Promise<Answer> =>
  send(stage.port, "POST", `/v1/jobs/${job}/files/${name}`, {
    headers: { authorization: `Bearer ${stage.token}`, "content-type": "text/plain" },
    body: text,
  });

/** Makes a job with its files, over REST. */
async function makeJob(job: string, files: Record<string, string>): Promise<void> {
  assert.is((await stage.call("POST", "/v1/jobs", { job: { name: job } })).status, 200);
  for (const [name, text] of Object.entries(files)) {
    const { status, json } = await upload(job, name, text);
    assert.is(status, 200, JSON.stringify(json));
  }
}

const start = (job: string, context?: object): Promise<Answer> =>
  stage.call("POST", "/v1/pipelines", { pipeline: { job }, ...(context === undefined ? {} : { context }) });

async function launched(job: string, context?: object): Promise<string> {
  const { json } = await start(job, context);
  assert.ok(json.pipeline, JSON.stringify(json));
  return (json.pipeline as { id: string }).id;
}

const pod = (name: string): Promise<Pod> =>
  until(() => stage.client.get<Pod>(`/api/v1/namespaces/${stage.namespace}/pods/${name}`), WAIT_MS, {
    describe: `pod ${name} is there`,
  });

/** Waits until the job that was changed last has its object in the cluster, as it is now. */
async function untilJobObject(name: string): Promise<void> {
  const { pipelines_version } = (await stage.get("/v1/app")).json;
  await until(() => stage.client.get<Job>(objectPath(JOB, stage.namespace, name)), WAIT_MS, {
    describe: `Job ${name} is there`,
    accept: ({ spec }) => spec.version === pipelines_version,
  });
}

/** The files that the pod's container sees, by path, each with the text that it has. */
async function filesOf({ spec }: Pod): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, configMap: only, projected } of spec.volumes) {
    const at = spec.containers[0]?.volumeMounts.find((mount) => mount.name === name)?.mountPath;
    for (const source of [...(only ? [only] : []), ...(projected?.sources ?? []).map(({ configMap }) => configMap)]) {
      const path = `/api/v1/namespaces/${stage.namespace}/configmaps/${source.name}`;
      const { data } = await stage.client.get<{ data: Record<string, string> }>(path);
      for (const item of source.items) found[`${at}/${item.path}`] = data[item.key] ?? "";
    }
  }
  return found;
}

const count = async (collection: string, selector = ""): Promise<number> => {
  const { items } = await stage.client.get<{ items: unknown[] }>(
    `${collection.replace("NS", stage.namespace)}?labelSelector=${encodeURIComponent(selector)}`,
  );
  return items.length;
};
/** Everything that a launch can leave in the cluster. */
const objects = async (): Promise<number[]> => [
  await count("/apis/odin.io/v1/namespaces/NS/pipelines"),
  await count("/api/v1/namespaces/NS/configmaps", `${LABELS.snapshot}=true`),
  await count("/api/v1/namespaces/NS/pods"),
];

const TWO = `tasks:
  - {name: one, image: "i:1", command: c, args: ["$WORK_PATH/a.txt", 1e3, "$ROOT_PATH/x"]}
  - {name: two, image: "i:1", command: c, depends: one}
`;

test("O-106, O-107, O-284: the run is of HEAD; edits and commits during it are not seen by its later tasks", async () => {
  await makeJob("team__two", { "main.yml": TWO, "a.txt": "before" });
  const { json: app } = await stage.get("/v1/app");
  const id = await launched("team__two");
  assert.match(id, /^two-[0-9a-z]{8}j$/);
  const shown = (await stage.get(`/v1/pipelines/${id}`)).json.pipeline as { job: string; version: string; tasks: [] };
  assert.equal([shown.job, shown.version, shown.tasks.length], ["team/two", app.pipelines_version, 2]);

  const first = await pod(`${id}--one`);
  assert.equal(first.spec.containers[0]?.args, ["/data/pipelines/team/two/a.txt", "1e3", "/data/pipelines/x"]);
  assert.is((await filesOf(first))["/data/pipelines/team/two/a.txt"], "before");

  await upload("team__two", "a.txt", "after");
  await upload("team__two", "main.yml", TWO.replaceAll("i:1", "i:2").replace("two,", "other,"));
  await endPod(stage, `${id}--one`);
  const second = await pod(`${id}--two`);
  assert.is(second.spec.containers[0]?.image, "i:1");
  assert.is((await filesOf(second))["/data/pipelines/team/two/a.txt"], "before");
  await endPod(stage, `${id}--two`);

  const next = await launched("team__two");
  const later = await pod(`${next}--one`);
  assert.is(later.spec.containers[0]?.image, "i:2");
  assert.is((await filesOf(later))["/data/pipelines/team/two/a.txt"], "after");
});

test("O-153: a template runs in a directory of its own with what the context made of it; git never has it", async () => {
  await makeJob("made", {
    "main.yml.jinja2": `tasks:
{%- for name in names %}
  - {name: {{ name }}, image: "i:{{ tag }}", command: c, args: ["$WORK_PATH/conf.yml"]}
{%- endfor %}`,
    "conf.yml.jinja2": "lr: {{ lr }}\nwhere: {{ name }}\n",
    "conf.yml": "lr: 0\n",
    "plain.txt": "{{ lr }}",
  });
  const { json: before } = await stage.get("/v1/app");
  const id = await launched("made", { names: ["left", "right"], tag: 7, lr: 0.25 });
  const left = await pod(`${id}--left`);
  const [path = "", base] =
    /^\/data\/pipelines\/rendered\/(made[0-9a-z]{4})\/conf\.yml$/.exec(left.spec.containers[0]?.args?.[0] ?? "") ?? [];
  assert.is(left.spec.containers[0]?.image, "i:7");
  const files = await filesOf(left);
  assert.is(files[path], `lr: 0.25\nwhere: ${base}`);
  assert.is(files[path.replace("conf.yml", "plain.txt")], "{{ lr }}");
  assert.is(files[path.replace("conf.yml", "conf.yml.jinja2")], undefined);
  const right = await pod(`${id}--right`);
  assert.equal(right.spec.containers[0]?.args, [path]);
  assert.equal((await stage.get("/v1/app")).json.pipelines_version, before.pipelines_version);
  const job = (await stage.get("/v1/jobs/made")).json.job as { tasks: []; error?: string };
  assert.equal([job.tasks, job.error], [[], undefined]);
  const run = await stage.run(id);
  assert.equal((run as Pipeline).spec.context, { names: ["left", "right"], tag: 7, lr: 0.25 });
});

test("O-148, O-154: a launch that is refused leaves no object at all", async () => {
  await makeJob("refused", { "main.yml.jinja2": "tasks: [{{ task }}]", "x.yml.jinja2": "{{ y }}" });
  await makeJob("gpus", { "main.yml": "tasks: [{name: a, image: i, command: c, resource_type: tfjob}]" });
  // A reply waits for the mirror, but not for ever; the snapshots of a job are there before its object is.
  await untilJobObject("gpus");
  const before = await objects();
  const task = (keys: string): string => `{name: a, image: i, command: c, ${keys}}`;
  for (const [job, context] of [
    ["refused", { y: "[" }],
    ["refused", { task: task("args: [$NOPE]"), y: 1 }],
    ["refused", { task: task("depends: b"), y: 1 }],
    ["refused", { task: task(""), y: "[" }],
    ["refused", { task: task("secrets: {name: nobody, path: /s}"), y: 1 }],
    ["refused", { task: `{name: ${"a".repeat(55)}, image: i, command: c}`, y: 1 }],
    ["gpus", undefined],
  ] as const) {
    const { status, json } = await start(job, context);
    assert.is(status, 422, JSON.stringify({ job, context, json }));
    assert.ok((json.errors as unknown[]).length > 0);
  }
  assert.is((await start("nope")).status, 404);
  assert.is((await start("rendered__made")).status, 404);
  assert.equal(await objects(), before);
});

test("O-106: many launches at once, with commits between them, are each of one commit", async () => {
  const version = (n: number): string => `tasks: [{name: a, image: "i:${n}", command: c, args: ["${n}"]}]`;
  await makeJob("busy", { "main.yml": version(0), "n.txt": "0" });
  const commits = (async () => {
    for (let n = 1; n <= 6; n++) {
      const { status } = await stage.call("PUT", "/v1/jobs/busy", {
        tasks: [{ name: "a", image: `i:${n}`, command: "c", args: [`${n}`] }],
        configs: [{ name: "n.txt", content: `${n}` }],
      });
      assert.is(status, 200);
    }
  })();
  const ids = await Promise.all(Array.from({ length: 12 }, () => launched("busy")));
  await commits;
  for (const id of ids) {
    const made = await pod(`${id}--a`);
    const [container] = made.spec.containers;
    assert.is(container?.image, `i:${container?.args?.[0]}`);
    assert.is((await filesOf(made))["/data/pipelines/busy/n.txt"], container?.args?.[0]);
  }
});

test("O-13, O-14: ids with capitals and dots, an explicit prefix, and a run made with kubectl", async () => {
  await makeJob("Team.X__Mixed.Case", { "main.yml": "tasks: [{name: a, image: i, command: c}]" });
  assert.match(await launched("Team.X__Mixed.Case"), /^mixed-case-[0-9a-z]{8}j$/);
  await makeJob("named", { "main.yml": "name: own.name\ntasks: [{name: a, image: i, command: c}]", "f.txt": "x" });
  assert.match(await launched("named"), /^own\.name-[0-9a-z]{8}j$/);
  await untilJobObject("named");
  await stage.createRun("by-hand", { job: "named" });
  assert.is((await filesOf(await pod("by-hand--a")))["/data/pipelines/named/f.txt"], "x");
});
test.run();
