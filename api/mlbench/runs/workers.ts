import { LABELS } from "../../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { POD_UID_VARIABLE, RECORDS_PATH } from "./records.ts";
import type { RunSettings } from "./run-settings.ts";
import type { RunPlan } from "./run-spec.ts";

/** Longest name of a StatefulSet: a label of its pods is that name and ten more characters. */
const MAX_SET_NAME = 52;
const MAX_LABEL = 63;
/** Seconds that a worker has to end (M-54). */
export const GRACE_SECONDS = 5;

/** What the objects of a run are made from. */
export interface WorkersInput {
  id: number;
  uid: string;
  /** Name of the Pipeline. */
  object: string;
  plan: RunPlan;
  settings: RunSettings;
}

/** Labels of every worker pod of a release (M-16). */
function workerLabels(release: string): Record<string, string> {
  return { app: "mlbench", component: "worker", release };
}

/**
 * Name of the Service and of the StatefulSet of a run (M-44). A Service's name must begin with a letter, so that a run whose name does not is called by
 * its id, as one with too long a name is.
 */
export function workersName(name: string, id: number, release: string): string {
  const own = `${name}-mlbench-worker-${release}`.toLowerCase();
  return own.length <= MAX_SET_NAME && /^[a-z]/.test(own) ? own : `run-${id}-mlbench-worker-${release}`.toLowerCase();
}

/** Name of the container of a run's workers (M-44). */
export function containerName(name: string, id: number): string {
  const own = `${name}-worker`.toLowerCase();
  return own.length <= MAX_LABEL ? own : `run-${id}-worker`;
}

/** Names of the pods of a run, in the order of their numbers. */
export function podNames(set: string, workers: number): string[] {
  return Array.from({ length: workers }, (_, rank) => `${set}-${rank}`);
}

/** Names under which the workers find each other (M-46). */
export function hostsOf(set: string, workers: number): string[] {
  return podNames(set, workers).map((pod) => `${pod}.${set}`);
}

/** The headless Service of a run (M-44). */
export function serviceOf(input: WorkersInput): Record<string, unknown> {
  const { id, plan, settings } = input;
  const { app, release, ...own } = podLabels(plan.name, id, settings.release);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadataOf(input),
    spec: {
      clusterIP: "None",
      ports: [{ name: "dummy", port: 22 }],
      selector: { app, release, set: own.set, [LABELS.mlbenchRun]: String(id) },
    },
  };
}

/** The StatefulSet of a run (M-44). Its containers idle: the command is started in them later. */
export function statefulSetOf(input: WorkersInput): Record<string, unknown> {
  const { id, plan, settings } = input;
  const name = workersName(plan.name, id, settings.release);
  const labels = podLabels(plan.name, id, settings.release);
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: metadataOf(input),
    spec: {
      serviceName: name,
      replicas: plan.workers,
      podManagementPolicy: "Parallel",
      updateStrategy: { type: "RollingUpdate" },
      selector: { matchLabels: labels },
      template: {
        metadata: {
          labels,
          ...(plan.egressMbits === undefined
            ? {}
            : { annotations: { "kubernetes.io/egress-bandwidth": `${plan.egressMbits}M` } }),
        },
        spec: podSpec(input),
      },
    },
  };
}

function podSpec({ id, plan, settings }: WorkersInput): Record<string, unknown> {
  const limits = {
    ...(plan.cpu === undefined ? {} : { cpu: plan.cpu }),
    ...(plan.gpus === 0 ? {} : { "nvidia.com/gpu": plan.gpus }),
  };
  const { hostPort } = settings;
  return {
    serviceAccountName: `${settings.release}-mlbench-worker-sa`,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    affinity: { podAntiAffinity: antiAffinity(settings.spread) },
    containers: [
      {
        name: containerName(plan.name, id),
        image: plan.image,
        stdin: true,
        tty: true,
        ports: [{ name: "ssh", containerPort: 22, ...(hostPort === undefined ? {} : { hostPort }) }],
        env: [{ name: POD_UID_VARIABLE, valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } }],
        ...(Object.keys(limits).length === 0 ? {} : { resources: { limits } }),
        ...(settings.privileged ? { securityContext: { privileged: true } } : {}),
        volumeMounts: [
          { name: "ssh-key", mountPath: "/ssh-key/root", readOnly: true },
          { name: "records", mountPath: RECORDS_PATH },
        ],
      },
    ],
    volumes: [
      { name: "ssh-key", secret: { secretName: `${settings.release}-ssh-key`, defaultMode: 0o400, optional: true } },
      { name: "records", emptyDir: {} },
    ],
  };
}

/** Against workers of all runs (M-44). */
function antiAffinity(spread: RunSettings["spread"]): Record<string, unknown> {
  const term = {
    labelSelector: { matchExpressions: [{ key: "component", operator: "In", values: ["worker"] }] },
    topologyKey: "kubernetes.io/hostname",
  };
  return spread === "required"
    ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
    : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }] };
}

function podLabels(name: string, id: number, release: string): Record<string, string> {
  return { ...workerLabels(release), set: setLabel(name, id), [LABELS.mlbenchRun]: String(id) };
}

function setLabel(name: string, id: number): string {
  return name.length <= MAX_LABEL ? name : `run-${id}`;
}

function metadataOf({ id, uid, object, plan, settings }: WorkersInput): Record<string, unknown> {
  const { namespace, release } = settings;
  return {
    name: workersName(plan.name, id, release),
    namespace,
    labels: {
      ...workerLabels(release),
      chart: "mlbench-2.0.0",
      heritage: "Helm",
      set: setLabel(plan.name, id),
      [LABELS.mlbenchRun]: String(id),
    },
    ownerReferences: [
      {
        apiVersion: API_VERSION,
        kind: PIPELINE.kind,
        name: object,
        uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  };
}
