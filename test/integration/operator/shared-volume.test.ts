import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Definition, snapshotOf } from "../../../crds/snapshot.ts";
import { CONFIG_MAP } from "../../../kube/core-resources.ts";
import { collectionPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Pod, Stage, task } from "./stage.ts";

const shared = suite("one volume for everything");
let stage: Stage;
let volume: string;
let data: string;
shared.before(async () => {
  volume = (await temporaryDirectory()).path;
  await chmod(volume, 0o777);
  data = join(volume, "odin");
  stage = await Stage.open({
    paths: { root: join(volume, "pipelines"), data },
    sharedVolume: { claim: "data-rw-many", path: volume },
  });
});
shared.after(async () => {
  await stage?.close();
});

async function freeze(definition: Partial<Definition>, files: Record<string, string>): Promise<string> {
  const full = { tasks: [task("a")], files: Object.keys(files), failFast: false, ...definition };
  const snapshot = snapshotOf(full, files, stage.namespace, "shared");
  await stage.client.create(collectionPath(CONFIG_MAP, stage.namespace), snapshot);
  return snapshot.metadata.name;
}

function mountsOf(pod: Pod): string[] {
  const volumes = (pod.spec as { volumes?: { name: string; persistentVolumeClaim?: { claimName: string } }[] }).volumes;
  return (pod.spec.containers[0]?.volumeMounts ?? [])
    .map(({ mountPath, ...mount }) => {
      const { name } = mount as { name?: string };
      const claim = volumes?.find((one) => one.name === name)?.persistentVolumeClaim?.claimName ?? "files";
      return `${mountPath} ${claim}`;
    })
    .sort();
}

shared("O-107: tasks of a repository's job get the claim and nothing else; its files are live", async () => {
  const snapshot = await freeze({ job: "sst2" }, { "train.py": "print(1)" });
  await stage.create("live", { job: "sst2", snapshot, version: "1".repeat(40) });
  assert.equal(mountsOf(await stage.pod("live", "a")), [`${volume} data-rw-many`]);
});

shared(
  "O-107: files that are not on the volume still come from a snapshot: a Job applied with kubectl, a template",
  async () => {
    await stage.create("carried", { tasks: [task("a")], files: { "x.py": "print(1)" } });
    assert.equal(mountsOf(await stage.pod("carried", "a")), [
      `${volume} data-rw-many`,
      `${join(volume, "pipelines/carried")} files`,
    ]);
    const workPath = join(volume, "pipelines/rendered/sst2ab12");
    const snapshot = await freeze({ job: "sst2", workPath }, { "train.py": "print(2)" });
    await stage.create("rendered", { job: "sst2", snapshot });
    assert.equal(mountsOf(await stage.pod("rendered", "a")), [`${volume} data-rw-many`, `${workPath} files`]);
  },
);

shared(
  "O-150: RUN_PATH and every TASK_PATH are there before the first task starts, open as the volume is",
  async () => {
    await stage.create("directories", { tasks: [task("a"), task("b", { depends: ["a"] })] });
    await stage.pod("directories", "a");
    assert.equal((await readdir(join(data, "directories"))).sort(), ["a", "b"]);
    for (const path of ["directories", "directories/a", "directories/b"])
      assert.is((await stat(join(data, path))).mode & 0o7777, 0o777, path);
  },
);

shared("a claim that the task mounts at the same place itself wins, and TASK_PATH is made on it", async () => {
  await stage.create("own", { tasks: [task("a", { mounts: [{ name: "mine", path: volume, claim: "other" }] })] });
  assert.equal(mountsOf(await stage.pod("own", "a")), [`${volume} other`, `${join(data, "own/a")} other`]);
});

shared("a volume that cannot be written holds the run back with a reason, and lets it go", async () => {
  await rename(data, `${data}-aside`);
  await writeFile(data, "in the way");
  await stage.create("blocked", { tasks: [task("a")] });
  const waiting = await stage.untilRun("blocked", "says why", (run) => run.status?.reason === "VolumeUnavailable");
  assert.is(waiting.status?.phase, "BUILDING");
  assert.match(waiting.status?.message ?? "", data);
  await rm(data);
  await rename(`${data}-aside`, data);
  await stage.succeed("blocked", "a");
  await stage.untilPhase("blocked", "DONE");
});

shared("O-180: a run that waits for the volume can be cancelled", async () => {
  await mkdir(data, { recursive: true });
  await symlink("/etc", join(data, "trap"));
  await stage.create("trap", { tasks: [task("a")] });
  const waiting = await stage.untilRun("trap", "says why", (run) => run.status?.reason === "VolumeUnavailable");
  assert.match(waiting.status?.message ?? "", "exists and is not a directory");
  await stage.control("trap", { cancel: true });
  await stage.untilPhase("trap", "TERMINATED");
  assert.not.ok(existsSync("/etc/a"));
  await until(async () => (await stage.pods("trap")).length, 60_000, {
    describe: "no pod was made",
    accept: (count) => count === 0,
  });
});
shared.run();
