import { clockworkId } from "../../../crds/clockwork-id.ts";
import type { PodRequests } from "../../../kube/pod-requests.ts";
import { cut } from "./cut.ts";
import { isOver, type JobState, type Judged, lastEnd } from "./job-state.ts";
import type { PodFacts } from "./pod-facts.ts";

/** The run that a pod belongs to. */
export interface RunFacts {
  uid: string;
  /** Place of the pod's task in the list of tasks, from "0". */
  taskIndex: string;
  /** Seconds that the task, else the run, may take; null: no limit. */
  timeLimit: number | null;
}

/** What is shown of a job, beyond its pod. */
export interface Shown extends Judged {
  state: JobState;
  jobId: string;
  clusterName: string;
  /** The owner's user name; empty: nobody's. */
  username: string;
  run?: RunFacts;
  /** Deadline of the batch Job that the pod belongs to, in seconds. */
  batchDeadline?: number;
  /** When the pod was found gone: the last resort for when it ended. Whole seconds since 1970. */
  foundGoneAt?: number;
}

/** Most signals that an exit code may stand for. */
const LAST_SIGNAL = 64;

/** `slurm` of a job: exactly the keys of C-74. */
export function slurmOf(shown: Shown): Record<string, unknown> {
  const { pod, run, state, jobId, clusterName, username } = shown;
  const { metadata, container, workDir } = pod;
  const tres = tresOf(pod.requests);
  const log = `/var/log/pods/${metadata.namespace ?? ""}_${metadata.name}_${metadata.uid}/${container}/${pod.restarts}.log`;
  const cpus = String(tres.num_cpus);
  return {
    job_id: jobId,
    array_job_id: run === undefined ? "0" : clockworkId(run.uid),
    array_task_id: run === undefined ? "None" : run.taskIndex,
    name: pod.task || metadata.name,
    username,
    uid: pod.uid,
    account: pod.account ?? metadata.namespace ?? "",
    partition: pod.partition,
    job_state: state,
    exit_code: exitCodeOf(shown),
    time_limit: timeLimitOf(shown),
    submit_time: pod.createdAt,
    start_time: startTimeOf(pod),
    end_time: endTimeOf(shown),
    nodes: pod.node,
    command: pod.command,
    work_dir: workDir,
    working_directory: workDir,
    stdin: pod.hasStdin ? null : "/dev/null",
    stdout: log,
    stderr: log,
    tres_requested: tres,
    tres_allocated: pod.isScheduled ? tres : {},
    TRES: tresText(tres),
    num_nodes: "1",
    num_cpus: cpus,
    num_tasks: "1",
    cpus_per_task: cpus,
    tres_per_node: tres.num_gpus === undefined ? null : `gpu:${tres.num_gpus}`,
    ...(pod.reservation === undefined ? {} : { reservation: pod.reservation, resv_name: pod.reservation }),
    comment: pod.comment,
    cluster_name: cut(clusterName),
  };
}

/** When a main container was first started; of a pod that has a node and none was, when its node took it up; else null. */
export function startTimeOf({ main, isScheduled, startedAt }: PodFacts): number | null {
  const starts = main.map((container) => container.startedAt).filter((start) => start !== null);
  if (starts.length > 0) return Math.min(...starts);
  return isScheduled ? startedAt : null;
}

/** When a job ended; null while it has not. */
export function endTimeOf({ pod, gone, outcome, foundGoneAt }: Shown): number | null {
  if (!isOver({ pod, gone })) return null;
  return (
    lastEnd(pod) ??
    outcome?.endedAt ??
    pod.disruption?.at ??
    pod.deletedAt ??
    (gone ? foundGoneAt : undefined) ??
    pod.changedAt
  );
}

/** An exit code and the signal behind it, as Slurm writes them; without a signal of its own a code over 128 stands for one. */
export function exitCodeText(exitCode: number, ownSignal = 0): string {
  const signal = ownSignal || exitCode - 128;
  return signal >= 1 && signal <= LAST_SIGNAL ? `0:${signal}` : `${exitCode}:0`;
}

function exitCodeOf({ pod, outcome }: Shown): string {
  const ended = pod.main
    .map(({ terminated }) => terminated)
    .filter((terminated) => terminated !== undefined)
    .sort((a, b) => (a.finishedAt ?? 0) - (b.finishedAt ?? 0));
  const told = ended.find(({ exitCode, signal }) => exitCode !== 0 || signal !== 0) ?? ended.at(-1);
  return exitCodeText(told?.exitCode ?? outcome?.exitCode ?? 0, told?.signal);
}

function timeLimitOf({ pod, run, batchDeadline }: Shown): number | null {
  return pod.deadline ?? run?.timeLimit ?? batchDeadline ?? null;
}

interface Tres {
  num_cpus: number;
  mem: number;
  num_nodes: 1;
  billing: number;
  num_gpus?: number;
}

function tresOf({ milliCpu, memory, gpus }: PodRequests): Tres {
  const cpus = Math.ceil(milliCpu / 1000);
  return {
    num_cpus: cpus,
    mem: Math.ceil(memory / 2 ** 20),
    num_nodes: 1,
    billing: cpus,
    ...(gpus === 0 ? {} : { num_gpus: gpus }),
  };
}

function tresText({ num_cpus, mem, billing, num_gpus }: Tres): string {
  const memory = mem % 1024 === 0 ? `${mem / 1024}G` : `${mem}M`;
  const gpus = num_gpus === undefined ? "" : `,gres/gpu=${num_gpus}`;
  return `cpu=${num_cpus},mem=${memory},node=1,billing=${billing}${gpus}`;
}
