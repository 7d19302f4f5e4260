import type { Pipeline, TaskStatus } from "../../../crds/generated/types.ts";
import { type KeptMetadata, keptMetadata } from "../../../kube/kept-metadata.ts";
import type { KubeObject } from "../../../kube/resource.ts";

/** What the operator has recorded of a task, without its texts. */
export type TaskRecord = Pick<
  TaskStatus,
  "state" | "reason" | "attempt" | "pod" | "startTime" | "completionTime" | "exitCode"
>;

/** What Clockwork keeps of a Pipeline: whose it is and what its status says of its tasks. */
export interface RunState {
  metadata: KeptMetadata;
  user?: string;
  /** Names of the tasks, in their order where the Pipeline carries them itself; absent while its status does not say yet which its Job has. */
  taskNames?: readonly string[];
  tasks: Readonly<Record<string, TaskRecord>>;
}

/** Reduces a Pipeline. */
export function projectRunState(raw: KubeObject): RunState {
  const { metadata, spec, status } = raw as KubeObject & Pipeline;
  const tasks = Object.entries(status?.tasks ?? {});
  const recorded = tasks.length === 0 ? undefined : tasks.map(([name]) => name);
  const taskNames = spec.tasks?.map(({ name }) => name) ?? recorded;
  return {
    metadata: keptMetadata(metadata),
    ...(spec.user === undefined || spec.user === "" ? {} : { user: spec.user }),
    ...(taskNames === undefined ? {} : { taskNames }),
    tasks: Object.fromEntries(tasks.map(([name, record]) => [name, briefly(record)])),
  };
}

function briefly({ state, reason, attempt, pod, startTime, completionTime, exitCode }: TaskStatus): TaskRecord {
  return {
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(pod === undefined ? {} : { pod }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}
