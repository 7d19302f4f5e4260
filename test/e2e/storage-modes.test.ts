import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { checkMainFile } from "../../crds/main-yml.ts";
import { type Definition, snapshotOf } from "../../crds/snapshot.ts";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { until, within } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import { type OdinProcess, operatorProcess } from "../support/odin-process.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const CLAIM = "data-rw-many";
const IMAGE = "python:3.11-slim";
const RUN_MS = 240_000;
const VERSION = "0123456789abcdef0123456789abcdef01234567";

/** One mode: a namespace with a claim and an operator of its own. */
interface Place {
  namespace: TemporaryNamespace;
  operator: OdinProcess;
  /** The claim's directory on this machine; in shared mode the volume has the same path everywhere. */
  directory: string;
}

const modes = suite("both storage modes on a real node");
let snapshotMode: Place;
let sharedMode: Place;

async function open(name: string, settings: (directory: string) => Record<string, string>): Promise<Place> {
  const namespace = await temporaryNamespace(name);
  const directory = await createSharedVolume(testVariable("KUBECONFIG"), namespace.name, CLAIM);
  return { namespace, directory, operator: operatorProcess(namespace.name, settings(directory)) };
}

modes.before(async () => {
  snapshotMode = await open("snapshot", () => ({}));
  sharedMode = await open("shared", (directory) => ({
    ODIN_VOLUME_CLAIM: CLAIM,
    ODIN_VOLUME: directory,
    ODIN_FS_ROOT: join(directory, "pipelines"),
    ODIN_DATA_PATH: join(directory, "odin"),
  }));
  for (const { operator } of [snapshotMode, sharedMode]) await operator.untilSaid("operator running");
});
modes.after(async () => {
  for (const { operator, namespace } of [snapshotMode, sharedMode]) {
    await operator.end("SIGTERM");
    await namespace.remove();
  }
});

const task = (name: string, script: string, more: Partial<Task> = {}): Task => ({
  name,
  image: IMAGE,
  command: ["sh", "-ec"],
  args: [script],
  ...more,
});

/** Writes snapshots as a launch of a repository's job does, and the run that names them. */
async function launch(
  { namespace }: Place,
  run: string,
  definition: Omit<Definition, "files" | "failFast" | "rootFiles">,
  files: Record<string, string | Buffer>,
  rootFiles: Record<string, string>,
): Promise<void> {
  const root = { tasks: [], files: Object.keys(rootFiles), failFast: false };
  const rootSnapshot = snapshotOf(root, rootFiles, namespace.name, "root");
  const full = { ...definition, files: Object.keys(files), failFast: false, rootFiles: rootSnapshot.metadata.name };
  const snapshot = snapshotOf(full, files, namespace.name, "job");
  await kubectlApply(namespace.name, rootSnapshot, snapshot, {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name: run },
    spec: { job: definition.job, snapshot: snapshot.metadata.name, version: VERSION },
  });
}

async function ended({ namespace }: Place, name: string): Promise<Pipeline> {
  const look = async (): Promise<Pipeline> =>
    JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json"));
  return await until(look, RUN_MS, {
    describe: `end of ${name}`,
    accept: ({ status }) => status?.completionTime !== undefined,
    everyMs: 300,
  });
}

const logOf = ({ namespace }: Place, pod: string): Promise<string> => kubectl("logs", pod, "-n", namespace.name);

async function sst2Files(): Promise<{ tasks: Task[]; files: Record<string, string> }> {
  const directory = join(ROOT, "examples/sst2");
  const files: Record<string, string> = {};
  for (const name of await readdir(directory)) files[name] = await readFile(join(directory, name), "utf8");
  const { file, problems } = checkMainFile(files["main.yml"] ?? "");
  assert.equal(problems, []);
  return { tasks: file.tasks, files };
}

for (const mode of ["snapshot", "shared"] as const) {
  modes(`O-107: the sst2 run in ${mode} mode`, () =>
    within(2 * RUN_MS, async () => {
      const place = mode === "snapshot" ? snapshotMode : sharedMode;
      const { tasks, files } = await sst2Files();
      if (mode === "shared") {
        await mkdir(join(place.directory, "pipelines/team/sst2"), { recursive: true });
        for (const [name, text] of Object.entries(files))
          await writeFile(join(place.directory, "pipelines/team/sst2", name), text);
      }
      await launch(place, "sst2", { job: "team/sst2", tasks }, files, { "datasets.yml": "[]" });
      const { status } = await ended(place, "sst2");
      assert.is(status?.phase, "DONE", JSON.stringify(status));
      assert.is(status?.version, VERSION);
      assert.match(await logOf(place, "sst2--after"), /held-out accuracy: 0\.[89]\d/);
      await stat(join(place.directory, "odin/sst2/sst2--sst2/model.json"));
    }),
  );
}

modes(
  "O-107: in snapshot mode root files, job files and binary files are at their paths, inside a claim at /data",
  () =>
    within(RUN_MS, async () => {
      const script = [
        'cat "$ROOT_PATH/datasets.yml" "$WORK_PATH/a b.txt"',
        'od -An -tx1 "$WORK_PATH/raw.bin"',
        'test ! -w "$WORK_PATH/raw.bin"',
        'echo kept > "$TASK_PATH/out"',
      ].join("\n");
      const files = { "a b.txt": "job\n", "raw.bin": Buffer.from([0xff, 0x00, 0xfe]) };
      const mounts = [{ name: "data", path: "/data", claim: CLAIM }];
      const tasks = [task("a", script, { mounts }), task("b", script)];
      await launch(snapshotMode, "places", { job: "team/places", tasks }, files, { "datasets.yml": "root\n" });
      const { status } = await ended(snapshotMode, "places");
      assert.is(status?.phase, "DONE", JSON.stringify(status));
      for (const pod of ["places--a", "places--b"])
        assert.is(await logOf(snapshotMode, pod), "root\njob\n ff 00 fe\n", pod);
      assert.is(await readFile(join(snapshotMode.directory, "odin/places/a/out"), "utf8"), "kept\n");
    }),
);

modes("O-153: a rendered job sees its files in its rendered directory", () =>
  within(RUN_MS, async () => {
    const tasks = [task("a", 'cat "$WORK_PATH/x.yml"')];
    const workPath = "/data/pipelines/rendered/team/tmplab12";
    await launch(snapshotMode, "rendered", { job: "team/tmpl", tasks, workPath }, { "x.yml": "rendered\n" }, { d: "" });
    assert.is((await ended(snapshotMode, "rendered")).status?.phase, "DONE");
    assert.is(await logOf(snapshotMode, "rendered--a"), "rendered\n");
  }),
);

modes("what a task mounts inside the root stays beside the root's files", () =>
  within(RUN_MS, async () => {
    const script = 'cat "$ROOT_PATH/datasets.yml" "$WORK_PATH/x.txt"; echo cached > "$ROOT_PATH/cache/file"';
    const ephemVolumes = [{ name: "cache", type: "emptyDir" as const }];
    const mounts = [{ name: "cache", path: "/data/pipelines/cache" }];
    const tasks = [task("a", script, { ephemVolumes, mounts })];
    await launch(
      snapshotMode,
      "crossed",
      { job: "crossed", tasks },
      { "x.txt": "job\n" },
      { "datasets.yml": "root\n" },
    );
    const { status } = await ended(snapshotMode, "crossed");
    assert.is(status?.phase, "DONE", JSON.stringify(status));
    assert.is(await logOf(snapshotMode, "crossed--a"), "root\njob\n");
  }),
);

modes("O-107, O-14: in snapshot mode an edit of a file during the run is not seen by later tasks", () =>
  within(RUN_MS, async () => {
    const { namespace } = snapshotMode;
    const tasks = ["a", "b"].map((name) => task(name, 'cat "$WORK_PATH/note"', name === "b" ? { depends: ["a"] } : {}));
    const job = (note: string): object => ({
      apiVersion: "odin.io/v1",
      kind: "Job",
      metadata: { name: "edited" },
      spec: { tasks, files: { note } },
    });
    await kubectlApply(namespace.name, job("first\n"), {
      apiVersion: "odin.io/v1",
      kind: "Pipeline",
      metadata: { name: "edited-run" },
      spec: { job: "edited" },
    });
    const look = (): Promise<string> =>
      kubectl("get", "pipeline", "edited-run", "-n", namespace.name, "-o", "jsonpath={.status.snapshot}");
    await until(look, RUN_MS, { describe: "the run is taken up" });
    await kubectlApply(namespace.name, job("second\n"));
    assert.is((await ended(snapshotMode, "edited-run")).status?.phase, "DONE");
    assert.is(await logOf(snapshotMode, "edited-run--b"), "first\n");
  }),
);

modes("O-107: in shared mode files are live, and a task of another user may write where it was told to", () =>
  within(RUN_MS, async () => {
    const directory = join(sharedMode.directory, "pipelines/live");
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, "note"), "first\n");
    const securityContext = { runAsUser: 1000 };
    const tasks = [
      task("a", 'cat "$WORK_PATH/note"; until test -e "$WORK_PATH/go"; do sleep 0.1; done; id -u > "$TASK_PATH/who"', {
        securityContext,
      }),
      task("b", 'cat "$WORK_PATH/note" "$RUN_PATH/a/who"', { depends: ["a"] }),
    ];
    await launch(sharedMode, "live", { job: "live", tasks }, { note: "frozen\n" }, {});
    const first = (): Promise<string> => logOf(sharedMode, "live--a").catch(() => "");
    await until(first, RUN_MS, { describe: "the first task has read", accept: (log) => log === "first\n" });
    await writeFile(join(directory, "note"), "second\n");
    await writeFile(join(directory, "go"), "");
    const { status } = await ended(sharedMode, "live");
    assert.is(status?.phase, "DONE", JSON.stringify(status));
    assert.is(await logOf(sharedMode, "live--b"), "second\n1000\n");
  }),
);

modes("O-150, O-13: TASK_PATH exists in every task, with and without a claim", () =>
  within(RUN_MS, async () => {
    const spec = {
      tasks: [
        task("scratch", 'touch "$TASK_PATH/x"'),
        task("claim", 'touch "$TASK_PATH/x"', {
          mounts: [{ name: "d", path: "/data", claim: CLAIM }],
          securityContext: { runAsUser: 1000 },
        }),
      ],
    };
    for (const place of [snapshotMode, sharedMode]) {
      const metadata = { name: "task-path" };
      await kubectlApply(place.namespace.name, { apiVersion: "odin.io/v1", kind: "Pipeline", metadata, spec });
      const { status } = await ended(place, "task-path");
      assert.is(status?.phase, "DONE", JSON.stringify(status));
    }
  }),
);
modes("O-200: on the shared volume a second run of the same task is skipped, and what follows reads its outputs", () =>
  within(2 * RUN_MS, async () => {
    const { namespace, directory } = sharedMode;
    const output = join(directory, "models/model");
    await mkdir(join(directory, "models"), { recursive: true });
    const train = task("train", `mkdir -p ${directory}/models; date +%N > ${output}`, {
      inputs: [join(directory, "pipelines")],
      outputs: { model: output },
    });
    const use = task("use", `cat ${output}`, { depends: ["train"] });
    const spec = { tasks: [train, use] };
    for (const name of ["first", "second"]) {
      await kubectlApply(namespace.name, { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec });
      const { status } = await ended(sharedMode, name);
      assert.is(status?.phase, "DONE", JSON.stringify(status));
      assert.is(status?.tasks?.train?.pod, name === "first" ? "first--train" : "Cached", JSON.stringify(status));
      const entries = (): Promise<string[]> => readdir(join(directory, "odin/.cache")).catch(() => []);
      await until(entries, RUN_MS, { describe: "it is remembered", accept: (files) => files.length === 1 });
    }
    assert.is(await logOf(sharedMode, "second--use"), await logOf(sharedMode, "first--use"));
  }),
);
modes.run();
