import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Task } from "../../../crds/generated/types.ts";
import { DEFAULT_PATHS } from "../../../crds/run-paths.ts";
import type { Definition } from "../../../crds/snapshot.ts";
import { planOf } from "../../../operator/decide/plan.ts";
import { volumesOf } from "../../../operator/kinds/pod-volumes.ts";

const volumes = suite("files of the repository in a pod");
const ROOT_FILES = { snapshot: "odin-root-1", files: ["datasets.yml", "logging.json"] };

interface Mount {
  name: string;
  mountPath: string;
  subPath?: string;
  readOnly?: boolean;
}

/** Mount paths of a task of run `r`, with the volumes that the files come from. */
function mounted(
  definition: Partial<Definition>,
  task: Partial<Task> = {},
  rootFiles: typeof ROOT_FILES | undefined = ROOT_FILES,
): { paths: string[]; files: unknown[]; mounts: Mount[] } {
  const full: Task = { name: "t", image: "i", command: ["c"], ...task };
  const plan = planOf(
    { job: "team/sst2", files: ["sst2.yml"], failFast: false, ...definition, tasks: [full] },
    { snapshot: "odin-sst2-1", ...(rootFiles === undefined ? {} : { rootFiles }) },
  );
  const found = volumesOf(full, "r", plan, DEFAULT_PATHS, undefined);
  const mounts = found.mounts as unknown as Mount[];
  return {
    mounts,
    paths: mounts.map((mount) => mount.mountPath).sort(),
    files: found.volumes.filter((volume) => String(volume.name).startsWith("odin-files")),
  };
}

volumes("O-107: root files and job files are one projected volume at ROOT_PATH, read-only", () => {
  const { paths, files, mounts } = mounted({});
  assert.equal(paths, ["/data/odin/r/t", "/data/pipelines"]);
  assert.is(mounts.find((mount) => mount.mountPath === "/data/pipelines")?.readOnly, true);
  const root = [
    { key: "file-0", path: "datasets.yml" },
    { key: "file-1", path: "logging.json" },
  ];
  assert.equal(files, [
    {
      name: "odin-files",
      projected: {
        sources: [
          { configMap: { name: "odin-root-1", items: root } },
          { configMap: { name: "odin-sst2-1", items: [{ key: "file-0", path: "team/sst2/sst2.yml" }] } },
        ],
      },
    },
  ]);
});

volumes("O-107: without root files the job's files are mounted at WORK_PATH alone", () => {
  assert.equal(mounted({}, {}, { snapshot: "s", files: [] }).paths, ["/data/odin/r/t", "/data/pipelines/team/sst2"]);
});

volumes("O-153: a rendered job has its files in its rendered directory, below the root or elsewhere", () => {
  const below = mounted({ workPath: "/data/pipelines/rendered/team/sst2ab12" });
  assert.equal(below.paths, ["/data/odin/r/t", "/data/pipelines"]);
  assert.match(JSON.stringify(below.files), '"path":"rendered/team/sst2ab12/sst2.yml"');
  const elsewhere = mounted({ workPath: "/scratch/sst2ab12" });
  assert.equal(elsewhere.paths, ["/data/odin/r/t", "/data/pipelines", "/scratch/sst2ab12"]);
});

volumes("a claim at /data stays around the files, and TASK_PATH lies on it", () => {
  const { paths, mounts } = mounted({}, { mounts: [{ name: "data", path: "/data", claim: "data-rw-many" }] });
  assert.equal(paths, ["/data", "/data/odin/r/t", "/data/pipelines"]);
  assert.is(mounts.find((mount) => mount.mountPath === "/data/odin/r/t")?.subPath, "odin/r/t");
});

volumes("what a task mounts inside the root is not hidden: the root's files come one by one", () => {
  const { paths } = mounted({}, { mounts: [{ name: "c", path: "/data/pipelines/cache", claim: "c" }] });
  assert.equal(paths, [
    "/data/odin/r/t",
    "/data/pipelines/cache",
    "/data/pipelines/datasets.yml",
    "/data/pipelines/logging.json",
    "/data/pipelines/team/sst2",
  ]);
});

volumes("what a task mounts inside its job's directory leaves the files beside it", () => {
  const { paths } = mounted({}, { mounts: [{ name: "c", path: "/data/pipelines/team/sst2/cache/", claim: "c" }] });
  assert.ok(paths.includes("/data/pipelines/team/sst2/sst2.yml"), paths.join(" "));
  assert.ok(!paths.includes("/data/pipelines/team/sst2"), paths.join(" "));
});

volumes("what a task mounts at one of the two directories itself wins over ours", () => {
  const root = mounted({}, { mounts: [{ name: "c", path: "/data/pipelines", claim: "c" }] });
  assert.equal(root.paths, ["/data/odin/r/t", "/data/pipelines", "/data/pipelines/team/sst2"]);
  const work = mounted({}, { mounts: [{ name: "c", path: "/data/pipelines/team/sst2", claim: "c" }] });
  assert.equal(work.paths, [
    "/data/odin/r/t",
    "/data/pipelines/datasets.yml",
    "/data/pipelines/logging.json",
    "/data/pipelines/team/sst2",
  ]);
});

volumes("no two mounts of a pod have the same path, whatever the task mounts", () => {
  const places = ["/data", "/data/pipelines", "/data/pipelines/team", "/data/pipelines/team/sst2", "/data/odin"];
  for (const extra of [
    ...places,
    "/data/pipelines/datasets.yml",
    "/data/odin/r",
    "/data/odin/r/t",
    "/data/pipelines/",
  ]) {
    const { paths } = mounted({}, { mounts: [{ name: "c", path: extra, claim: "c" }] });
    const plain = paths.map((path) => path.replace(/\/+$/, ""));
    assert.is(new Set(plain).size, plain.length, `${extra}: ${paths.join(" ")}`);
  }
});
volumes.run();
