import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { dependenciesOf } from "../../crds/graph.ts";
import type { Definition } from "../../crds/snapshot.ts";
import type { Controls, Plan } from "./run.ts";

/** What is run, with the dependencies worked out; the definition must have passed `validateDefinition`. */
export function planOf(definition: Definition, snapshot: string | undefined): Plan {
  return {
    ...(definition.job === undefined ? {} : { job: definition.job }),
    ...(definition.version === undefined ? {} : { version: definition.version }),
    ...(snapshot === undefined ? {} : { snapshot }),
    tasks: definition.tasks,
    files: definition.files,
    failFast: definition.failFast,
    dependencies: new Map(definition.tasks.map((task: Task) => [task.name, dependenciesOf(task)])),
  };
}

/** The controls as they stand in the spec. */
export function controlsOf(run: Pipeline): Controls {
  return {
    suspend: run.spec.suspend ?? false,
    cancel: run.spec.cancel ?? false,
    ...(run.spec.cancelledBy === undefined ? {} : { cancelledBy: run.spec.cancelledBy }),
  };
}
