import type { JobSpec } from "./generated/types.ts";
import { passThroughProblems } from "./pass-through.ts";
import type { Problem } from "./problem.ts";
import { integer, object, type Rule, type Schema } from "./schema.ts";
import { schemaProblems } from "./schema-check.ts";
import { fieldPathAt, type SpecPlace } from "./task.ts";
import { TASK_DEFAULTS } from "./task-defaults.ts";

/** What happens to the rest of a run when a task has failed for good. */
export const FAILURE_POLICIES = ["Stop", "FailFast", "Continue"] as const;
export type FailurePolicy = (typeof FAILURE_POLICIES)[number];

/** Longest time that can be asked for, in seconds: a year. */
export const MAX_SECONDS = 31_536_000;

/** Most tasks or runs at a time that a limit can name. */
export const MAX_PARALLELISM = 100_000;

/** Fields that a Job sets for its runs and a Pipeline for itself; what the Pipeline says wins. */
export const RUN_POLICY: Readonly<Record<string, Schema>> = {
  failurePolicy: {
    type: "string",
    description:
      "When a task has failed: `Stop` starts nothing more and lets running tasks finish, `FailFast` stops those too, `Continue` goes on with every task that does not depend on the failed one. Left out: `Stop`, or `FailFast` with `failFast`.",
    enum: FAILURE_POLICIES,
  },
  timeout: integer(
    "Seconds after which the run ends as TERMINATED, counted from when it was taken up; the time that it is suspended does not count.",
    { minimum: 1, maximum: MAX_SECONDS },
  ),
  parallelism: integer("Most tasks of a run that have a pod or other object at a time. Left out: no limit.", {
    minimum: 1,
    maximum: MAX_PARALLELISM,
  }),
  taskDefaults: TASK_DEFAULTS,
  ttlSecondsAfterFinished: integer(
    "Seconds after its end for which a run is kept; then the operator deletes it, once what is to outlive it is stored. Left out: as the operator's settings say, normally for ever.",
    { minimum: 0, maximum: MAX_SECONDS },
  ),
};

/** Fields of a Job that are about all of its runs together. */
export const JOB_POLICY: Readonly<Record<string, Schema>> = {
  ...RUN_POLICY,
  parallelRuns: integer(
    "Most runs of this job that go on at a time; later ones wait for their turn. Left out: no limit.",
    { minimum: 1, maximum: MAX_PARALLELISM },
  ),
  successfulRunsHistoryLimit: integer(
    "How many runs that ended as DONE are kept; the oldest ones beyond that are deleted. Left out: all.",
    { minimum: 0, maximum: MAX_PARALLELISM },
  ),
  failedRunsHistoryLimit: integer(
    "How many runs that ended as TERMINATED are kept; the oldest ones beyond that are deleted. Left out: all.",
    { minimum: 0, maximum: MAX_PARALLELISM },
  ),
};

/** The policy fields of a Job, as the frozen definition of its runs holds them; a Pipeline has some of them. */
export type RunPolicy = Pick<
  JobSpec,
  | "failurePolicy"
  | "timeout"
  | "parallelism"
  | "taskDefaults"
  | "ttlSecondsAfterFinished"
  | "parallelRuns"
  | "successfulRunsHistoryLimit"
  | "failedRunsHistoryLimit"
>;

const POLICY_SCHEMA: Schema = object("Policies of a job's runs.", { ...JOB_POLICY });

/** Admission rules over the fields beside `failFast`. */
export function runPolicyRules(place: SpecPlace): Rule[] {
  return [
    {
      rule: `!has(${place}.failFast) || !has(${place}.failurePolicy) || ${place}.failFast == (${place}.failurePolicy == 'FailFast')`,
      message: "failFast and failurePolicy say different things; leave failFast out",
      fieldPath: fieldPathAt(place, "failurePolicy"),
    },
  ];
}

/** The policy fields among others; those that are left out stay so. */
export function runPolicyOf(spec: RunPolicy): RunPolicy {
  const known = Object.keys(JOB_POLICY).map((key) => [key, spec[key as keyof RunPolicy]] as const);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined));
}

/** What is wrong with policies that have not passed the API server; `path` is where they stand. */
export function runPolicyProblems(policy: RunPolicy, path: string, failFast?: boolean): Problem[] {
  const problems = schemaProblems(policy, POLICY_SCHEMA, path);
  if (problems.length > 0) return problems;
  const { failurePolicy, taskDefaults } = policy;
  passThroughProblems(taskDefaults ?? {}, (field, detail) => {
    problems.push({ path: `${path}.taskDefaults.${field}`, detail });
  });
  if (failFast !== undefined && failurePolicy !== undefined && failFast !== (failurePolicy === "FailFast"))
    problems.push({ path: `${path}.failurePolicy`, detail: "says something else than failFast; leave failFast out" });
  return problems;
}

/** The failure policy of what says so itself or inherits it; `failFast` is the older word for `FailFast`. */
export function failurePolicyOf(
  { failurePolicy, failFast }: { failFast?: boolean; failurePolicy?: FailurePolicy },
  inherited: FailurePolicy = "Stop",
): FailurePolicy {
  if (failurePolicy !== undefined) return failurePolicy;
  if (failFast === true) return "FailFast";
  return failFast === false && inherited === "FailFast" ? "Stop" : inherited;
}
