import type { Task } from "./generated/types.ts";
import { object, type Schema } from "./schema.ts";
import { TASK } from "./task.ts";

/** Fields of a task that a Pipeline or Job may set for all of its tasks. */
const FIELDS = [
  "labels",
  "annotations",
  "nodeSelector",
  "tolerations",
  "affinity",
  "priorityClassName",
  "schedulerName",
  "pendingTimeout",
  "terminationGracePeriodSeconds",
  "infrastructureRetries",
] as const;

/** What tasks get that do not say otherwise. */
export type TaskDefaults = Pick<Task, (typeof FIELDS)[number]>;

export const TASK_DEFAULTS: Schema = object(
  "Fields of tasks, for those that leave them out. `labels`, `annotations` and `nodeSelector` are joined key by key, the task's own first.",
  Object.fromEntries(FIELDS.flatMap((field) => (TASK.properties?.[field] ? [[field, TASK.properties[field]]] : []))),
  [],
  { typeName: "TaskDefaults" },
);

/** Two sets of values: what `own` says wins; maps are joined key by key. */
export function joined<T extends TaskDefaults>(own: T, defaults: TaskDefaults): T {
  const { labels, annotations, nodeSelector } = own;
  return {
    ...defaults,
    ...own,
    ...join("labels", labels, defaults.labels),
    ...join("annotations", annotations, defaults.annotations),
    ...join("nodeSelector", nodeSelector, defaults.nodeSelector),
  };
}

function join(
  field: string,
  own: Record<string, string> | undefined,
  defaults: Record<string, string> | undefined,
): Record<string, Record<string, string>> {
  return own === undefined || defaults === undefined ? {} : { [field]: { ...defaults, ...own } };
}
