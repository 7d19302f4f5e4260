import { suite } from "uvu";
import * as assert from "uvu/assert";
import { attemptJobId } from "../../../crds/clockwork-id.ts";
import type { Task } from "../../../crds/generated/types.ts";
import { DEFAULT_PATHS } from "../../../crds/run-paths.ts";
import { kindFactsOf, TASK_KINDS, type TaskKind } from "../../../crds/task-kinds.ts";
import { planOf } from "../../../operator/decide/plan.ts";
import { FORMS } from "../../../operator/kinds/forms.ts";
import type { ObjectForm } from "../../../operator/kinds/object-form.ts";

const forms = suite("objects of every kind");
const RUN = {
  apiVersion: "odin.io/v1",
  kind: "Pipeline",
  metadata: { name: "run", namespace: "ns", uid: "uid-run", resourceVersion: "1" },
  spec: { user: "ada" },
};

interface Built {
  apiVersion: string;
  kind: string;
  metadata: Template["metadata"] & {
    name: string;
    namespace: string;
    ownerReferences: { uid: string; controller: boolean }[];
  };
  spec: Record<string, unknown>;
}

interface Template {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: {
    restartPolicy?: string;
    automountServiceAccountToken?: boolean;
    enableServiceLinks: boolean;
    imagePullSecrets: { name: string }[];
    securityContext: { seccompProfile: { type: string } };
    containers: { securityContext?: object; name: string; env: { name: string; value: string }[] }[];
  };
}

function built(
  form: ObjectForm,
  kind: TaskKind,
  more: Partial<Task> = {},
  pods: { taskUser?: number; clockworkEnv?: boolean } = {},
): Built {
  const task: Task = { name: "a", image: "i", command: ["c"], resourceType: kind, ...more };
  const plan = planOf({ tasks: [task], files: [], failFast: false, job: "team/job" }, undefined);
  const settings = { paths: DEFAULT_PATHS, pullSecrets: ["registry"], elasticEtcd: "etcd:1234", ...pods };
  return form.build({ run: RUN, plan, task, number: 1, args: [], env: {} }, settings) as unknown as Built;
}

/** The pod templates inside an object; a Pod is one itself. */
function templatesOf(object: Built): Template[] {
  if (object.kind === "Pod") return [object as unknown as Template];
  const found: Template[] = [];
  const search = (value: unknown): void => {
    if (value === null || typeof value !== "object") return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === "template") found.push(inner as Template);
      else search(inner);
    }
  };
  search(object.spec);
  return found;
}

const all = TASK_KINDS.flatMap((kind) => FORMS[kind].map((form) => ({ kind, form })));

forms("the table has a form for every resource of every kind, in the same order", () => {
  for (const kind of TASK_KINDS) {
    assert.equal(
      FORMS[kind].map((form) => form.resource),
      kindFactsOf({ resourceType: kind }).resources,
      kind,
    );
  }
});

forms("with a user for tasks every pod holds to the restricted profile, and a task's own user goes before", () => {
  const restricted = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  const profile = { seccompProfile: { type: "RuntimeDefault" }, runAsNonRoot: true, runAsGroup: 1000, fsGroup: 1000 };
  for (const { kind, form } of all) {
    const usual = templatesOf(built(form, kind, {}, { taskUser: 1000 }));
    const own = templatesOf(built(form, kind, { securityContext: { runAsUser: 2000 } }, { taskUser: 1000 }));
    for (const { spec } of [...usual, ...own]) {
      for (const container of spec.containers) assert.equal(container.securityContext, restricted, kind);
    }
    for (const { spec } of usual) assert.equal(spec.securityContext, { ...profile, runAsUser: 1000 }, kind);
    for (const { spec } of own) assert.equal(spec.securityContext, { ...profile, runAsUser: 2000 }, kind);
    for (const { spec } of templatesOf(built(form, kind)))
      for (const container of spec.containers) assert.is(container.securityContext, undefined, kind);
  }
});

forms("O-165: every object has the task's id as its name, belongs to the run, and is labelled like its pods", () => {
  const labels = {
    "app.kubernetes.io/managed-by": "odin",
    "app.kubernetes.io/name": "odin-task",
    "odin.io/pipeline": "run",
    "odin.io/task": "a",
    "odin.io/job": "team-job-",
  };
  for (const { kind, form } of all) {
    const object = built(form, kind);
    const { group, version } = form.resource;
    assert.is(object.apiVersion, group === "" ? version : `${group}/${version}`);
    assert.is(object.kind, form.resource.kind);
    assert.equal([object.metadata.name, object.metadata.namespace], ["run--a", "ns"]);
    assert.equal(
      object.metadata.ownerReferences.map(({ uid, controller }) => [uid, controller]),
      [["uid-run", true]],
    );
    for (const { metadata } of [object, ...templatesOf(object)]) {
      const { "odin.io/job": job = "", ...rest } = metadata.labels;
      assert.equal({ ...rest, "odin.io/job": job.slice(0, 9) }, labels, kind);
      assert.is(metadata.annotations["odin.io/job"], "team/job");
    }
  }
});

forms(
  "C-74, C-79: a pod carries its job's id and tells it, with its user, to what runs in it; pods of controllers have no id of ours",
  () => {
    const id = attemptJobId("uid-run", "a", 1);
    for (const { kind, form } of all) {
      const object = built(form, kind, { timeout: 90 }, { clockworkEnv: true });
      const own = kind === "Pod" ? [["SLURM_JOBID", id]] : [];
      for (const { metadata, spec } of templatesOf(object)) {
        const { annotations } = metadata;
        assert.is(annotations["odin.io/clockwork-job-id"], kind === "Pod" ? id : undefined, kind);
        assert.equal([annotations["odin.io/task-index"], annotations["odin.io/time-limit"]], ["0", "90"], kind);
        const told = spec.containers[0]?.env.filter(({ name }) => /^(SLURM|CLOCKWORK)_/.test(name));
        assert.equal(
          told?.map(({ name, value }) => [name, value]),
          [...own, ["CLOCKWORK_EMAIL", "ada"]],
          kind,
        );
      }
      for (const { spec } of templatesOf(built(form, kind)))
        assert.not.match(JSON.stringify(spec.containers), /SLURM|CLOCKWORK/);
    }
  },
);

forms("C-79: what a task sets itself goes before, and the e-mail of a run's user before his name", () => {
  const task: Task = { name: "a", image: "i", command: ["c"] };
  const plan = planOf({ tasks: [task], files: [], failFast: false }, undefined);
  const annotations = { "odin.io/user-email": "ada@example.org" };
  const run = { ...RUN, metadata: { ...RUN.metadata, annotations }, spec: { user: "ada" } };
  const settings = { paths: DEFAULT_PATHS, pullSecrets: [], elasticEtcd: "", clockworkEnv: true };
  const attempt = { run, plan, task, number: 1, args: [], env: { SLURM_JOBID: "7" } };
  const [form] = FORMS.Pod;
  const pod = form.build(attempt, settings) as unknown as Template;
  const told = pod.spec.containers[0]?.env.map(({ name, value }) => `${name}=${value}`);
  assert.equal(told?.slice(0, 2), ["CLOCKWORK_EMAIL=ada@example.org", "SLURM_JOBID=7"]);
});

forms("O-166: the pods of every kind are alike", () => {
  for (const { kind, form } of all) {
    const object = built(form, kind);
    const templates = templatesOf(object);
    assert.ok(templates.length > 0, kind);
    for (const { metadata, spec } of templates) {
      assert.equal(spec.imagePullSecrets, [{ name: "registry" }], kind);
      assert.is(spec.securityContext.seccompProfile.type, "RuntimeDefault");
      assert.is(spec.enableServiceLinks, false);
      assert.is(spec.containers[0]?.env.find(({ name }) => name === "ODIN_TASK_ID")?.value, "run--a");
      // Where there is a field for it beside the template, one inside is a mistake.
      assert.is(spec.restartPolicy, kind === "Pod" || kind === "Job" ? "Never" : undefined, kind);
      if (object.kind !== "Pod") {
        const { annotations } = metadata;
        assert.equal(
          [annotations["odin.io/pipeline"], annotations["odin.io/pipeline-uid"], annotations["odin.io/object"]],
          ["run", "uid-run", "run--a"],
        );
      }
    }
  }
});

forms("O-166: no pod has a token, but the launcher to which the training operator gives one of its own", () => {
  const withToken = all.flatMap(({ kind, form }) =>
    templatesOf(built(form, kind))
      .filter(({ spec }) => spec.automountServiceAccountToken !== false)
      .map(() => `${kind} ${form.resource.version}`),
  );
  assert.equal(withToken, ["MPIJob v1"]);
});

forms("O-168: a Job's backoffLimit is `retries` if given, else left to Kubernetes", () => {
  assert.is(built(FORMS.Job[0], "Job", { retries: 0 }).spec.backoffLimit, 0);
  assert.is(built(FORMS.Job[0], "Job", { retries: 4 }).spec.backoffLimit, 4);
  assert.not("backoffLimit" in built(FORMS.Job[0], "Job").spec);
});

forms("O-172: the etcd may be named with its port or without", () => {
  assert.is(built(FORMS.ElasticJob[0], "ElasticJob").spec.rdzvEndpoint, "etcd:1234");
});
forms(
  "F-19: pods that are taken away from a Job of Kubernetes do not count as retries, unless no loss is wanted",
  () => {
    const disrupted = [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }];
    assert.equal(built(FORMS.Job[0], "Job").spec.podFailurePolicy, { rules: disrupted });
    assert.is(built(FORMS.Job[0], "Job", { infrastructureRetries: 0 }).spec.podFailurePolicy, undefined);
  },
);

forms("O-144, O-168: the rules of a task are told to a Job of Kubernetes in its words", () => {
  const rules = [
    { onExitCodes: { operator: "In" as const, values: [9, 3, 9] }, action: "FailRun" as const },
    { onExitCodes: { operator: "NotIn" as const, values: [1] }, action: "Ignore" as const },
    { onReasons: ["Infrastructure"], action: "Retry" as const },
  ];
  const more = { infrastructureRetries: 0, retryPolicy: { rules } };
  assert.equal(built(FORMS.Job[0], "Job", more).spec.podFailurePolicy, {
    rules: [
      { action: "FailJob", onExitCodes: { containerName: "main", operator: "In", values: [3, 9] } },
      { action: "Ignore", onExitCodes: { containerName: "main", operator: "NotIn", values: [1] } },
      { action: "Count", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
    ],
  });
});

forms(
  "O-165: what is passed through reaches the object and the pods of every kind, and cannot take the place of ours",
  () => {
    const affinity = { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } };
    const more: Partial<Task> = {
      priorityClassName: "batch",
      schedulerName: "volcano",
      affinity,
      terminationGracePeriodSeconds: 5,
      labels: { "kueue.x-k8s.io/queue-name": "research", "odin.io/task": "other" },
      annotations: { note: "x", "odin.io/attempt": "9" },
    };
    for (const kind of TASK_KINDS) {
      for (const form of FORMS[kind]) {
        const object = built(form, kind, more);
        for (const { metadata } of [object, ...templatesOf(object)]) {
          assert.is(metadata.labels["kueue.x-k8s.io/queue-name"], "research", kind);
          assert.is(metadata.labels["odin.io/task"], "a", kind);
          assert.is(metadata.annotations.note, "x", kind);
          assert.is(metadata.annotations["odin.io/attempt"], "1", kind);
        }
        const templates = templatesOf(object);
        assert.ok(templates.length > 0, kind);
        for (const { spec } of templates) {
          const { priorityClassName, schedulerName, terminationGracePeriodSeconds } = spec as unknown as Task;
          assert.equal(
            [priorityClassName, schedulerName, terminationGracePeriodSeconds],
            ["batch", "volcano", 5],
            kind,
          );
          assert.equal((spec as unknown as Task).affinity, affinity, kind);
        }
      }
    }
  },
);
/** What the kubelet makes of a text, for a container without variables: `$$` is a dollar, `$(X)` stays if there is no X. */
const expanded = (text: string): string =>
  text.replaceAll(/\$\$|\$\([^)]*\)/g, (found) => (found === "$$" ? "$" : "EXPANDED"));

forms("O-150: what the kubelet would expand or shorten reaches the container as it stands", () => {
  for (const text of ["$$", "kill -9 $$", "$$$", "$$$$(", "$(hostname)", "$$(hostname)", "a$b", "${X}$", "$HOME/$$"]) {
    const [template] = templatesOf(built(FORMS.Pod[0], "Pod", { command: ["sh", "-c", text] }));
    const [container] = (template?.spec.containers ?? []) as unknown as { command: string[] }[];
    assert.is(expanded(container?.command[2] ?? ""), text);
  }
});
forms.run();
