import { TASK_CONTAINERS } from "../../crds/task-kinds.ts";
import type { KubeObject } from "../../kube/resource.ts";

/** Where the log of a pod is, if there is one. */
export interface LogSource {
  /** The container whose log is the task's. */
  container: string;
  /** Whether a node was chosen: before that there is no kubelet to ask. */
  scheduled: boolean;
  /** Whether a container of it has run or runs. */
  started: boolean;
}

interface RawPod extends KubeObject {
  spec?: { nodeName?: string; containers?: { name: string }[] };
  status?: {
    containerStatuses?: { state?: { running?: unknown; terminated?: unknown }; lastState?: { terminated?: unknown } }[];
  };
}

/** Finds the log of a pod of any kind of task. */
export function logSource(raw: KubeObject): LogSource {
  const { spec, status } = raw as RawPod;
  const names = (spec?.containers ?? []).map(({ name }) => name);
  const statuses = status?.containerStatuses ?? [];
  return {
    container: names.find((name) => TASK_CONTAINERS.has(name)) ?? names[0] ?? "",
    scheduled: spec?.nodeName !== undefined,
    started: statuses.some(({ state, lastState }) => state?.running || state?.terminated || lastState?.terminated),
  };
}
