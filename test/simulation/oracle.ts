import type { PipelineStatus, TaskStatus } from "../../crds/generated/types.ts";
import { shardOf } from "../../kube/shard.ts";
import type { Change, ObjectStore } from "./api/object-store.ts";
import { factsOf } from "./api/resources.ts";
import { type Stored, same } from "./api/stored.ts";
import type { Case, TaskPlan } from "./case.ts";
import { COLLECTED } from "./cluster/garbage-collector.ts";
import { isLive } from "./cluster/nodes.ts";
import type { Truth } from "./cluster/outcome.ts";
import { identityOf } from "./cluster/pod-identity.ts";
import type { SentRequest } from "./fake-request.ts";
import type { Served } from "./network.ts";
import { LEASE_NAME, OPERATOR_AGENT } from "./operator-process.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** A rule that was broken. I-1 to I-8 are the invariants of the fault matrix; I-9: a program failed; I-10: a record is not true; I-11: a bound of the user is passed. */
export interface Violation {
  rule: string;
  message: string;
  atMs: number;
}

export interface OracleOptions {
  plan: Case;
  time: VirtualTime;
  store: ObjectStore;
  /** How pods really ended. */
  truths: () => readonly Truth[];
  /** Whether any operator is there now. */
  isWatched: () => boolean;
}

const PIPELINES = factsOf("odin.io", "pipelines");
const PODS = factsOf("", "pods");
const JOBS = factsOf("batch", "jobs");
const CONFIG_MAPS = factsOf("", "configmaps");
const LEASES = factsOf("coordination.k8s.io", "leases");

/** Requests of one process in one window of time: enough for every task to start at once, too few for a loop. */
const WINDOW_MS = 10_000;
const WINDOW_BASE = 150;
const WINDOW_PER_TASK = 12;
/** What is said in whole seconds may be off by that much. */
const ROUNDING_MS = 2_500;

/** Reasons of what the cluster does to a pod, and tells; of a lost node nobody can say how its pods ended. */
const LOSSES = new Set(["Evicted", "Preempted", "NodeTainted", "Disrupted", "PodDeleted"]);

/** Errors that a program may log when the world is as bad as here. */
const EXPECTED_ERRORS = /leads no longer/;

/** Watches everything that happens to the cluster and knows how things really are. */
export class Oracle {
  readonly violations: Violation[] = [];
  readonly #options: OracleOptions;
  readonly #attempts = new Set<string>();
  readonly #windows = new Map<string, { from: number; count: number }>();
  readonly #writes = new Map<string, number>();
  readonly #createdMs = new Map<string, number>();
  /** UIDs of pods that ended while no operator was there, and of those the ones that also went then: what they said last nobody could know. */
  readonly #endedUnseen = new Set<string>();
  readonly #goneUnseen = new Set<string>();
  readonly #taskTotal: number;

  constructor(options: OracleOptions) {
    this.#options = options;
    this.#taskTotal = options.plan.runs.reduce((sum, { tasks }) => sum + tasks.length, 0);
  }

  violate(rule: string, message: string): void {
    this.violations.push({ rule, message, atMs: this.#options.time.nowMs });
  }

  /** Whether every run that is there has ended. */
  allEnded(): boolean {
    return this.#options.store.list(PIPELINES).every(isEnded);
  }

  /** Looks at one change of the cluster. */
  changed(change: Change): void {
    const { type, resource, object, previous } = change;
    if (resource === PIPELINES) {
      if (type === "ADDED") this.#createdMs.set(object.metadata.uid, this.#options.time.nowMs);
      if (type === "MODIFIED" && previous !== undefined) this.#judgeStatus(object, previous);
      if (type === "DELETED" && change.actor !== "user") this.#judgeExpiry(object);
    }
    if (type === "ADDED" && (resource === PODS || resource === JOBS)) this.#judgeCreation(object);
    if (resource === PODS && !this.#options.isWatched()) this.#noteUnseen(change);
  }

  #noteUnseen({ type, object, previous }: Change): void {
    const { uid } = object.metadata;
    if (type === "MODIFIED" && previous !== undefined && isLive(previous) && !isLive(object))
      this.#endedUnseen.add(uid);
    if (type === "DELETED" && this.#endedUnseen.has(uid)) this.#goneUnseen.add(uid);
  }

  /** Looks at a request as it is sent: who does not hold the lease of the run that it concerns must not write (I-8). */
  sent({ host, method, path, headers, body }: SentRequest): void {
    if (method === "GET" || headers["user-agent"] !== OPERATOR_AGENT) return;
    const { plan, store } = this.#options;
    const [name] = host.split(".");
    const run = runOf(path, body);
    if (run === undefined) return;
    const shard = shardOf(run, plan.shards);
    const leaseName = shard === 0 ? LEASE_NAME : `${LEASE_NAME}-${shard}`;
    const lease = store.list(LEASES).find(({ metadata }) => metadata.name === leaseName);
    const holder = lease?.spec?.holderIdentity;
    if (typeof holder === "string" && holder !== "" && holder !== name)
      this.violate("I-8", `${name} sent ${method} ${path} while ${holder} held the lease ${leaseName}`);
  }

  /** Counts requests: a loop shows as too many in a window (I-7). */
  served({ process, method, path, userAgent }: Served): void {
    const { nowMs } = this.#options.time;
    const key = `${process} ${userAgent}`;
    let window = this.#windows.get(key);
    if (window === undefined || nowMs - window.from > WINDOW_MS) {
      window = { from: nowMs, count: 0 };
      this.#windows.set(key, window);
    }
    const most = WINDOW_BASE + WINDOW_PER_TASK * this.#taskTotal;
    if (++window.count === most)
      this.violate("I-7", `${key} sent ${most} requests within 10 s, at last ${method} ${path}`);
  }

  /** Looks at what a program logs: errors are for what must not happen. */
  logged(process: string, level: string, message: string, fields: object): void {
    if (level === "error" && !EXPECTED_ERRORS.test(message))
      this.violate("I-9", `${process} logged an error: ${message} ${JSON.stringify(fields)}`);
  }

  /** The runs did not end in time, or things went on for ever. */
  stuck(how: string): void {
    const left = this.#options.store
      .list(PIPELINES)
      .filter((run) => !isEnded(run))
      .map(({ metadata, spec, status }) => {
        const said = status as PipelineStatus | undefined;
        const open = Object.entries(said?.tasks ?? {}).filter(
          ([, { state }]) => state === "waiting" || state === "executing",
        );
        const tasks = open.map(([task, { state, reason }]) => `${task} ${state} ${reason ?? ""}`).join(", ");
        return `${metadata.name} (${said?.phase ?? "no phase"}, ${said?.reason ?? "no reason"}, cancel ${spec?.cancel ?? false}): ${tasks}`;
      });
    this.violate(
      "I-4",
      `not over in bounded time (${how}): ${left.join("; ") || "no run is left, yet something goes on"}`,
    );
  }

  /** At the very end: what must be left, and what must not (I-5). */
  judgeRemains(): void {
    const { store } = this.#options;
    this.#judgeSnapshots();
    const uids = new Set(store.list(PIPELINES).map(({ metadata }) => metadata.uid));
    for (const resource of COLLECTED) {
      if (resource === PIPELINES) continue;
      for (const object of store.list(resource)) {
        const owner = object.metadata.ownerReferences?.find(({ kind }) => kind === "Pipeline");
        if (owner !== undefined && !uids.has(owner.uid))
          this.violate("I-5", `${resource.plural} ${object.metadata.name} is left of a run that is gone`);
      }
    }
    for (const run of store.list(PIPELINES)) {
      if (this.#options.plan.runs.find(({ name }) => name === run.metadata.name)?.ttl !== undefined)
        this.violate("I-5", `run ${run.metadata.name} has outlived its time`);
      const live = this.#podsOf(run.metadata.uid).filter(isLive);
      if (live.length > 0)
        this.violate(
          "I-5",
          `run ${run.metadata.name} has ended and its pods run on: ${live.map(({ metadata }) => metadata.name)}`,
        );
    }
  }

  /** Frozen definitions that no run names any more are swept; where shards share the work, later than is waited for here. */
  #judgeSnapshots(): void {
    const { store, plan } = this.#options;
    if (plan.shards > 1) return;
    const named = new Set(store.list(PIPELINES).map(({ status }) => status?.snapshot));
    for (const { metadata } of store.list(CONFIG_MAPS))
      if (metadata.labels?.["odin.io/snapshot"] === "true" && !named.has(metadata.name))
        this.violate("I-5", `the snapshot ${metadata.name} is left, and no run names it`);
  }

  #podsOf(runUid: string): Stored[] {
    return this.#options.store.list(PODS, undefined, (pod) => identityOf(pod)?.runUid === runUid);
  }

  #planOf(run: string, task: string): TaskPlan | undefined {
    return this.#options.plan.runs.find(({ name }) => name === run)?.tasks.find(({ name }) => name === task);
  }

  #judgeCreation(object: Stored): void {
    const owner = object.metadata.ownerReferences?.find(({ kind, controller }) => controller && kind === "Pipeline");
    const identity = identityOf(object);
    if (owner === undefined || identity === undefined) return;
    const { run: name, runUid, task, attempt } = identity;
    const key = `${runUid}/${task}/${attempt}`;
    const run = this.#options.store.list(PIPELINES).find(({ metadata }) => metadata.uid === runUid);
    // A pod of which nothing was recorded and that somebody else deleted has left no trace that anybody could go by.
    const recorded = (run?.status as PipelineStatus | undefined)?.tasks?.[task]?.attempt ?? 0;
    const isTraced = recorded >= attempt || this.#isThere(runUid, task, attempt, object.metadata.uid);
    if (this.#attempts.has(key) && isTraced)
      this.violate("I-1", `attempt ${attempt} of ${name}/${task} was started twice`);
    this.#attempts.add(key);
    const plan = this.#planOf(name, task);
    if (run === undefined || plan === undefined) return;
    if (isEnded(run)) this.violate("I-3", `${name}/${task} was started after its run had ended`);
    for (const dependency of plan.depends)
      if (!this.#isSatisfied(run, dependency))
        this.violate("I-2", `${name}/${task} was started before ${dependency} had ended well`);
    this.#judgeParallelism(runUid, name);
    if (plan.kind !== "Pod") return;
    const most = 1 + plan.retries + plan.infrastructureRetries;
    if (attempt > most) this.violate("I-11", `${name}/${task} was tried ${attempt} times; ${most} are allowed`);
    const others = this.#podsOf(runUid).filter(
      (pod) =>
        pod.metadata.uid !== object.metadata.uid &&
        identityOf(pod)?.task === task &&
        isLive(pod) &&
        pod.metadata.deletionTimestamp === undefined,
    );
    if (others.length > 0)
      this.violate("I-1", `${name}/${task} attempt ${attempt} was started while ${others[0]?.metadata.name} runs`);
    // What a node that is cut off has not told yet nobody can count.
    const untold = new Set(this.#podsOf(runUid).flatMap((pod) => (isLive(pod) ? [pod.metadata.uid] : [])));
    const failures = this.#truthsOf(runUid, task).filter(
      ({ end, byCluster, podUid }) => end === "failed" && !byCluster && !untold.has(podUid),
    );
    if (failures.length > plan.retries)
      this.violate(
        "I-1",
        `${name}/${task} was tried again after ${failures.length} failures; it has ${plan.retries} retries`,
      );
  }

  /** Whether another object of the attempt is still there. */
  #isThere(runUid: string, task: string, attempt: number, uid: string): boolean {
    return [PODS, JOBS].some((resource) =>
      this.#options.store.list(resource).some((other) => {
        const identity = identityOf(other);
        const isSame = identity?.runUid === runUid && identity.task === task && identity.attempt === attempt;
        const isOwned = other.metadata.ownerReferences?.some(({ kind }) => kind === "Pipeline");
        return isSame && isOwned === true && other.metadata.uid !== uid;
      }),
    );
  }

  #judgeParallelism(runUid: string, name: string): void {
    const most = this.#options.plan.runs.find((run) => run.name === name)?.parallelism;
    if (most === undefined) return;
    // Pods that a controller made go with their object, a moment after it.
    const isOwned = ({ metadata }: Stored): boolean =>
      metadata.ownerReferences?.some(({ kind, uid }) => kind === "Pipeline" && uid === runUid) ?? false;
    const { store } = this.#options;
    const objects = [...store.list(PODS).filter(isLive), ...store.list(JOBS).filter(isUnfinished)].filter(isOwned);
    const tasks = new Set(objects.map((object) => identityOf(object)?.task));
    if (tasks.size > most) this.violate("I-11", `${name} has ${tasks.size} tasks at work; ${most} are allowed`);
  }

  /** Who deletes a run for its age must not be early. */
  #judgeExpiry({ metadata, status }: Stored): void {
    const ttl = this.#options.plan.runs.find(({ name }) => name === metadata.name)?.ttl;
    const endedAt = Date.parse((status as PipelineStatus | undefined)?.completionTime ?? "");
    if (ttl === undefined || !(this.#options.time.wallMs() >= endedAt + ttl * 1000 - ROUNDING_MS))
      this.violate("I-11", `run ${metadata.name} was deleted before its time`);
  }

  #truthsOf(runUid: string, task: string): Truth[] {
    return this.#options.truths().filter((truth) => truth.runUid === runUid && truth.task === task);
  }

  /** Whether somebody who reads the cluster can see that a task has ended well (I-2). */
  #isSatisfied(run: Stored, task: string): boolean {
    const { uid } = run.metadata;
    const record = (run.status as PipelineStatus | undefined)?.tasks?.[task];
    if (record?.state === "executed") return true;
    if (this.#podsOf(uid).some((pod) => identityOf(pod)?.task === task && pod.status?.phase === "Succeeded"))
      return true;
    return this.#options.store.list(JOBS).some((job) => {
      const conditions = (job.status?.conditions ?? []) as { type: string }[];
      return (
        identityOf(job)?.runUid === uid &&
        identityOf(job)?.task === task &&
        conditions.some(({ type }) => type === "Complete")
      );
    });
  }

  #judgeStatus(run: Stored, before: Stored): void {
    const { name, uid } = run.metadata;
    const status = run.status as PipelineStatus | undefined;
    const previous = before.status as PipelineStatus | undefined;
    if (status === undefined || same(status, previous)) return;
    if (isEnded(before)) this.violate("I-3", `the status of ${name} changed after its end`);
    const writes = (this.#writes.get(uid) ?? 0) + 1;
    this.#writes.set(uid, writes);
    const tasks = Object.entries(status.tasks ?? {});
    const { counts } = status;
    if (counts !== undefined) {
      for (const state of ["waiting", "executing", "executed", "terminated"] as const) {
        const have = tasks.filter(([, record]) => record.state === state).length;
        if (counts[state] !== have)
          this.violate("I-6", `${name} counts ${counts[state]} ${state} tasks and has ${have}`);
      }
      if (counts.total !== tasks.length)
        this.violate("I-6", `${name} counts ${counts.total} tasks and has ${tasks.length}`);
    }
    for (const [task, record] of tasks) this.#judgeRecord(run, task, record, previous?.tasks?.[task]);
    if (status.phase === "TERMINATED" && status.reason === "RunTimeout") this.#judgeRunTimeout(run);
    if (status.phase === "TERMINATED" && status.reason === "TaskFailed") this.#judgeFailed(run, status);
    if (status.phase === "DONE" && tasks.some(([, { state }]) => state !== "executed"))
      this.violate("I-10", `${name} is DONE and not all of its tasks are executed`);
    if (isEnded(run) && tasks.some(([, { state }]) => state === "executing"))
      this.violate("I-6", `${name} has ended and tasks are still executing`);
  }

  #judgeRecord(run: Stored, task: string, record: TaskStatus, before: TaskStatus | undefined): void {
    const { name, uid } = run.metadata;
    const where = `${name}/${task}`;
    const isOver = before?.state === "executed" || before?.state === "terminated";
    if (isOver && !same(before, record))
      this.violate("I-3", `${where} was ${JSON.stringify(before)} and became ${JSON.stringify(record)}`);
    if (isOver) return;
    if ((record.attempt ?? 0) < (before?.attempt ?? 0))
      this.violate("I-3", `${where} went back to attempt ${record.attempt}`);
    if (record.state === "waiting" && record.reason === undefined)
      this.violate("I-4", `${where} waits without a reason`);
    const truths = this.#truthsOf(uid, task).filter(
      (truth) => truth.attempt === record.attempt || this.#planOf(name, task)?.kind === "Job",
    );
    if (record.state === "executed" && !truths.some(({ end }) => end === "succeeded"))
      this.violate("I-10", `${where} is recorded as executed, and no pod of attempt ${record.attempt} succeeded`);
    if (record.state !== "terminated") return;
    const isOwn = record.reason === "Error" || record.reason === "OOMKilled";
    if (isOwn && !truths.some(({ end, exitCode }) => end === "failed" && exitCode === record.exitCode))
      this.violate(
        "I-10",
        `${where} is recorded as failed with ${record.exitCode}, and no pod of attempt ${record.attempt} did`,
      );
    if (record.reason === "Timeout") this.#judgeTimeout(run, task);
    this.#judgeLoss(run, task, record);
  }

  #judgeRunTimeout({ metadata: { name, uid } }: Stored): void {
    const timeout = this.#options.plan.runs.find((run) => run.name === name)?.timeout ?? Number.POSITIVE_INFINITY;
    const ranMs = this.#options.time.nowMs - (this.#createdMs.get(uid) ?? 0);
    if (ranMs < timeout * 1000 - ROUNDING_MS) this.violate("I-10", `${name} timed out after ${Math.round(ranMs)} ms`);
  }

  /** A run that goes on after failures must have run all that did not depend on one, unless it was told to stop or its time was over. */
  #judgeFailed({ metadata: { name, uid }, spec }: Stored, { tasks = {} }: PipelineStatus): void {
    const run = this.#options.plan.runs.find((one) => one.name === name);
    if (run?.failurePolicy !== "Continue" || spec?.stop === true) return;
    const ranMs = this.#options.time.nowMs - (this.#createdMs.get(uid) ?? 0);
    if (ranMs >= (run.timeout ?? Number.POSITIVE_INFINITY) * 1000) return;
    const isBlocked = (task: string): boolean =>
      run.tasks
        .find((plan) => plan.name === task)
        ?.depends.some((other) => tasks[other]?.state === "terminated" || isBlocked(other)) ?? false;
    for (const [task, { state }] of Object.entries(tasks))
      if (state === "waiting" && !isBlocked(task))
        this.violate("I-10", `${name} ended, and ${task} was not run although nothing before it had failed`);
  }

  /** What the cluster takes away is not a failure of the task while there are attempts for that. */
  #judgeLoss(run: Stored, task: string, { reason }: TaskStatus): void {
    const { name, uid } = run.metadata;
    const plan = this.#planOf(name, task);
    const tasks = Object.entries((run.status as PipelineStatus | undefined)?.tasks ?? {});
    const isTold = run.spec?.stop === true || run.spec?.cancel === true;
    const isEnding = isTold || (isEnded(run) && run.status?.reason !== "TaskFailed");
    const others = tasks.filter(([other, { state }]) => other !== task && state === "terminated");
    if (plan?.kind !== "Pod" || !LOSSES.has(reason ?? "") || isEnding || others.length > 0) return;
    const losses = new Set(
      this.#truthsOf(uid, task)
        .filter(({ byCluster, podUid }) => byCluster || this.#goneUnseen.has(podUid))
        .map(({ podUid }) => podUid),
    );
    if (losses.size <= plan.infrastructureRetries)
      this.violate(
        "I-10",
        `${name}/${task} failed as ${reason} after ${losses.size} losses; ${plan.infrastructureRetries} are free`,
      );
  }

  /** A timeout must not come early, whatever clocks say. */
  #judgeTimeout(run: Stored, task: string): void {
    const { name, uid } = run.metadata;
    const plan = this.#planOf(name, task);
    if (plan === undefined) return;
    const ends = plan.depends.map(
      (dependency) => this.#truthsOf(uid, dependency).find(({ end }) => end === "succeeded")?.atMs ?? 0,
    );
    const readyMs = Math.max(this.#createdMs.get(uid) ?? 0, ...ends);
    const waitedMs = this.#options.time.nowMs - readyMs;
    if (waitedMs < (plan.timeout ?? 0) * 1000 - ROUNDING_MS)
      this.violate("I-10", `${name}/${task} timed out after ${Math.round(waitedMs)} ms; it has ${plan.timeout} s`);
  }
}

/** Whether a batch Job has no end yet. */
function isUnfinished({ status }: Stored): boolean {
  return status?.conditions === undefined;
}

function isEnded({ status }: Stored): boolean {
  return status?.phase === "DONE" || status?.phase === "TERMINATED";
}

/** The key of the run that a request of an operator is about; undefined for what is about none, such as a snapshot. */
function runOf(path: string, body: Buffer | undefined): string | undefined {
  const parts = /^\/apis?\/.*?namespaces\/([^/]+)\/(pipelines|pods|jobs)(?:\/([^/?]+))?/.exec(path);
  if (parts === null) return undefined;
  const [, namespace, plural, name] = parts;
  if (plural === "pipelines") return `${namespace}/${name}`;
  if (name !== undefined) return `${namespace}/${name.split("--")[0]}`;
  const owner = body === undefined ? undefined : identityOf(JSON.parse(body.toString("utf8")) as Stored);
  return owner === undefined ? undefined : `${namespace}/${owner.run}`;
}
