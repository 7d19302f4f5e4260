import { suite } from "uvu";
import * as assert from "uvu/assert";
import { taskViews } from "../../../../api/odin/main-yml-view.ts";

const test = suite("main.yml as replies show it");

test("O-62, O-283: the document's sst2 as it is written, variables unsubstituted", () => {
  const view = taskViews(
    `mead_image: &mead-gpu meadml/mead2-gpu:latest
claim_name: &claim_name data-rw-many
tasks:
  - name: sst2
    image: *mead-gpu
    command: mead-train
    args: ["--basedir", "\${RUN_PATH}/\${TASK_ID}"]
    mount: {name: data, path: /data, claim: *claim_name}
    num_gpus: 1
  - name: after
    image: interactions/odin-ml:latest
    command: odin-chores
    depends: sst2
    args: ["$WORK_PATH/after.yml", "--label", "$TASK_ID"]
    mount: {name: data, path: /data, claim: *claim_name}
    pull_policy: Always
`,
    "sst2",
  );
  const mounts = { claim: "data-rw-many", name: "data", path: "/data" };
  assert.equal(view, {
    tasks: [
      {
        id: "sst2--sst2",
        name: "sst2",
        image: "meadml/mead2-gpu:latest",
        command: "mead-train",
        args: ["--basedir", "${RUN_PATH}/${TASK_ID}"],
        mounts,
        numGpus: 1,
      },
      {
        id: "sst2--after",
        name: "after",
        image: "interactions/odin-ml:latest",
        command: "odin-chores",
        depends: "sst2",
        args: ["$WORK_PATH/after.yml", "--label", "$TASK_ID"],
        mounts,
        pullPolicy: "Always",
      },
    ],
  });
});

test("O-62: lists stay lists, merged keys are there, nulls are absent, unknown keys are passed through", () => {
  const { name, tasks } = taskViews(
    `name: prefix
base: &base {image: i, num_gpus: 2}
tasks:
  - <<: *base
    id: somebody--else
    name: a
    command: [x, 5]
    args: [1e3, 0644, yes]
    mounts: [{name: d, path: /d, claim: c}]
    secrets: {name: s, path: /s, sub_path: k, mode: 0400}
    config_maps: [{name: m, path: /m, sub_path: k}]
    ephem_volumes: [{name: e, type: emptyDir, size_limit: 1}]
    cpu: {limits: 2}
    security_context: {run_as_user: 1000}
    node_selector: [{key: k, value: 1}]
    resource_type: ~
    my_key: {a_b: 0x10, c: ~, d: [on, 1.5, 2019-08-08]}
`,
    "team/a",
  );
  assert.is(name, "prefix");
  assert.equal(tasks, [
    {
      id: "team/a--a",
      name: "a",
      image: "i",
      numGpus: 2,
      command: ["x", "5"],
      args: ["1e3", "0644", "yes"],
      mounts: [{ name: "d", path: "/d", claim: "c" }],
      secrets: { name: "s", path: "/s", subPath: "k", mode: 0o400 },
      configMaps: [{ name: "m", path: "/m", subPath: "k" }],
      ephemVolumes: [{ name: "e", type: "emptyDir", sizeLimit: "1" }],
      cpu: { limits: "2" },
      securityContext: { runAsUser: 1000 },
      nodeSelector: [{ key: "k", value: "1" }],
      my_key: { a_b: 16, d: [true, 1.5, "2019-08-08"] },
    },
  ]);
});

test("O-60: a file that cannot be used has an error with line and column, and no tasks", () => {
  for (const source of [
    "tasks: [",
    "tasks: []\nx: !!python/name:os {}",
    "tasks: [{name: a, image: i, command: c}, {name: b}]",
    "tasks: [{name: a, image: i, command: c, depends: b}]",
    "name: NO\ntasks: []",
    "",
  ]) {
    const { tasks, error } = taskViews(source, "j");
    assert.equal(tasks, [], source);
    assert.match(error ?? "", /line \d+, column \d+: /, source);
  }
  assert.equal(taskViews("tasks: []", "j"), { tasks: [] });
});
test.run();
