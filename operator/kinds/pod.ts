import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { ANNOTATIONS, LABELS, labelValue, MANAGED_BY, podName, taskId } from "../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../crds/resources.ts";
import type { Paths } from "../../crds/run-paths.ts";
import type { Plan } from "../decide/run.ts";
import { volumesOf } from "./pod-volumes.ts";

/** Settings that every pod of ours is made with (O-166, O-270). */
export interface PodSettings {
  paths: Paths;
  pullSecrets: readonly string[];
  serviceAccount?: string;
}

/** One attempt at a task, with all its texts filled in. */
export interface Attempt {
  run: Pipeline;
  plan: Plan;
  task: Task;
  number: number;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

function metadata({ run, plan, task, number }: Attempt): Record<string, unknown> {
  const name = run.metadata.name;
  return {
    name: podName(name, task.name, number),
    namespace: run.metadata.namespace,
    labels: {
      [LABELS.managedBy]: MANAGED_BY,
      [LABELS.name]: "odin-task",
      [LABELS.run]: labelValue(name),
      [LABELS.task]: task.name,
      ...(plan.job === undefined ? {} : { [LABELS.job]: labelValue(plan.job) }),
    },
    annotations: {
      [ANNOTATIONS.task]: task.name,
      [ANNOTATIONS.attempt]: String(number),
      ...(plan.job === undefined ? {} : { [ANNOTATIONS.job]: plan.job }),
      ...(plan.snapshot === undefined ? {} : { [ANNOTATIONS.snapshot]: plan.snapshot }),
    },
    ownerReferences: [
      {
        apiVersion: API_VERSION,
        kind: PIPELINE.kind,
        name,
        uid: run.metadata.uid,
        controller: true,
        // Deleting a run must not wait for its pods to be gone.
        blockOwnerDeletion: false,
      },
    ],
  };
}

function resources(task: Task): Record<string, unknown> | undefined {
  const limits: Record<string, unknown> = {};
  const requests: Record<string, unknown> = {};
  for (const name of ["cpu", "memory"] as const) {
    if (task[name]?.limits !== undefined) limits[name] = task[name].limits;
    if (task[name]?.requests !== undefined) requests[name] = task[name].requests;
  }
  if ((task.numGpus ?? 0) > 0) limits["nvidia.com/gpu"] = task.numGpus;
  if (Object.keys(limits).length + Object.keys(requests).length === 0) return undefined;
  return { limits, requests };
}

/** The Pod of one attempt (O-122 – O-136, O-166). Its name is deterministic, so that creating it twice is impossible (O-187). */
export function buildPod(attempt: Attempt, settings: PodSettings): Record<string, unknown> {
  const { run, plan, task } = attempt;
  const { volumes, mounts } = volumesOf(task, run.metadata.name, plan, settings.paths);
  const limits = resources(task);
  const { securityContext } = task;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadata(attempt),
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: settings.serviceAccount !== undefined,
      ...(settings.serviceAccount === undefined ? {} : { serviceAccountName: settings.serviceAccount }),
      ...(settings.pullSecrets.length > 0 ? { imagePullSecrets: settings.pullSecrets.map((name) => ({ name })) } : {}),
      // Service links put variables like ODIN_PORT into every container, which real clients would read as settings (O-1).
      enableServiceLinks: false,
      securityContext: { seccompProfile: { type: "RuntimeDefault" }, ...securityContext },
      ...(task.nodeSelector === undefined ? {} : { nodeSelector: task.nodeSelector }),
      ...(task.tolerations === undefined ? {} : { tolerations: task.tolerations }),
      containers: [
        {
          name: "main",
          image: task.image,
          imagePullPolicy: task.pullPolicy ?? "IfNotPresent",
          command: task.command.map(escapeExpansion),
          args: attempt.args.map(escapeExpansion),
          env: [
            ...Object.entries(attempt.env).map(([name, value]) => ({ name, value: escapeExpansion(value) })),
            { name: "ODIN_TASK_ID", value: taskId(run.metadata.name, task.name) },
            { name: "ODIN_CRED", value: "/etc/odind/odin-cred.yml" },
          ],
          ...(limits === undefined ? {} : { resources: limits }),
          volumeMounts: mounts,
        },
      ],
      volumes,
    },
  };
}

/** The kubelet expands `$(NAME)` in commands, arguments and values; ours are final (O-150), so the dollar before a bracket is doubled. */
function escapeExpansion(value: string): string {
  return value.replaceAll("$(", () => "$$(");
}
