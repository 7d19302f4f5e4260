import { MAX_DEPENDS, MAX_RETRY_RULES, MAX_TASKS } from "./limits.ts";
import { PASS_THROUGH } from "./pass-through.ts";
import { integer, list, map, object, quantity, type Rule, type Schema, text } from "./schema.ts";
import { TASK_KINDS, WORKERS } from "./task-kinds.ts";
import { WORKERS_FIELDS } from "./workers.ts";

/** A task's name: a DNS label, because object names are made from it (O-13). */
export const TASK_NAME = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

const absolutePath = (description: string): Schema => text(description, 1024, { pattern: "^/[^:]*$" });
const objectName = (description: string): Schema =>
  text(description, 253, { minLength: 1, pattern: "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$" });

const mount = object(
  "A volume made visible in the task's container.",
  {
    name: text("Name of the volume; with `claim` any name, otherwise one of `ephemVolumes`.", 63, {
      pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    }),
    path: absolutePath("Absolute path in the container."),
    claim: objectName("PersistentVolumeClaim to mount. Left out: `name` is an entry of `ephemVolumes`."),
  },
  ["name", "path"],
  { typeName: "Mount" },
);

const ephemeralVolume = object(
  "A volume that lives as long as the task's pod.",
  {
    name: text("Name that `mounts` refer to.", 63, { pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" }),
    type: { type: "string", description: "Kind of volume.", enum: ["emptyDir"] },
    medium: {
      type: "string",
      description: "`Memory` for a RAM disk, empty for the node's own storage.",
      enum: ["", "Memory"],
    },
    sizeLimit: quantity("Most the volume may hold, for example `2Gi`."),
  },
  ["name", "type"],
  { typeName: "EphemeralVolume" },
);

const secretMount = object(
  'A Secret mounted read-only. It must be labelled `odin.io/mountable: "true"` or be named in the operator\'s settings.',
  {
    name: objectName("Name of the Secret."),
    path: absolutePath("Where to mount it."),
    subPath: text("One key of the Secret, mounted as a file at `path`.", 253),
    mode: integer("Permission bits of the files, as a decimal number (0644 is 420).", { minimum: 0, maximum: 511 }),
  },
  ["name", "path"],
  { typeName: "SecretMount" },
);

const configMapMount = object(
  "A ConfigMap mounted read-only.",
  {
    name: objectName("Name of the ConfigMap."),
    path: absolutePath("Where to mount it."),
    subPath: text("One key of the ConfigMap, mounted as a file at `path`.", 253),
  },
  ["name", "path"],
  { typeName: "ConfigMapMount" },
);

const amount = (what: string): Schema =>
  object(
    `${what} of the task's container.`,
    { limits: quantity("Upper limit."), requests: quantity("What the scheduler sets aside.") },
    [],
    { typeName: "Amount" },
  );

const toleration = object(
  "A taint that the task's pod accepts; as in a pod.",
  {
    key: text("Key of the taint; empty matches all keys.", 316),
    operator: { type: "string", description: "How `value` is compared.", enum: ["Exists", "Equal"] },
    value: text("Value of the taint.", 63),
    effect: {
      type: "string",
      description: "Effect to accept; left out: all.",
      enum: ["NoSchedule", "PreferNoSchedule", "NoExecute"],
    },
    tolerationSeconds: integer("How long a `NoExecute` taint is accepted, in seconds."),
  },
  [],
  { typeName: "Toleration" },
);

const retryRule = object(
  "What to do after a failure of one sort. Either `onExitCodes` or `onReasons` says which.",
  {
    onExitCodes: object(
      "Exit codes of the task's container.",
      {
        operator: {
          type: "string",
          description: "Whether the code is to be one of `values` or none.",
          enum: ["In", "NotIn"],
        },
        values: list("Exit codes.", integer("One code.", { minimum: 1, maximum: 255 }), 255, { minItems: 1 }),
      },
      ["operator", "values"],
      { typeName: "ExitCodes" },
    ),
    onReasons: list(
      "Reasons of failures, as a task's record shows them, such as `OOMKilled` or `Signal`; `Infrastructure` stands for all that are not the task's own.",
      text("One reason.", 64, { minLength: 1, pattern: "^[A-Za-z][-A-Za-z0-9./_]*$" }),
      32,
      { minItems: 1 },
    ),
    action: {
      type: "string",
      description:
        "`Retry`: try again, counted as one of `retries`. `Ignore`: try again, counted as one of `infrastructureRetries`. `Fail`: the task fails at once. `FailRun`: it does, and the running tasks are stopped.",
      enum: ["Retry", "Ignore", "Fail", "FailRun"],
    },
  },
  ["action"],
  {
    typeName: "RetryRule",
    "x-kubernetes-validations": [
      {
        rule: "has(self.onExitCodes) != has(self.onReasons)",
        message: "a rule has either onExitCodes or onReasons",
      },
    ],
  },
);

const retryPolicy = object(
  "How the task is tried again. How often is said by `retries` and `infrastructureRetries`.",
  {
    backoff: object(
      "Pauses before attempts that count as `retries`.",
      {
        seconds: integer("Pause before the second attempt. Left out: as the operator is set, 10 by default.", {
          minimum: 0,
          maximum: 3600,
        }),
        factor: integer("By what each pause is longer than the one before. Left out: 2.", { minimum: 1, maximum: 10 }),
        maxSeconds: integer("Longest pause. Left out: 300, or `seconds` where that is more.", {
          minimum: 1,
          maximum: 86400,
        }),
        jitter: integer("Percent by which each pause may be shorter or longer. Left out: 0.", {
          minimum: 0,
          maximum: 100,
        }),
      },
      [],
      { typeName: "RetryBackoff" },
    ),
    rules: list("What to do after which failure; the first that fits decides.", retryRule, MAX_RETRY_RULES),
  },
  [],
  { typeName: "RetryPolicy" },
);

/** One node of the graph (O-121 – O-145): the keys of `main.yml` in camelCase, and ours. */
export const TASK: Schema = object(
  "One container to run, and what must have finished before it.",
  {
    name: text("Name of the task, unique in its run; the pod is called `<pipeline>--<name>`.", 63, {
      minLength: 1,
      pattern: `^${TASK_NAME}$`,
    }),
    image: text("Container image.", 1024, { minLength: 1 }),
    command: list("Program to run and its fixed arguments; never run by a shell.", text("One word.", 65536), 256, {
      minItems: 1,
    }),
    args: list(
      "Arguments. `$X`, `${X}` and `$$` are replaced when the run starts; `^task.field` and `{^task.field}` when the task does.",
      text("One argument.", 65536),
      1024,
    ),
    depends: list(
      "Names of the tasks that must have finished successfully before this one starts.",
      text("Name of a task.", 63),
      MAX_DEPENDS,
      { "x-kubernetes-list-type": "set" },
    ),
    mounts: list("Volumes to mount.", mount, 64),
    ephemVolumes: list("Volumes that live as long as the pod; mounted through `mounts`.", ephemeralVolume, 64),
    secrets: list("Secrets to mount.", secretMount, 64),
    configMaps: list("ConfigMaps to mount.", configMapMount, 64),
    numGpus: integer("GPUs (`nvidia.com/gpu`) that the task needs.", { minimum: 0, maximum: 1024 }),
    cpu: amount("CPU"),
    memory: amount("Memory"),
    env: map(
      "Environment variables; values may use `$X` and `${X}`. Names starting with `ODIN_` are ours.",
      text("Value.", 65536),
      256,
    ),
    nodeSelector: map("Labels that the node must have.", text("Value of the label.", 63), 64),
    tolerations: list("Taints that the task's pod accepts.", toleration, 64),
    ...PASS_THROUGH,
    securityContext: object(
      "Identity that the task runs as.",
      {
        runAsUser: integer("User id.", { minimum: 0, format: "int64" }),
        runAsGroup: integer("Group id.", { minimum: 0, format: "int64" }),
        fsGroup: integer("Group that owns the mounted volumes.", { minimum: 0, format: "int64" }),
      },
      [],
      { typeName: "SecurityContext" },
    ),
    pullPolicy: {
      type: "string",
      description: "When the image is pulled. Left out: `IfNotPresent`.",
      enum: ["IfNotPresent", "Always", "Never"],
    },
    resourceType: {
      type: "string",
      description:
        "Kind of object that the task is run as. Left out: `Pod`. `Workers`: a set of workers, only in a Pipeline with `managedBy`.",
      enum: [...TASK_KINDS, WORKERS],
    },
    timeout: integer(
      "Seconds after which the task fails, counted from when it could start: waiting for quota, node and image counts, and so do all attempts.",
      { minimum: 1, maximum: 31536000 },
    ),
    pendingTimeout: integer(
      "Seconds that the task's pod or other object may take from its creation until it runs; then the task fails. Waiting for a node and for the image counts.",
      { minimum: 1, maximum: 31536000 },
    ),
    terminationGracePeriodSeconds: integer(
      "Seconds that the task's processes have to end after they were told to, when the task is stopped. Left out: 30.",
      { minimum: 0, maximum: 86400, format: "int64" },
    ),
    retries: integer(
      "Further attempts after a failed one; a timeout is not tried again. With `Job` as the kind it is the object's own `backoffLimit`.",
      { minimum: 0, maximum: 10 },
    ),
    infrastructureRetries: integer(
      "Further attempts after one that the infrastructure took away (eviction, preemption, a deleted pod, a lost node); they do not count as `retries`. Left out: as the operator is set, 3 by default. A `Job` makes its own pods anew.",
      { minimum: 0, maximum: 20 },
    ),
    retryPolicy,
    numWorkers: integer("Replicas of a distributed kind. Left out: 1.", { minimum: 1, maximum: 10000 }),
    workers: WORKERS_FIELDS,
    inputs: list(
      "Paths that the task reads. On a shared volume a task with `outputs` is skipped while the content of both is that of an earlier run.",
      text("One path.", 4096),
      256,
    ),
    outputs: map(
      "Paths that the task writes, by name, for other tasks to refer to as `^task.outputs.<name>`.",
      text("One path.", 4096),
      256,
    ),
  },
  ["name", "image", "command"],
  { typeName: "Task" },
);

/** The list of tasks. Names are unique because they are the list's key; dependencies are checked by `taskRules`. */
export const TASKS: Schema = list("The tasks of the graph.", TASK, MAX_TASKS, {
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["name"],
});

/** Variables the engine defines; listed so that a task cannot be told two different things. */
export const RESERVED_ENVIRONMENT = "ODIN_";

/** Where the rules of this file find what they judge: at the spec, or at the object that has it. */
export type SpecPlace = "self" | "self.spec";

/** The path of a field of the spec, as rules at that place name it. */
export function fieldPathAt(place: SpecPlace, field: string): string {
  return place === "self" ? `.${field}` : `.spec.${field}`;
}

/**
 * Admission rules over the tasks of a spec. The names are put in a map once (bound by a one-element list, as the language has no
 * `let`), so that the cost grows with the number of dependencies and not with its square. They come to false and never fail: a rule that fails
 * is reported without a path, and the message that names the place is worked out only for one that is false. Texts are put together by `format`
 * alone: of a text that is added to another one the API server takes the worst length into its estimate of the cost.
 */
export function taskRules(place: SpecPlace): Rule[] {
  const tasks = `${place}.tasks`;
  const fieldPath = fieldPathAt(place, "tasks");
  const names = `[${tasks}.transformMapEntry(i, t, {t.name: true})]`;
  const message = (isWrong: string, text: string, values: string): string =>
    `[${tasks}.transformList(i, t, has(t.depends) && ${isWrong}, i)[0]].map(i, 'spec.tasks[%s].depends: ${text}'.format([string(i), ${values}]))[0]`;
  return [
    {
      rule: `!has(${tasks}) || ${names}.all(names, ${tasks}.all(t, !has(t.depends) || t.depends.all(d, d in names)))`,
      message: "every entry of depends must be the name of a task in the same list",
      messageExpression: `${names}.map(names, ${message(
        "!t.depends.all(d, d in names)",
        'there is no task "%s" for task "%s" to depend on',
        `${tasks}[i].depends.filter(d, !(d in names))[0], ${tasks}[i].name`,
      )})[0]`,
      fieldPath,
      reason: "FieldValueInvalid",
    },
    {
      rule: `!has(${tasks}) || ${tasks}.all(t, !has(t.depends) || !(t.name in t.depends))`,
      message: "a task must not depend on itself",
      messageExpression: message("t.name in t.depends", 'task "%s" must not depend on itself', `${tasks}[i].name`),
      fieldPath,
    },
  ];
}
