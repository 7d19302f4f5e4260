import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { dependenciesOf } from "../../crds/graph.ts";
import { failurePolicyOf, type RunPolicy } from "../../crds/run-policy.ts";
import type { Definition } from "../../crds/snapshot.ts";
import { joined } from "../../crds/task-defaults.ts";
import type { Controls, Plan } from "./run.ts";

/** The parts of a plan that a definition does not say by itself. */
export interface PlanSurroundings {
  snapshot?: string;
  /** Version of the run, where it is not the definition's. */
  version?: string | undefined;
  /** The files that the snapshot named by `definition.rootFiles` holds. */
  rootFiles?: Plan["rootFiles"];
}

/** What is run, with the dependencies worked out; the definition must have passed `validateDefinition`. */
export function planOf(definition: Definition, { snapshot, version, rootFiles }: PlanSurroundings = {}): Plan {
  const known = version ?? definition.version;
  return {
    ...(definition.job === undefined ? {} : { job: definition.job }),
    ...(known === undefined ? {} : { version: known }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(definition.workPath === undefined ? {} : { workPath: definition.workPath }),
    ...(rootFiles === undefined ? {} : { rootFiles }),
    tasks: definition.tasks,
    files: definition.files,
    failurePolicy: failurePolicyOf({ failFast: definition.failFast, ...definition.policy }),
    ...limitsOf(definition.policy ?? {}),
    dependencies: new Map(definition.tasks.map((task: Task) => [task.name, dependenciesOf(task)])),
  };
}

/** What a policy says beside what happens after failures; limits that are left out stay so. */
function limitsOf({
  timeout,
  parallelism,
  parallelRuns,
  taskDefaults,
}: RunPolicy): Pick<Plan, "timeout" | "parallelism" | "parallelRuns" | "taskDefaults"> {
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(parallelRuns === undefined ? {} : { parallelRuns }),
    ...(taskDefaults === undefined ? {} : { taskDefaults }),
  };
}

/** The plan with the policies that a run sets for itself; what it leaves out stays the definition's. */
export function withPolicyOf(plan: Plan, { spec }: Pick<Pipeline, "spec">): Plan {
  const { taskDefaults: inherited, ...rest } = plan;
  const defaults = joined(spec.taskDefaults ?? {}, inherited ?? {});
  const hasDefaults = Object.keys(defaults).length > 0;
  return {
    ...rest,
    // Without defaults the tasks stay those that all runs of a definition share.
    ...(hasDefaults ? { tasks: plan.tasks.map((task) => joined(task, defaults)) } : {}),
    failurePolicy: failurePolicyOf(spec, plan.failurePolicy),
    ...(spec.timeout === undefined ? {} : { timeout: spec.timeout }),
  };
}

/** The controls as they stand in the spec. */
export function controlsOf(run: Pipeline): Controls {
  return {
    suspend: run.spec.suspend ?? false,
    cancel: run.spec.cancel ?? false,
    stop: run.spec.stop ?? false,
    ...(run.spec.parallelism === undefined ? {} : { parallelism: run.spec.parallelism }),
    ...(run.spec.cancelledBy === undefined ? {} : { cancelledBy: run.spec.cancelledBy }),
  };
}
