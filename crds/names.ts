import { createHash } from "node:crypto";
import { MAX_DISTRIBUTED_NAME, MAX_DISTRIBUTED_TASK_ID, MAX_LABEL, MAX_TASK_ID } from "./limits.ts";
import { kindFactsOf, type ResourceType } from "./task-kinds.ts";

/** Labels on everything we create (O-165). */
export const LABELS = {
  managedBy: "app.kubernetes.io/managed-by",
  name: "app.kubernetes.io/name",
  component: "app.kubernetes.io/component",
  run: "odin.io/pipeline",
  task: "odin.io/task",
  job: "odin.io/job",
  attempt: "odin.io/attempt",
  snapshot: "odin.io/snapshot",
  /** On a Pipeline: the view that it belongs to, and its id there (M-42). */
  view: "odin.io/view",
  mlbenchRun: "odin.io/mlbench-run",
  /** What Clockwork reads (C-71): the cluster and the account that something belongs to, and on a Namespace whether its pods may say so. */
  cluster: "odin.io/cluster",
  account: "odin.io/account",
  clockworkTrust: "odin.io/clockwork-trust",
  /** Set to "true" on a Secret that tasks may mount (O-147). */
  mountable: "odin.io/mountable",
} as const;

/** Value of the managed-by label. */
export const MANAGED_BY = "odin";

/** Value of the label `view` on the runs of MLBench. */
export const MLBENCH_VIEW = "mlbench";

/** Value of `spec.managedBy` on the runs of MLBench, and their finalizer (M-42). */
export const MLBENCH_MANAGER = "odin.io/mlbench";

/** Annotations that keep what a label value cannot hold. */
export const ANNOTATIONS = {
  job: "odin.io/job",
  task: "odin.io/task",
  attempt: "odin.io/attempt",
  snapshot: "odin.io/snapshot",
  /** On a Job: where it comes from, if not from kubectl. */
  source: "odin.io/source",
  /** On pods that a controller made for an object of ours: the run, its UID, and the object. */
  run: "odin.io/pipeline",
  runUid: "odin.io/pipeline-uid",
  object: "odin.io/object",
  /** Key under which the task's outputs are remembered (O-200). */
  cacheKey: "odin.io/cache-key",
  /** On a pod: its job id in Clockwork, which is also in its environment (C-74, C-79). */
  clockworkJobId: "odin.io/clockwork-job-id",
  /** On a pod: place of its task in the list of tasks, from 0, and the seconds that the task, else the run, may take. */
  taskIndex: "odin.io/task-index",
  timeLimit: "odin.io/time-limit",
  /** On a Pipeline: e-mail of its user, who is told it in his tasks' environment (C-79). */
  userEmail: "odin.io/user-email",
  /** What Clockwork reads on objects of others (C-71): who they belong to, a reservation, a remark. */
  user: "odin.io/user",
  reservation: "odin.io/reservation",
  comment: "odin.io/comment",
  /** On a run of MLBench: the request that made it. */
  mlbenchRequest: "odin.io/mlbench-request",
  /** On a snapshot: when somebody last made sure that it is there, before naming it (RFC 3339). */
  used: "odin.io/used",
} as const;

/** Value of the annotation `source` on a Job that mirrors a job of the jobs repository (O-14). */
export const REPOSITORY_SOURCE = "repository";

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** `text` if it has at most `max` characters, else its beginning and a hash of the whole: two texts never become one. */
function fit(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max - 9).replace(/[-.]+$/, "")}-${shortHash(text)}`;
}

/** Task id: what the REST API calls a task of a run (O-13). */
export function taskId(run: string, task: string): string {
  return `${run}--${task}`;
}

/**
 * Name of the pod of one attempt (from 1). The first attempt has the task id as its name, because clients read it
 * directly (O-165); later ones get `-r<retry>` (O-144). Over 63 characters, the most a host name may have, it ends in a hash.
 */
export function podName(run: string, task: string, attempt: number): string {
  const id = taskId(run, task);
  return fit(attempt <= 1 ? id : `${id}-r${attempt - 1}`, MAX_LABEL);
}

/**
 * Name of the object of one attempt: that of `podName`, but for distributed kinds a DNS label that begins with a letter and leaves room for what
 * controllers append to name pods and Services (`-worker-12`). What has to be changed for that ends in a hash.
 */
export function objectName(run: string, task: { name: string; resourceType?: ResourceType }, attempt: number): string {
  if (!kindFactsOf(task).isDistributed) return podName(run, task.name, attempt);
  const id = attempt <= 1 ? taskId(run, task.name) : `${taskId(run, task.name)}-r${attempt - 1}`;
  const label = id.replaceAll(".", "-").replace(/^(?=[0-9])/, "t");
  return label === id ? fit(id, MAX_DISTRIBUTED_NAME) : `${fit(label, MAX_DISTRIBUTED_NAME - 9)}-${shortHash(id)}`;
}

/** A label value that stands for `text`: itself where it is one, else a slug with a hash. Never empty. */
export function labelValue(text: string): string {
  if (text.length <= MAX_LABEL && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text)) return text;
  const slug = text.replace(/[^-A-Za-z0-9_.]+/g, "-").replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
  return `${slug.slice(0, MAX_LABEL - 9).replace(/[^A-Za-z0-9]+$/, "") || "x"}-${shortHash(text)}`;
}

/** Name of the Job object of a job id: the id if it is a DNS label, else a slug and 8 hex digits of its SHA-256 (O-14). */
export function jobObjectName(id: string): string {
  if (id.length <= MAX_LABEL && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(id)) return id;
  const slug = id
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return `${slug.slice(0, MAX_LABEL - 9).replace(/-+$/, "") || "job"}-${shortHash(id)}`;
}

/**
 * Prefix of a job's run ids (O-13): its explicit `name`, uncut; else the last segment of its id in lower case, cut so that the ids
 * of all tasks fit; else `flow`.
 */
export function runPrefix(
  jobId: string,
  explicit: string | undefined,
  tasks: readonly { name: string; resourceType?: ResourceType }[],
): string {
  if (explicit !== undefined) return explicit;
  const last = jobId.split("/").at(-1) ?? "";
  const slug = last
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const room = tasks.reduce(
    (least, task) => Math.min(least, maxTaskId(task) - task.name.length - "--".length - SAMPLE_TAIL.length),
    MAX_TASK_ID - SAMPLE_TAIL.length,
  );
  return slug.slice(0, Math.max(room, 1)).replace(/-+$/, "") || "flow";
}

/** Stands for the random part of a run's id where only its length matters. */
export const SAMPLE_TAIL = "-00000000j";

/** Most characters of a task's id (O-13). */
export function maxTaskId(task: { resourceType?: ResourceType }): number {
  return kindFactsOf(task).isDistributed ? MAX_DISTRIBUTED_TASK_ID : MAX_TASK_ID;
}

const RUN_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** A new run id: prefix, 8 random characters, and the `j` that old clients split ids at (O-13). `random` gives bytes. */
export function newRunId(prefix: string, random: (size: number) => Uint8Array): string {
  let tail = "";
  while (tail.length < 8) {
    for (const byte of random(16)) {
      // 252 is the largest multiple of 36 in a byte: bytes above it would favour the first characters.
      if (byte < 252 && tail.length < 8) tail += RUN_ID_ALPHABET[byte % 36];
    }
  }
  return `${prefix}-${tail}j`;
}
