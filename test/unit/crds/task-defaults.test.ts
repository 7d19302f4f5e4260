import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../../crds/generated/types.ts";
import { checkMainFile } from "../../../crds/main-yml.ts";
import { summary } from "../../../crds/problem.ts";
import { runPolicyProblems } from "../../../crds/run-policy.ts";
import { joined } from "../../../crds/task-defaults.ts";
import { validateDefinition } from "../../../crds/validate.ts";
import { planOf, withPolicyOf } from "../../../operator/decide/plan.ts";

const defaults = suite("defaults of tasks, and what is passed through to pods");
const task = (more: Partial<Task>): Task => ({ name: "a", image: "i", command: ["c"], ...more });

defaults("the task's own value wins, then the run's, then the job's; maps are joined key by key", () => {
  const definition = {
    tasks: [task({ labels: { a: "task" }, priorityClassName: "own" }), task({ name: "b" })],
    files: [],
    failFast: false,
    policy: {
      taskDefaults: { labels: { a: "job", b: "job", c: "job" }, priorityClassName: "job", schedulerName: "job" },
    },
  };
  const spec: Pipeline["spec"] = {
    job: "x",
    taskDefaults: { labels: { b: "run" }, schedulerName: "run", tolerations: [{ operator: "Exists" }] },
  };
  const [a, b] = withPolicyOf(planOf(definition), { spec }).tasks;
  assert.equal(a?.labels, { a: "task", b: "run", c: "job" });
  assert.equal([a?.priorityClassName, a?.schedulerName], ["own", "run"]);
  assert.equal(b?.labels, { a: "job", b: "run", c: "job" });
  assert.equal([b?.priorityClassName, b?.schedulerName], ["job", "run"]);
  assert.equal(b?.tolerations, [{ operator: "Exists" }]);
  assert.equal(joined(task({ tolerations: [] }), { tolerations: [{ operator: "Exists" }] }).tolerations, []);
});

defaults("without defaults the tasks of a definition are shared, not copied", () => {
  const definition = { tasks: [task({})], files: [], failFast: false };
  assert.is(withPolicyOf(planOf(definition), { spec: { job: "x" } }).tasks, definition.tasks);
});

defaults("labels and annotations of odin, bad keys and too large an affinity are problems that name the field", () => {
  const problems = (more: Partial<Task>): string => summary(validateDefinition([task(more)]));
  assert.is(
    problems({ labels: { "kueue.x-k8s.io/queue-name": "q" }, annotations: { "a.b/c": "any text, also long" } }),
    "",
  );
  assert.match(
    problems({ labels: { "odin.io/task": "x" } }),
    /tasks\[0\]\.labels\.odin\.io\/task\): odin\.io\/task is set by odin/,
  );
  assert.match(problems({ labels: { "app.kubernetes.io/managed-by": "x" } }), /is set by odin/);
  assert.match(problems({ annotations: { "odin.io/cache-key": "x" } }), /annotations.*is set by odin/);
  assert.match(problems({ labels: { "a b": "x" } }), /"a b" is not a key that Kubernetes takes/);
  assert.match(problems({ labels: { a: "not a label value!" } }), /does not match/);
  const large = { nodeAffinity: { text: "x".repeat(8200) } };
  assert.match(problems({ affinity: large }), /affinity\): has 82\d\d bytes; the most is 8192/);
  assert.match(
    summary(runPolicyProblems({ taskDefaults: { labels: { "odin.io/task": "x" } } }, "spec")),
    /spec\.taskDefaults\.labels/,
  );
});

defaults(
  "O-121: main.yml takes policies and what is passed through in its own spelling; affinity stays as in a pod",
  () => {
    const { file, problems } = checkMainFile(`
run_policy:
  failure_policy: Continue
  parallel_runs: 2
  ttl_seconds_after_finished: 60
  task_defaults: {priority_class_name: batch, labels: {queue: q}, node_selector: [{key: pool, value: gpu}]}
tasks:
  - name: a
    image: i
    command: c
    pending_timeout: 30
    termination_grace_period_seconds: 0
    affinity:
      nodeAffinity:
        preferredDuringSchedulingIgnoredDuringExecution:
          - {weight: 1, preference: {matchExpressions: [{key: gpu, operator: In, values: ["1"]}]}}
`);
    assert.equal(problems, []);
    assert.equal(file.runPolicy, {
      failurePolicy: "Continue",
      parallelRuns: 2,
      ttlSecondsAfterFinished: 60,
      taskDefaults: { priorityClassName: "batch", labels: { queue: "q" }, nodeSelector: { pool: "gpu" } },
    });
    const [read] = file.tasks;
    assert.equal([read?.pendingTimeout, read?.terminationGracePeriodSeconds], [30, 0]);
    assert.equal(read?.affinity, {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, preference: { matchExpressions: [{ key: "gpu", operator: "In", values: ["1"] }] } },
        ],
      },
    });
  },
);

defaults("O-148: a bad policy in main.yml is told with its place", () => {
  const told = (policy: string): string =>
    summary(checkMainFile(`fail_fast: true\nrun_policy: ${policy}\ntasks: []\n`).problems);
  assert.match(told("{failure_policy: Continue}"), /line 2, column \d+: says something else than failFast/);
  assert.match(
    told("{failure_policy: Sometimes}"),
    /line 2, column \d+: "Sometimes" is not one of Stop, FailFast, Continue/,
  );
  assert.match(told("{timeout: 0}"), /line 2, column \d+: is 0; the least is 1/);
  assert.match(told("{parallelism: many}"), /line 2, column \d+: parallelism must be a whole number/);
  assert.match(told("soon"), /run_policy must be a mapping/);
});
defaults.run();
