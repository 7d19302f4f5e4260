import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkMainFile } from "../../../crds/main-yml.ts";

const test = suite("main.yml");
const problemsOf = (source: string): string =>
  checkMainFile(source)
    .problems.map(({ path, task, detail }) => `${path}${task === undefined ? "" : ` of ${task}`}: ${detail}`)
    .join("\n");
/** The task that a flow mapping describes, with what every task needs. */
const taskOf = (keys: string): Record<string, unknown> => {
  const { file, problems } = checkMainFile(`tasks: [{name: a, image: i, command: c, ${keys}}]`);
  assert.equal(problems, [], keys);
  return { ...file.tasks[0] };
};
const refused = (keys: string): string => problemsOf(`tasks:\n- {name: a, image: i, command: c, ${keys}}`);

test("O-120, O-121: anchors, merge keys, singular and plural, both spellings, the keys above the tasks", () => {
  const { file, problems } = checkMainFile(`
name: sst2
fail_fast: yes
gpu_image: &gpu meadml/mead2-gpu:latest
claim: &claim {claim: data-rw-many}
tasks:
  - name: sst2
    image: *gpu
    command: mead-train
    args: ["--basedir", "\${RUN_PATH}"]
    mount: {<<: *claim, name: data, path: /data}
    num_gpus: 1
    fail: ~
  - {name: after, image: odin, command: [odin-chores, x], depends: ^sst2, pullPolicy: Always, mounts: [{name: data, path: /data, claim: c}], node_selector: [{key: a, value: b}]}
`);
  assert.equal(problems, []);
  assert.equal(file, {
    name: "sst2",
    failFast: true,
    tasks: [
      {
        name: "sst2",
        image: "meadml/mead2-gpu:latest",
        command: ["mead-train"],
        args: ["--basedir", "${RUN_PATH}"],
        mounts: [{ name: "data", path: "/data", claim: "data-rw-many" }],
        numGpus: 1,
      },
      {
        name: "after",
        image: "odin",
        command: ["odin-chores", "x"],
        depends: ["sst2"],
        mounts: [{ name: "data", path: "/data", claim: "c" }],
        nodeSelector: { a: "b" },
        pullPolicy: "Always",
      },
    ],
  });
});

test("O-120: merges: own keys win, of several mappings the first, a quoted << is a key like others", () => {
  const { file } = checkMainFile(`
one: &one {image: one, command: one}
two: &two {image: two, command: two, num_gpus: 2}
tasks:
  - {name: a, image: own, <<: [*one, *two]}
  - {name: b, <<: *two, "<<": free}
`);
  assert.equal(file.tasks, [
    { name: "a", image: "own", command: ["one"], numGpus: 2 },
    { name: "b", image: "two", command: ["two"], numGpus: 2 },
  ]);
  assert.match(problemsOf("tasks: []\nx: 5\ny: &y 5\n"), /^$/);
  assert.match(
    problemsOf("tasks:\n- {name: a, image: i, command: c, <<: 5}"),
    /line 2, column \d+: << takes a mapping/,
  );
});

test("O-120: a mode with a leading zero is octal, of duplicate keys the last wins, null is absent", () => {
  assert.equal(taskOf("image: j, secrets: {name: s, path: /s, mode: 0400}, resource_type: null, args: ~, timeout:"), {
    name: "a",
    image: "j",
    command: ["c"],
    secrets: [{ name: "s", path: "/s", mode: 0o400 }],
  });
  assert.is((taskOf("num_gpus: 0x10").numGpus as number) + (taskOf("num_gpus: 010").numGpus as number), 24);
});

test("O-121: the singular wins over the plural, unless it is null", () => {
  assert.equal(taskOf("mount: {name: a, path: /a, claim: c}, mounts: [{name: b, path: /b, claim: c}]").mounts, [
    { name: "a", path: "/a", claim: "c" },
  ]);
  assert.equal(taskOf("mounts: {name: b, path: /b, claim: c}, mount: ~").mounts, [
    { name: "b", path: "/b", claim: "c" },
  ]);
  assert.equal(taskOf("configMap: {name: m, path: /m, sub_path: k}, secret: [{name: s, path: /s}]"), {
    name: "a",
    image: "i",
    command: ["c"],
    secrets: [{ name: "s", path: "/s" }],
    configMaps: [{ name: "m", path: "/m", subPath: "k" }],
  });
});

test("O-121: one key in both spellings is fine as long as both say the same", () => {
  assert.is(taskOf("num_gpus: 1, numGpus: 1").numGpus, 1);
  assert.is(taskOf("num_gpus: 1, numGpus: null").numGpus, 1);
  assert.match(
    refused("num_gpus: 1, numGpus: 2"),
    /of a: line 2, column \d+: numGpus says something else than num_gpus/,
  );
});

test("O-123, O-124: a command that is a text is one element, never split", () => {
  assert.equal(taskOf("").command, ["c"]);
  const { file } = checkMainFile(
    "tasks: [{name: a, image: i, command: echo a b}, {name: b, image: i, command: [x, 5]}]",
  );
  assert.equal(
    file.tasks.map(({ command }) => command),
    [["echo a b"], ["x", "5"]],
  );
});

test("O-125: numbers, booleans and dates in args are the text that stands in the file; null and nested are refused", () => {
  assert.equal(taskOf("args: [1e3, 0644, yes, 2019-08-08, 1_000, 12:30:45, 1.50, 'q', !!int 7]").args, [
    "1e3",
    "0644",
    "yes",
    "2019-08-08",
    "1_000",
    "12:30:45",
    "1.50",
    "q",
    "7",
  ]);
  assert.match(refused("args: [x, ~]"), /tasks\[0\]\.args\[1\] of a: .*args\[1\] must not be null/);
  assert.match(refused("args: [[nested]]"), /args\[0\] must be a text/);
  assert.match(refused("args: text"), /args must be a list/);
});

test("O-126: depends is a text or a list, a leading ^ is dropped; an unknown task, itself and a cycle are refused", () => {
  const { file } = checkMainFile(
    "tasks: [{name: a, image: i, command: c}, {name: b, image: i, command: c, depends: [^a, a]}]",
  );
  assert.equal(file.tasks[1]?.depends, ["a"]);
  assert.match(refused("depends: nope"), /line 2, column \d+: there is no task "nope"/);
  assert.match(refused("depends: a"), /cycle: a -> a/);
});

test("O-127, O-128: a mount has a claim or names an ephemeral volume", () => {
  assert.equal(
    taskOf(
      "mounts: [{name: d, path: /d, claim: c}, {name: e, path: /e}], ephem_volume: {name: e, type: emptyDir, size_limit: 2Gi}",
    ).ephemVolumes,
    [{ name: "e", type: "emptyDir", sizeLimit: "2Gi" }],
  );
  assert.match(refused("mount: {name: d, path: /d}"), /mounts\[0\] of a: .*has no claim/);
  assert.match(
    refused("mounts: [{name: d, path: /d, claim: c}, {name: d, path: /e, claim: other}]"),
    /names two claims, c and other/,
  );
  assert.match(refused("mount: {name: d}"), /mount needs path/);
  assert.match(
    refused("ephem_volumes: {name: e, type: hostPath}"),
    /ephemVolumes\[0\]\.type of a: .*"hostPath" is not one of emptyDir/,
  );
});

test("O-129: the two Secrets of old have a place of their own", () => {
  assert.equal(
    taskOf("secrets: [{name: odin-cred}, {name: ssh-key}, {name: s, path: /s, sub_path: k, mode: 0600}]").secrets,
    [
      { name: "odin-cred", path: "/etc/odind/odin-cred.yml", subPath: "odin-cred.yml" },
      { name: "ssh-key", path: "/etc/odind/identity", subPath: "identity", mode: 0o400 },
      { name: "s", path: "/s", subPath: "k", mode: 0o600 },
    ],
  );
  assert.equal(taskOf("secret: {name: ssh-key, path: /k, mode: 256}").secrets, [
    { name: "ssh-key", path: "/k", mode: 256 },
  ]);
  assert.match(refused("secret: {name: other}"), /path/);
  assert.match(refused("secret: {name: s, path: /s, mode: rw}"), /mode must be a file mode like 0644/);
});

test("O-130: a ConfigMap needs name, path and sub_path", () => {
  assert.equal(taskOf("config_maps: {name: m, path: /m, subPath: k}").configMaps, [
    { name: "m", path: "/m", subPath: "k" },
  ]);
  assert.match(refused("config_map: {name: m, path: /m}"), /config_map needs sub_path/);
});

test("O-131, O-138, O-143, O-144: whole numbers in their bounds", () => {
  assert.equal(taskOf("num_gpus: 0, num_workers: 2, timeout: 60, retries: 10"), {
    name: "a",
    image: "i",
    command: ["c"],
    numGpus: 0,
    numWorkers: 2,
    timeout: 60,
    retries: 10,
  });
  for (const [keys, message] of [
    ["num_gpus: -1", /num_gpus must be at least 0/],
    ["num_gpus: 1.5", /num_gpus must be a whole number/],
    ["num_gpus: '1'", /num_gpus must be a whole number/],
    ["num_gpus: yes", /num_gpus must be a whole number/],
    ["num_workers: 0", /num_workers must be at least 1/],
    ["timeout: 0", /timeout must be at least 1/],
    ["retries: 11", /retries must be at most 10/],
  ] as const)
    assert.match(refused(keys), message);
});

test("O-132, O-133, O-134, O-135: resources, identity and pull policy", () => {
  assert.equal(
    taskOf(
      "cpu: {limits: 2}, memory: {requests: 4Gi}, security_context: {run_as_user: 1000, fs_group: 5}, pull_policy: Never",
    ),
    {
      name: "a",
      image: "i",
      command: ["c"],
      cpu: { limits: "2" },
      memory: { requests: "4Gi" },
      securityContext: { runAsUser: 1000, fsGroup: 5 },
      pullPolicy: "Never",
    },
  );
  assert.match(refused("memory: {limits: 2 GB}"), /memory\.limits of a: .*"2 GB" is not a quantity/);
  assert.match(refused("cpu: 2"), /cpu must be a mapping/);
  assert.match(refused("pull_policy: Sometimes"), /"Sometimes" is not one of IfNotPresent, Always, Never/);
});

test("O-136, O-142: a node selector is a mapping or a list of key and value; tolerations are a list", () => {
  assert.equal(taskOf("node_selector: {gpu: yes, zone: 1}").nodeSelector, { gpu: "yes", zone: "1" });
  assert.equal(taskOf("nodeSelector: [{key: gpu, value: a100}]").nodeSelector, { gpu: "a100" });
  assert.match(refused("node_selector: [{key: gpu}]"), /node_selector\[0\] needs value/);
  assert.equal(taskOf("tolerations: [{key: k, operator: Exists, toleration_seconds: 5}]").tolerations, [
    { key: "k", operator: "Exists", tolerationSeconds: 5 },
  ]);
});

test("O-137, O-173: kinds are named in any case, by alias too; others are refused", () => {
  assert.is(taskOf("resource_type: pytjob").resourceType, "PyTorchJob");
  assert.is(taskOf("resource_type: POD").resourceType, "Pod");
  for (const kind of ["Service", "Deployment", "toString"])
    assert.match(refused(`resource_type: ${kind}`), /resourceType of a: line 2, column \d+: .* is not one of Pod, Job/);
});

test("O-139, O-140: inputs and outputs; outputs as a list are numbered", () => {
  assert.equal(taskOf("inputs: /x").inputs, ["/x"]);
  assert.equal(taskOf("inputs: [/x, /y], outputs: {m: /m, n: [/n, /o]}").outputs, {
    m: "/m",
    n: "/n /o",
  });
  assert.equal(taskOf("outputs: [/x, /y]").outputs, { "0": "/x", "1": "/y" });
});

test("O-141: environment variables, but not our own", () => {
  assert.equal(taskOf("env: {LR: 0.1, ON: on, EMPTY: '', GONE: ~}").env, { LR: "0.1", ON: "on", EMPTY: "" });
  assert.match(refused("env: {ODIN_TASK_ID: x}"), /set by odin/);
});

test("O-145, O-146: an id is ignored, unknown keys are passed over, fail_fast is a flag", () => {
  assert.equal(taskOf("id: job--a, colour: red"), { name: "a", image: "i", command: ["c"] });
  assert.match(
    problemsOf("fail_fast: perhaps\ntasks: []"),
    /^failFast: line 1, column 12: fail_fast must be true or false/,
  );
});

test("O-146: what is missing, twice there or of the wrong type is told with task, key and place, all of it at once", () => {
  assert.is(
    problemsOf("tasks:\n- {name: a, image: i}\n- {name: b, image: [i], command: {c: d}, num_gpus: many}\n- text"),
    [
      "tasks[0].command of a: line 2, column 3: the task needs command",
      "tasks[1].image of b: line 3, column 20: image must be a text",
      "tasks[1].command of b: line 3, column 34: command must be a text",
      "tasks[1].numGpus of b: line 3, column 52: num_gpus must be a whole number",
      "tasks[2]: line 4, column 3: a task must be a mapping",
    ].join("\n"),
  );
  assert.match(
    problemsOf("tasks:\n- {name: a, image: i, command: c}\n- {name: a, image: i, command: c}"),
    /tasks\[1\]\.name of a: line 3, column 10: another task has the same name/,
  );
  assert.match(problemsOf("tasks: {a: b}"), /tasks: line 1, column 8: tasks must be a list/);
  for (const source of ["", "- a", "text", "~", "name: x"]) assert.ok(problemsOf(source).includes("line 1"), source);
  assert.is(checkMainFile(`tasks:\n${"- x\n".repeat(1000)}`).problems.length, 20);
});

test("O-146, O-148: what the API server would refuse is refused here", () => {
  assert.match(
    refused(`nodeSelector: {a: ${"x".repeat(64)}}`),
    /nodeSelector\.a of a: .*has 64 characters; the most is 63/,
  );
  assert.match(problemsOf("tasks: [{name: Bad_Name, image: i, command: c}]"), /not a task name/);
  assert.match(refused("mount: {name: D, path: relative, claim: c}"), /mounts\[0\]\.name of a: .*"D" does not match/);
});

test("O-13, O-122: the prefix of run ids and the names of tasks have the form of a name", () => {
  for (const name of ["A", "-a", "a_b", "''"])
    assert.match(problemsOf(`name: ${name}\ntasks: []`), /^name: line 1/, name);
  assert.is(checkMainFile("name: 2019.x-y\ntasks: []").file.name, "2019.x-y");
  // With the random part and a task of one letter this makes an id of 60 characters.
  assert.is(problemsOf(`name: ${"x".repeat(47)}\ntasks: []`), "");
  assert.match(
    problemsOf(`name: ${"x".repeat(48)}\ntasks: []`),
    /^name: line 1, column 7: has 48 characters; the most is 47/,
  );
  for (const name of ["A", "-a", "a_b", "a.b", "''", "a-", "x".repeat(64)])
    assert.match(
      problemsOf(`tasks:\n- {name: ${name}, image: i, command: c}`),
      /name.*line 2, column 10: .*not a task name/,
      name,
    );
  assert.match(
    problemsOf("tasks: [{image: i, command: c}]"),
    /tasks\[0\]\.name: line 1, column 9: the task needs name/,
  );
});

test("O-6: 2,000 tasks are taken, 2,001 are not, and no file over 1 MiB", () => {
  const tasks = (count: number): string =>
    `tasks:\n${Array.from({ length: count }, (_, i) => `- {name: t${i}, image: i, command: c}`).join("\n")}\n`;
  assert.is(checkMainFile(tasks(2000)).problems.length, 0);
  assert.match(problemsOf(tasks(2001)), /2001 tasks; the most is 2000/);
  assert.match(problemsOf(`tasks: [] #${"x".repeat(1024 * 1024)}`), /1048587 bytes; the most is 1048576/);
});

test("O-152: a leading ^ is refused at every key but depends, args and inputs, and a reference needs a field", () => {
  for (const keys of [
    "image: ^b.x",
    "command: [^b.x]",
    "env: {X: ^b.x}",
    "outputs: [^b.x]",
    "node_selector: {k: ^b.x}",
  ])
    assert.match(refused(keys), /begins with \^/, keys);
  assert.match(refused("args: [^b]"), /names no field/);
  assert.match(refused("args: ['x{^b.c}']"), /there is no task "b"/);
});

test("O-120: unknown tags and broken YAML are told with line and column", () => {
  assert.match(problemsOf("tasks: []\nx: !!python/object:os.system {}"), /line 2, column \d+: unknown tag/);
  assert.match(problemsOf("tasks: []\nx: !mine 5"), /line 2, column \d+: unknown tag/);
  assert.match(problemsOf("tasks: []\nx: !!binary aGk="), /unknown tag/);
  assert.match(problemsOf("tasks: [\n"), /line \d+, column \d+/);
  assert.match(problemsOf("tasks: [*nobody]"), /line 1, column 9: there is no anchor &nobody above/);
  assert.match(problemsOf("--- {tasks: []}\n--- {tasks: []}"), /line 2/);
  assert.match(problemsOf("tasks: []\n? [a, b]\n: c"), /line 2, column 3: a key must be a text/);
  assert.is(problemsOf("%YAML 1.2\n---\ntasks: []\nx: !!str 5"), "");
});

test("O-120: alias bombs, loops and depth cost little and are refused with line and column", () => {
  const doubling = Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
  const merging = Array.from({ length: 40 }, (_, i) => `m${i + 1}: &m${i + 1} {<<: [*m${i}, *m${i}], k${i}: x}`);
  for (const lines of [
    ["a0: &a0 [x, x]", ...doubling, "tasks: []"],
    ["a0: &a0 [x, x]", ...doubling, "tasks: [{name: a, image: i, command: c, args: *a40}]"],
    ["m0: &m0 {a: b}", ...merging, "tasks: [{name: a, <<: *m40}]"],
    [`big: &big ${"x".repeat(500_000)}`, `list: [${Array(20).fill("*big").join(", ")}]`, "tasks: []"],
  ])
    assert.match(problemsOf(lines.join("\n")), /line \d+, column \d+: aliases make more/);
  assert.match(problemsOf("tasks: &t [*t]"), /line 1, column 12: \*t stands inside of what it stands for/);
  assert.match(problemsOf("x: &x {<<: *x}\ntasks: []"), /stands inside/);
  const chain = Array.from({ length: 5000 }, (_, i) => `c${i + 1}: &c${i + 1} [*c${i}]`);
  assert.match(problemsOf(["c0: &c0 x", ...chain, "tasks: []"].join("\n")), /more than 100 levels deep/);
  for (const open of ["[", "{a: ", "- ", "? "])
    assert.match(problemsOf(`tasks: []\nx:\n  ${open.repeat(3000)}`), /line \d+, column \d+/, open);
});

test("keys that JavaScript objects have are keys like others", () => {
  const { file, problems } = checkMainFile(
    "tasks: [{name: a, image: i, command: c, env: {__proto__: x, constructor: y}, __proto__: {admin: yes}, toString: z}]",
  );
  assert.equal(problems, []);
  const env = file.tasks[0]?.env ?? {};
  assert.equal(Object.keys(env), ["__proto__", "constructor"]);
  assert.is(Object.getPrototypeOf(env), Object.prototype);
  assert.is(({} as Record<string, unknown>).admin, undefined);
});
test.run();
