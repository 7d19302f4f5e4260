import type { Task } from "../../crds/generated/types.ts";
import { ANNOTATIONS, taskId } from "../../crds/names.ts";
import type { Paths } from "../../crds/run-paths.ts";
import { gpusOf, kindFactsOf } from "../../crds/task-kinds.ts";
import { type Attempt, annotationsOf, attemptName, labelsOf } from "./attempt.ts";
import { type SharedVolume, volumesOf } from "./pod-volumes.ts";

/** Settings that the pods of all tasks are made with (O-166, O-172, O-270). */
export interface PodSettings {
  paths: Paths;
  /** The volume that everyone shares; absent in snapshot mode (O-107). */
  sharedVolume?: SharedVolume;
  pullSecrets: readonly string[];
  serviceAccount?: string;
  /** Whom tasks run as that name no user; with it, all hold to the `restricted` Pod Security profile. */
  taskUser?: number;
  /** Tell tasks their job and their user in Clockwork (C-79). */
  clockworkEnv?: boolean;
  /** Where the workers of an ElasticJob meet: `host` or `host:port` of an etcd (O-172). */
  elasticEtcd: string;
}

/** What differs between the pods of one kind and another's. */
export interface PodVariant {
  /** Container name; by default that of the task's kind. */
  container?: string;
  /** GPUs; by default the task's. */
  gpus?: number;
  /** Left out where a controller puts one in from a field of its own. */
  restartPolicy?: "Never";
  /** Without a command the controller puts its own in: that of a worker that is told what to do by another pod. */
  withoutCommand?: boolean;
  /** Id of the pod's job in Clockwork; absent where a controller makes pods, as many as it wants, from one template. */
  jobId?: string;
  /** The controller gives the pod an identity of its own, whose token it needs. */
  ownIdentity?: boolean;
}

/** The pod specification of an attempt (O-122 – O-136, O-166), the same for every kind but for what the variant says. */
export function podSpec(attempt: Attempt, settings: PodSettings, variant: PodVariant): Record<string, unknown> {
  const { run, plan, task } = attempt;
  const { volumes, mounts } = volumesOf(task, run.metadata.name, plan, settings.paths, settings.sharedVolume);
  const limits = resources(task, variant.gpus ?? gpusOf(task));
  return {
    ...(variant.restartPolicy === undefined ? {} : { restartPolicy: variant.restartPolicy }),
    ...(variant.ownIdentity ? {} : identity(settings)),
    ...(settings.pullSecrets.length > 0 ? { imagePullSecrets: settings.pullSecrets.map((name) => ({ name })) } : {}),
    // Service links put variables like ODIN_PORT into every container, which real clients would read as settings (O-1).
    enableServiceLinks: false,
    ...(task.terminationGracePeriodSeconds === undefined
      ? {}
      : { terminationGracePeriodSeconds: task.terminationGracePeriodSeconds }),
    securityContext: { seccompProfile: { type: "RuntimeDefault" }, ...ordinaryUser(settings), ...task.securityContext },
    ...(task.nodeSelector === undefined ? {} : { nodeSelector: task.nodeSelector }),
    ...(task.tolerations === undefined ? {} : { tolerations: task.tolerations }),
    ...(task.affinity === undefined ? {} : { affinity: task.affinity }),
    ...(task.priorityClassName === undefined ? {} : { priorityClassName: task.priorityClassName }),
    ...(task.schedulerName === undefined ? {} : { schedulerName: task.schedulerName }),
    containers: [
      {
        name: variant.container ?? kindFactsOf(task).container,
        image: task.image,
        imagePullPolicy: task.pullPolicy ?? "IfNotPresent",
        ...(variant.withoutCommand
          ? {}
          : { command: task.command.map(escapeExpansion), args: attempt.args.map(escapeExpansion) }),
        env: [
          ...clockworkEnv(attempt, settings, variant),
          ...Object.entries(attempt.env).map(([name, value]) => ({ name, value: escapeExpansion(value) })),
          { name: "ODIN_TASK_ID", value: taskId(run.metadata.name, task.name) },
          { name: "ODIN_CRED", value: "/etc/odind/odin-cred.yml" },
        ],
        ...(limits === undefined ? {} : { resources: limits }),
        ...(settings.taskUser === undefined
          ? {}
          : { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } } }),
        volumeMounts: mounts,
      },
    ],
    volumes,
  };
}

/** A pod template for an object whose controller makes the pods: they carry what leads back to the run, which does not own them itself. */
export function podTemplate(attempt: Attempt, settings: PodSettings, variant: PodVariant): Record<string, unknown> {
  const { name, uid } = attempt.run.metadata;
  return {
    metadata: {
      labels: labelsOf(attempt),
      annotations: {
        ...annotationsOf(attempt),
        [ANNOTATIONS.run]: name,
        [ANNOTATIONS.runUid]: uid,
        [ANNOTATIONS.object]: attemptName(attempt),
      },
    },
    spec: podSpec(attempt, settings, variant),
  };
}

/** What Clockwork's client reads (C-79), where the task does not say otherwise. */
function clockworkEnv(
  { run, env }: Attempt,
  { clockworkEnv: isTold }: PodSettings,
  { jobId }: PodVariant,
): { name: string; value: string }[] {
  if (isTold !== true) return [];
  const email = run.metadata.annotations?.[ANNOTATIONS.userEmail] ?? run.spec.user;
  return Object.entries({ SLURM_JOBID: jobId, CLOCKWORK_EMAIL: email }).flatMap(([name, value]) =>
    value === undefined || Object.hasOwn(env, name) ? [] : [{ name, value: escapeExpansion(value) }],
  );
}

function ordinaryUser({ taskUser }: PodSettings): Record<string, unknown> {
  if (taskUser === undefined) return {};
  return { runAsNonRoot: true, runAsUser: taskUser, runAsGroup: taskUser, fsGroup: taskUser };
}

function identity({ serviceAccount }: PodSettings): Record<string, unknown> {
  return {
    automountServiceAccountToken: serviceAccount !== undefined,
    ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
  };
}

function resources(task: Task, gpus: number): Record<string, unknown> | undefined {
  const limits: Record<string, unknown> = {};
  const requests: Record<string, unknown> = {};
  for (const name of ["cpu", "memory"] as const) {
    if (task[name]?.limits !== undefined) limits[name] = task[name].limits;
    if (task[name]?.requests !== undefined) requests[name] = task[name].requests;
  }
  if (gpus > 0) limits["nvidia.com/gpu"] = gpus;
  if (Object.keys(limits).length + Object.keys(requests).length === 0) return undefined;
  return { limits, requests };
}

/**
 * The kubelet expands `$(NAME)` in commands, arguments and values, and makes one dollar of two; ours are final (O-150), so a dollar before a bracket
 * or before another dollar, as in a shell's `$$`, is doubled.
 */
function escapeExpansion(value: string): string {
  return value.replaceAll(/\$(?=[$(])/g, () => "$$");
}
