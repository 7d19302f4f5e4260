import { CONDITIONS, FILES, fileRules } from "./job.ts";
import { MAX_EVENTS, MAX_MESSAGE, MAX_RESULT_BYTES, MAX_TASKS } from "./limits.ts";
import { RUN_POLICY, runPolicyRules } from "./run-policy.ts";
import { flag, integer, type Kind, list, map, object, type Rule, type Schema, text, time } from "./schema.ts";
import { TASKS, taskRules } from "./task.ts";
import { WORKERS_STATUS } from "./workers.ts";

/** Phases of a run; there are no others (O-180). */
export const PHASES = ["BUILDING", "RUNNING", "DONE", "TERMINATED"] as const;
/** States of a task (O-180). */
export const TASK_STATES = ["waiting", "executing", "executed", "terminated"] as const;

const taskStatus = object(
  "What became of one task.",
  {
    state: { type: "string", description: "State of the task.", enum: TASK_STATES },
    reason: text("Why it waits, or how it ended, in one word.", 64),
    message: text("The same in a sentence.", MAX_MESSAGE + 56),
    attempt: integer("Number of the latest attempt, from 1.", { minimum: 0 }),
    lost: integer("Attempts that the infrastructure took away; they do not count as `retries`.", { minimum: 0 }),
    pod: text("Name of the pod of the latest attempt.", 253),
    startTime: time("When the pod was created."),
    completionTime: time("When the task ended."),
    exitCode: integer("Exit code of the main container."),
    readyTime: time("When the task could first start; kept for tasks that can time out."),
    retryTime: time("When the next attempt may begin, while the task waits for it."),
    result: text("What the task handed back: a JSON object from `/dev/termination-log`.", MAX_RESULT_BYTES),
  },
  ["state"],
  { typeName: "TaskStatus" },
);

const event = object(
  "Something that happened to the run.",
  {
    id: text("Stable id; a repeated event keeps it.", 128),
    type: { type: "string", description: "As in core events.", enum: ["Normal", "Warning"] },
    reason: text("What happened, in one word.", 128),
    task: text("The task concerned, if one is.", 63),
    message: text("What happened, in a sentence.", MAX_MESSAGE + 56),
    source: text("Who said so: `odin`, or component and host.", 253),
    time: time("When it was last seen."),
    count: integer("How often it was seen, if more than once.", { minimum: 1 }),
  },
  ["id", "type", "reason", "message", "time"],
  { typeName: "RunEvent" },
);

/** What is run never changes; in the order of what it costs to compare. */
const SMALL = ["managedBy", "runName", "job", "snapshot", "version", "failFast", "user", "failurePolicy", "timeout"];
const IMMUTABLE = [...SMALL, "taskDefaults", "context", "tasks", "files"];

const isSame = (field: string): string =>
  `has(self.spec.${field}) == has(oldSelf.spec.${field}) && (!has(self.spec.${field}) || self.spec.${field} == oldSelf.spec.${field})`;

/**
 * True of every write of the operator to the status. The API server keeps the spec as it was in such a write, so a rule that compares the old spec
 * with the new one has nothing to find, and over 2,000 tasks it would cost more than all the rest of the write.
 */
const STATUS_IS_WRITTEN = "has(self.status) && (!has(oldSelf.status) || self.status.?writes != oldSelf.status.?writes)";

/** What can only be switched on. */
const FINAL = ["stop", "cancel"];

const stays = (field: string): string =>
  `(!has(oldSelf.spec.${field}) || !oldSelf.spec.${field} || (has(self.spec.${field}) && self.spec.${field}))`;

/** What holds at creation holds for good, as what is run never changes; a Pipeline gets its status only later. */
const atCreation = ({ rule, ...rest }: Rule): Rule => ({ rule: `has(self.status) || (${rule})`, ...rest });

/** The rules over what is run, placed where they can see whether there is anything to judge: they are asked at each write of the status too. */
const RULES: readonly Rule[] = [
  ...[
    {
      rule: "has(self.spec) && (has(self.spec.job) != has(self.spec.tasks))",
      message: "exactly one of spec.job and spec.tasks is needed: the Job to run, or the tasks themselves",
    },
    {
      rule: "!has(self.spec.files) || has(self.spec.tasks)",
      message: "files go with tasks; a run of a job uses the job's own files",
      fieldPath: ".spec.files",
    },
    {
      rule: "!has(self.spec.snapshot) || (has(self.spec.job) && !has(self.spec.tasks))",
      message: "snapshot goes with job, and not with tasks",
      fieldPath: ".spec.snapshot",
    },
    {
      rule: "!has(self.spec.tasks) || [self.spec.tasks.transformMapEntry(i, t, {t.name: true})].all(names, true)",
      // The rule fails instead of coming to false, so the server tells no path, but which name it is.
      message: "spec.tasks: two tasks must not have the same name",
      fieldPath: ".spec.tasks",
    },
    ...runPolicyRules("self.spec"),
    ...taskRules("self.spec"),
    ...fileRules("self.spec"),
  ].map(atCreation),
  {
    // One rule for all: each field that a rule looks at costs the API server a walk over all the fields beside it, the question above too.
    rule: `(${STATUS_IS_WRITTEN}) || (${[...FINAL.map(stays), ...IMMUTABLE.map(isSame)].join(" && ")})`,
    message:
      "a Pipeline is one run and cannot be changed; create another one (only suspend, stop, cancel, cancelledBy, parallelism, priority and ttlSecondsAfterFinished may change; a run that was told to stop stays so, and a cancelled run stays cancelled)",
    fieldPath: ".spec",
  },
];

/** Owned as a whole: a list of owners by task would be as large as the tasks, and be read and written with every status. */
const { "x-kubernetes-list-map-keys": _, ...tasks } = TASKS;
const PIPELINE_TASKS: Schema = { ...tasks, "x-kubernetes-list-type": "atomic" };

export const PIPELINE_KIND: Kind = {
  kind: "Pipeline",
  plural: "pipelines",
  singular: "pipeline",
  shortNames: ["pl"],
  summary: "One run of a graph of tasks: of a Job, or of the tasks it carries itself.",
  spec: object(
    "What to run: `job`, or `tasks`.",
    {
      job: text("Id of the Job to run: its `spec.path`, or the name of the object.", 200, { minLength: 1 }),
      context: {
        type: "object",
        description: "Values for the job's templates.",
        "x-kubernetes-preserve-unknown-fields": true,
      },
      snapshot: text(
        "ConfigMap with the frozen definition to run, written by the REST API. Left out: the Job as it is when the run is taken up.",
        253,
        { minLength: 1 },
      ),
      version: text("Version that the run is of, normally a git commit. Left out: the Job's.", 64, {
        pattern: "^[0-9a-f]{7,64}$",
      }),
      tasks: PIPELINE_TASKS,
      files: FILES,
      failFast: flag("The older spelling of `failurePolicy: FailFast`. Left out: as `failurePolicy` or the Job says."),
      ...RUN_POLICY,
      user: text("Who submitted the run, where the REST API did.", 64),
      managedBy: text(
        "Who carries the run out, if not the operator: `odin.io/mlbench` stands for the MLBench view of the REST API. The operator does nothing with such a run.",
        63,
        { minLength: 1, pattern: "^[a-z0-9]([-a-z0-9./]*[a-z0-9])?$" },
      ),
      runName: text("Name of the run in the view that manages it. Left out: the name of the object.", 100, {
        minLength: 1,
        pattern: "^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$",
      }),
      priority: integer(
        "Where runs wait for each other, for their turn among those of the job or for a place in the namespace, the higher goes first, then the older. Left out: 0.",
        { minimum: -1000000, maximum: 1000000 },
      ),
      suspend: flag("Start no further task until it is false again; running tasks go on."),
      stop: flag(
        "Start no further task, let the running ones finish, then end the run as TERMINATED. Cannot be taken back.",
      ),
      cancel: flag(
        "Stop the run at once: running tasks are deleted, the run ends as TERMINATED. Cannot be taken back.",
      ),
      cancelledBy: text("Who cancelled or stopped it, for the message.", 64),
    },
    [],
    { typeName: "PipelineSpec" },
  ),
  status: object(
    "How the run is doing.",
    {
      phase: { type: "string", description: "BUILDING (not yet taken up), RUNNING, DONE or TERMINATED.", enum: PHASES },
      progress: text("Tasks executed and tasks in all, for example `3/5`.", 16),
      reason: text("Why it waits or how it ended, in short.", 160),
      message: text("The first failure, or what is being waited for.", 1024),
      conditions: CONDITIONS,
      version: text("Version of the job that is run (O-106).", 64),
      snapshot: text("The ConfigMap that keeps the job's tasks and files as they were at the start.", 253),
      job: text("Id of the job that is run.", 200),
      startTime: time("When the operator took the run up."),
      completionTime: time("When the run ended."),
      suspendedSeconds: integer("How long it was suspended before it was last resumed, in seconds.", { minimum: 0 }),
      counts: object(
        "Tasks by state.",
        {
          total: integer("All tasks.", { minimum: 0 }),
          waiting: integer("Tasks not started.", { minimum: 0 }),
          executing: integer("Tasks that have a pod.", { minimum: 0 }),
          executed: integer("Tasks that ended well.", { minimum: 0 }),
          terminated: integer("Tasks that failed or were stopped.", { minimum: 0 }),
        },
        ["total", "waiting", "executing", "executed", "terminated"],
        { typeName: "TaskCounts" },
      ),
      tasks: map("What became of each task, by name.", taskStatus, MAX_TASKS, { "x-kubernetes-map-type": "atomic" }),
      workers: WORKERS_STATUS,
      events: list(`What happened, oldest first; the newest ${MAX_EVENTS} are kept.`, event, MAX_EVENTS + 8),
      eventCount: integer("Events so far, those no longer kept included.", { minimum: 0 }),
      writes: integer("Times that the operator has written the status.", { minimum: 0, format: "int64" }),
      observedGeneration: integer("The generation that the controls were last read at.", { format: "int64" }),
    },
    [],
    { typeName: "PipelineStatus" },
  ),
  rules: RULES,
  columns: [
    { name: "Phase", type: "string", jsonPath: ".status.phase", description: "Phase of the run." },
    { name: "Progress", type: "string", jsonPath: ".status.progress", description: "Tasks executed of all." },
    { name: "Reason", type: "string", jsonPath: ".status.reason", description: "Why it waits or how it ended." },
    { name: "Job", type: "string", jsonPath: ".status.job", description: "Job that is run." },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since creation." },
    { name: "Message", type: "string", jsonPath: ".status.message", description: "More of the reason.", priority: 1 },
    { name: "Version", type: "string", jsonPath: ".status.version", description: "Version of the job.", priority: 1 },
  ],
};
