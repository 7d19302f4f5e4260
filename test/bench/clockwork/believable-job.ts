import { createHash } from "node:crypto";
import { canonicalJson } from "../../../crds/snapshot.ts";
import type { JobRecord } from "../../../store/job-records.ts";
import { type RandomSource, randomSource } from "../../support/random.ts";

/** Users of the benchmark, the busiest first. */
export const USERS = 200;
/** The clusters, the largest first, with how many of 100 jobs each has. */
export const CLUSTERS = [
  ["main", 60],
  ["gpu", 25],
  ["cpu", 10],
  ["edge", 4],
  ["test", 1],
] as const;
/** States of jobs that ended, with how many of 100 each has. */
const ENDED = [
  ["COMPLETED", 72],
  ["FAILED", 12],
  ["CANCELLED", 8],
  ["TIMEOUT", 4],
  ["OUT_OF_MEMORY", 2],
  ["NODE_FAIL", 1],
  ["PREEMPTED", 1],
] as const;
const NODES = 64;
const JOBS_A_RUN = 12;
const RUNS_IN_TURN = 5;
const REAL_RUNS = 3;
const NAMES = 300;
/** Of this many jobs the newest one has not ended. */
const PER_UNFINISHED = 700;
const TWO_YEARS = 2 * 365 * 86_400;
/** Nobody is named as the owner of one job in so many. */
const PER_OWNERLESS = 50;
/** Characters that the commands of people take up. */
const COMMAND = "python -m team.train --data /data/corpus --epochs 20 --batch-size 64 --learning-rate 3e-5 --seed ";

/** E-mail of one of the users. */
export function benchEmail(user: number): string {
  return `${benchUser(user)}@example.org`;
}

/** User name of one of the users. */
export function benchUser(user: number): string {
  return `user-${String(user).padStart(3, "0")}`;
}

/** Id of the job of that number. */
export function benchJobId(number: number): string {
  return String(parseInt(digest(`job ${number}`).slice(0, 13), 16));
}

/** Id of a run with jobs around that number. */
export function benchArrayId(number: number): string {
  return arrayIdOf(number - (number % (JOBS_A_RUN * RUNS_IN_TURN)));
}

function arrayIdOf(number: number): string {
  return String(parseInt(digest(`run ${runOf(number)}`).slice(0, 13), 16));
}

/** Cluster of the job of that number. */
export function benchCluster(number: number): string {
  return weighted(randomSource(number * 7 + 1), CLUSTERS);
}

/**
 * The job of that number, out of `count` that were submitted over the two years before `now` (whole seconds since 1970), the oldest first. The same
 * numbers give the same job.
 */
export function believableJob(number: number, count: number, now: number): JobRecord {
  const random = randomSource(number * 7 + 2);
  const clusterName = benchCluster(number);
  const user = userOf(number);
  const uid = uuid(`pod ${number}`);
  const isTask = runOf(number) % RUNS_IN_TURN < REAL_RUNS;
  const name = isTask ? `step-${number % JOBS_A_RUN}` : `task-${random.integer(0, NAMES - 1)}`;
  const pod = `${name}-${uid.slice(0, 8)}`;
  const namespace = `team-${user % 20}`;
  const ownerless = random.integer(1, PER_OWNERLESS) === 1;
  const clusterUser = ownerless ? null : benchUser(user);
  const email = ownerless ? null : benchEmail(user);
  const times = timesOf(number, count, now, random);
  const state = times.endTime === null ? (times.startTime === null ? "PENDING" : "RUNNING") : weighted(random, ENDED);
  const node = times.startTime === null ? null : `${clusterName}-node-${random.integer(1, NODES)}`;
  const jobId = benchJobId(number);
  const arrayJobId = isTask ? arrayIdOf(number) : "0";
  const shown = { jobId, arrayJobId, clusterName, name, state, node, namespace, pod, uid, isTask, number, ...times };
  const changed = times.endTime ?? times.startTime ?? times.submitTime;
  return {
    podUid: uid,
    namespace,
    pod,
    runUid: isTask ? uuid(`run ${runOf(number)}`) : "",
    task: isTask ? name : "",
    attempt: 1,
    observed: 1000 + number,
    ended: times.endTime !== null,
    goneState: "CANCELLED",
    goneTime: null,
    owner: clusterUser ?? "",
    jobId,
    arrayJobId,
    clusterName,
    email,
    clusterUser,
    ccUser: null,
    name,
    state,
    node,
    ...times,
    slurm: canonicalJson(slurmOf(shown, clusterUser ?? "", random)),
    cw: canonicalJson({
      mila_email_username: email,
      mila_cluster_username: clusterUser,
      cc_account_username: null,
      last_slurm_update: changed,
    }),
  };
}

interface Times {
  submitTime: number;
  startTime: number | null;
  endTime: number | null;
}

/** Only the newest jobs have not ended; two thirds of these run. */
function timesOf(number: number, count: number, now: number, random: RandomSource): Times {
  const submitTime = now - TWO_YEARS + Math.floor((number / count) * TWO_YEARS);
  const newest = count - number <= Math.max(6, Math.ceil(count / PER_UNFINISHED));
  if (newest) return { submitTime, startTime: number % 3 === 0 ? null : submitTime + 5, endTime: null };
  const startTime = submitTime + random.integer(1, 600);
  // Many short ones, few long ones.
  const endTime = startTime + Math.floor(10 ** (random.integer(10, 45) / 10));
  return { submitTime, startTime, endTime: Math.min(endTime, now - 1) };
}

interface ShownFacts extends Times {
  jobId: string;
  arrayJobId: string;
  clusterName: string;
  name: string;
  state: string;
  node: string | null;
  namespace: string;
  pod: string;
  uid: string;
  isTask: boolean;
  number: number;
}

/** Every key that a job shows (C-74), as long as usual. */
function slurmOf(job: ShownFacts, username: string, random: RandomSource): Record<string, unknown> {
  const cpus = random.pick([1, 2, 4, 8, 16]);
  const tres = { num_cpus: cpus, mem: cpus * 4096, num_nodes: 1, billing: cpus, num_gpus: 1 };
  const log = `/var/log/pods/${job.namespace}_${job.pod}_${job.uid}/main/0.log`;
  return {
    job_id: job.jobId,
    array_job_id: job.arrayJobId,
    array_task_id: job.isTask ? String(job.number % JOBS_A_RUN) : "None",
    name: job.name,
    username,
    uid: null,
    account: job.namespace,
    partition: "default",
    job_state: job.state,
    exit_code: job.state === "COMPLETED" ? "0:0" : "1:0",
    time_limit: 86_400,
    submit_time: job.submitTime,
    start_time: job.startTime,
    end_time: job.endTime,
    nodes: job.node,
    command: `${COMMAND}${job.number}`,
    work_dir: "/workspace",
    working_directory: "/workspace",
    stdin: "/dev/null",
    stdout: log,
    stderr: log,
    tres_requested: tres,
    tres_allocated: job.node === null ? {} : tres,
    TRES: `cpu=${cpus},mem=${cpus * 4}G,node=1,billing=${cpus},gres/gpu=1`,
    num_nodes: "1",
    num_cpus: String(cpus),
    num_tasks: "1",
    cpus_per_task: String(cpus),
    tres_per_node: "gpu:1",
    comment: null,
    cluster_name: job.clusterName,
  };
}

/** Runs, one after the other; the last of those in a turn are none, but jobs that stand alone. */
function runOf(number: number): number {
  return Math.floor(number / JOBS_A_RUN);
}

/** All jobs of a run are one user's; a few users have most of them. */
function userOf(number: number): number {
  const share = randomSource(runOf(number) * 7 + 3).integer(0, 999_999) / 1_000_000;
  return Math.floor(USERS * share ** 2);
}

function weighted<T>(random: RandomSource, choices: readonly (readonly [T, number])[]): T {
  let left = random.integer(1, 100);
  for (const [value, weight] of choices) {
    left -= weight;
    if (left <= 0) return value;
  }
  throw new Error("the weights are not 100 together");
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function uuid(text: string): string {
  const hex = digest(text);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}
