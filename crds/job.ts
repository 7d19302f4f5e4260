import { MAX_FILES } from "./limits.ts";
import { JOB_POLICY, runPolicyRules } from "./run-policy.ts";
import { flag, integer, type Kind, list, map, object, type Rule, type Schema, text, time } from "./schema.ts";
import { fieldPathAt, type SpecPlace, TASKS, taskRules } from "./task.ts";

/** Auxiliary files of a job; keys follow O-11. */
export const FILES: Schema = map(
  "Auxiliary files, name to text, mounted read-only at `WORK_PATH` in every task; 900 KiB together.",
  text("Content of the file.", 921600),
  MAX_FILES,
);

/** Rules on file names (O-11). */
export function fileRules(place: SpecPlace): Rule[] {
  const files = `${place}.files`;
  return [
    {
      rule: `!has(${files}) || ${files}.all(f, f.size() <= 253 && !f.startsWith('.') && !f.startsWith('-') && f.matches('^[^<>:;,?"*|/\\\\\\\\\\\\x00-\\\\x1f]+$'))`,
      message:
        'a file name is one path segment of at most 253 characters without < > : ; , ? " * | / \\ and does not start with . or -',
      fieldPath: fieldPathAt(place, "files"),
    },
  ];
}

/** A status condition in the standard form of Kubernetes. */
export const CONDITIONS: Schema = list(
  "Standard conditions; `kubectl wait --for=condition=<type>` reads them.",
  object(
    "One condition.",
    {
      type: text("Name of the condition.", 63),
      status: { type: "string", description: "Whether it holds.", enum: ["True", "False", "Unknown"] },
      reason: text("Cause in one word.", 128),
      message: text("Cause in a sentence.", 2048),
      lastTransitionTime: time("When `status` last changed."),
      observedGeneration: integer("The generation of the object it was judged by.", { format: "int64" }),
    },
    ["type", "status"],
    { typeName: "Condition" },
  ),
  8,
  { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] },
);

export const JOB_KIND: Kind = {
  kind: "Job",
  plural: "jobs",
  singular: "job",
  shortNames: ["ojob"],
  summary: "What to run: a graph of tasks and the files they need. A Pipeline runs it.",
  spec: object(
    "What to run.",
    {
      path: text(
        "Id of the job, which may hold `/`, capitals and dots (1–8 segments). Left out: the object's name.",
        200,
        { pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,7}$" },
      ),
      name: text("Prefix of the ids of its runs. Left out: made from the last segment of the id.", 47, {
        pattern: "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
      }),
      version: text("Version of the definition, normally the git commit it came from.", 64, {
        pattern: "^[0-9a-f]{7,64}$",
      }),
      tasks: TASKS,
      files: FILES,
      snapshot: text(
        "ConfigMap with the frozen definition and files, written by the REST API for a job that lives in its git repository. Its tasks are what is run.",
        253,
        { minLength: 1 },
      ),
      failFast: flag("The older spelling of `failurePolicy: FailFast`. Left out: as `failurePolicy` says."),
      ...JOB_POLICY,
    },
    [],
    {
      typeName: "JobSpec",
      "x-kubernetes-validations": [...taskRules("self"), ...fileRules("self"), ...runPolicyRules("self")],
    },
  ),
  status: object(
    "What the operator found.",
    {
      conditions: CONDITIONS,
      observedGeneration: integer("The generation that `conditions` speak of.", { format: "int64" }),
      tasks: integer("Number of tasks."),
    },
    [],
    { typeName: "JobStatus" },
  ),
  rules: [],
  columns: [
    { name: "Path", type: "string", jsonPath: ".spec.path", description: "Id of the job." },
    { name: "Tasks", type: "integer", jsonPath: ".status.tasks", description: "Number of tasks." },
    {
      name: "Valid",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='Valid')].status",
      description: "Whether it can be run.",
    },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since creation." },
  ],
};
