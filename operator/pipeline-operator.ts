import { resolve } from "node:path";
import type { Condition, TaskStatus } from "../crds/generated/types.ts";
import { JOB, PIPELINE } from "../crds/resources.ts";
import type { KubeClient } from "../kube/client.ts";
import { POD } from "../kube/core-resources.ts";
import { isKubeError } from "../kube/errors.ts";
import type { Change as ObjectChange } from "../kube/object-cache.ts";
import { objectPath } from "../kube/resource.ts";
import type { Store } from "../store/store.ts";
import { LogKeeper } from "./act/archive.ts";
import { makeArchiveMetrics } from "./act/archive-metrics.ts";
import { ArchiveSweep } from "./act/archive-sweep.ts";
import { CoreEvents } from "./act/core-events.ts";
import { RunKeeper } from "./act/run-keeper.ts";
import { TaskCache } from "./cache/task-cache.ts";
import type { CachedJob } from "./cached-job.ts";
import type { CachedRun } from "./cached-run.ts";
import { type Caches, makeCaches, startCompanions, stopCompanions } from "./caches.ts";
import { HeldShards, type ShardWorker } from "./held-shards.ts";
import type { CachedObject } from "./kinds/object-state.ts";
import type { CachedPod } from "./kinds/pod-state.ts";
import type { PodSettings } from "./kinds/pod-template.ts";
import type { Metrics } from "./metrics.ts";
import { DurableOperator, type DurableOperatorOptions } from "./operator.ts";
import { PlanSource } from "./plan-source.ts";
import { reasonLabel } from "./reason-label.ts";
import { Reconciler } from "./reconcile.ts";
import type { Change, ResourceWatch } from "./resource-watch.ts";
import { RunExpiry } from "./run-expiry.ts";
import { registerRunGauges } from "./run-gauges.ts";
import { RunTurns } from "./run-turns.ts";
import { SnapshotSweep } from "./snapshot-sweep.ts";
import { TaskSlots } from "./task-slots.ts";

const CRD_DIRECTORY = resolve(import.meta.dirname, "../../crds/generated");

export interface PipelineOperatorOptions extends DurableOperatorOptions {
  /** The namespace to work in; undefined: all. */
  namespace: string | undefined;
  /** Apply our CustomResourceDefinitions at start. */
  installDefinitions: boolean;
  taskSecrets: readonly string[];
  pods: PodSettings;
  /** Keeps the logs of ended tasks; without it they go with their pods. */
  store?: Store;
  /** Days for which logs are kept; 0 or absent: as long as their run. */
  logRetentionDays?: number;
  /** Days for which an ended run is kept when its object is gone; 0 or absent: not at all. */
  runRetentionDays?: number;
  /** Most bytes that logs may take up in the store, compressed; 0 or absent: any number. */
  maxLogBytes?: number;
  /** Pause before a task's second attempt; 10 s if left out. */
  retryPauseMs?: number;
  /** Attempts of a task that may be lost to the infrastructure where the task does not say; 3 if left out. */
  infrastructureRetries?: number;
  /** How long a node may be lost before its tasks are tried again; two minutes if left out, 0: for ever. */
  nodeLostMs?: number;
  metrics: Metrics;
  /** Most tasks of a namespace that have an object at a time; absent: no limit. */
  namespaceParallelism?: number;
  /** Seconds after its end for which a run is kept whose own spec and Job do not say; absent: for ever. */
  runTtlSeconds?: number;
  /** Time between two looks at which kinds the cluster serves; by default half a minute. */
  lookEveryMs?: number;
  /** How many shards the runs are divided into, and which of them may be written to now. By default one, always. */
  shards?: { count: number; holds: (shard: number) => boolean };
}

/** How long a shard that is given up may keep its runs busy. */
const HAND_OVER_MS = 10_000;
/** How long a snapshot is left alone after it was made or used, where several processes make them. */
const SHARED_YOUNG_MS = 5 * 60_000;

/** Runs Pipelines and judges Jobs. */
export class PipelineOperator extends DurableOperator {
  readonly #options: PipelineOperatorOptions;
  readonly #caches: Caches;
  readonly #shards: HeldShards;
  readonly #slots: TaskSlots;
  readonly #turns: RunTurns;
  readonly #expiry: RunExpiry;
  readonly #sweep: SnapshotSweep;
  readonly #cache: TaskCache | undefined;
  readonly #logs: LogKeeper | undefined;
  readonly #endedRuns: RunKeeper | undefined;
  readonly #archiveSweep: ArchiveSweep | undefined;
  /** Writes under way that no handler waits for. */
  readonly #beside = new Set<Promise<void>>();
  #runs: ResourceWatch<CachedRun> | undefined;
  #jobs: ResourceWatch<CachedJob> | undefined;

  constructor(options: PipelineOperatorOptions) {
    super(options);
    this.#options = options;
    const { client, logger, namespace, pods, metrics } = options;
    this.#caches = makeCaches({ ...options, onRun: (raw) => this.#endedRuns?.offer(raw) });
    const touch = (key: string): void => this.#runs?.touch(key);
    const owns = (key: string): boolean => this.#shards.has(key);
    this.#slots = new TaskSlots({ limit: options.namespaceParallelism, touch, owns });
    this.#caches.objectsByRun.onLive = (inNamespace, by) => this.#slots.changed(inNamespace, by);
    this.#turns = new RunTurns(this.#caches, touch);
    this.#expiry = new RunExpiry({
      ...{ clock: client.clock, caches: this.#caches, owns, logger },
      act: async (key, action) => {
        await this.#shards.work(key, (worker) => action(worker.client));
      },
      defaultTtl: options.runTtlSeconds,
      isArchived: (uid) => this.isArchived(uid),
    });
    const events = new CoreEvents(client, logger);
    const { store, logRetentionDays = 0, runRetentionDays = 0 } = options;
    if (store !== undefined) {
      const caches = this.#caches;
      const counted = makeArchiveMetrics(options.registry, {
        logs: () => this.#logs,
        runs: () => this.#endedRuns,
      });
      if (runRetentionDays > 0)
        this.#endedRuns = new RunKeeper({ client, caches, archive: store.runs, metrics: counted, logger, owns });
      this.#logs = new LogKeeper({
        ...{ client, caches, archive: store.logs, events, metrics, logger, owns },
        outlives: (uid) => this.#endedRuns?.holds(uid) ?? false,
        onFailure: counted.failed,
      });
      this.#archiveSweep = new ArchiveSweep({
        ...{ store, caches, namespace, logRetentionDays, runRetentionDays, logger },
        maxLogBytes: options.maxLogBytes ?? 0,
      });
    }
    const { sharedVolume, paths } = pods;
    this.#cache =
      sharedVolume && new TaskCache({ shared: sharedVolume, paths, logger, onAnswer: (key) => this.#runs?.touch(key) });
    this.#shards = new HeldShards(options.shards?.count ?? 1, (shard) => this.#workerOf(shard, events));
    registerRunGauges(options.registry, this.#caches, (run) => this.#shards.has(run));
    // Another process may be about to use what this one does not know of yet.
    const youngMs = this.#shards.count > 1 ? { youngMs: SHARED_YOUNG_MS } : {};
    const isClaimed = (namespace: string | undefined, name: string): boolean =>
      [...this.#shards.workers()].some(({ plans }) => plans.isClaimed(namespace, name));
    this.#sweep = new SnapshotSweep({ client, caches: this.#caches, plans: { isClaimed }, logger, ...youngMs });
  }

  /** What works on a shard from the moment it is taken. */
  #workerOf(shard: number, events: CoreEvents): ShardWorker {
    const { shards, taskSecrets, pods, logger, metrics, retryPauseMs, infrastructureRetries, nodeLostMs } =
      this.#options;
    const client = shards === undefined ? this.client : this.client.guarded(() => shards.holds(shard));
    const caches = this.#caches;
    const plans = new PlanSource({ client, caches, taskSecrets, filesAreLive: pods.sharedVolume !== undefined });
    const reconciler = new Reconciler({
      client,
      caches,
      plans,
      events,
      pods,
      slots: this.#slots,
      turns: this.#turns,
      logger,
      metrics,
      ...(this.#logs === undefined ? {} : { logs: this.#logs }),
      ...(this.#cache === undefined ? {} : { cache: this.#cache }),
      ...(retryPauseMs === undefined ? {} : { retryPauseMs }),
      ...(infrastructureRetries === undefined ? {} : { infrastructureRetries }),
      beside: async (key, action) => {
        const done = this.#shards.work(key, action).then(() => void this.#beside.delete(done));
        this.#beside.add(done);
        await done;
      },
      again: (key) => this.#runs?.touch(key),
      ...(nodeLostMs === undefined ? {} : { nodeLostMs }),
    });
    return { client, plans, reconciler };
  }

  protected override async init(): Promise<void> {
    if (this.#options.installDefinitions) await this.#installDefinitions();
    const { namespace } = this.#options;
    const owns = (key: string): boolean => this.#shards.has(key);
    const [, runs, jobs] = await Promise.all([
      startCompanions(this.#caches),
      this.follow<CachedRun>(PIPELINE, (change) => this.#runChanged(change), namespace, {
        informer: this.#caches.runs,
        owns,
      }),
      this.follow<CachedJob>(JOB, (change) => this.#jobChanged(change), namespace, {
        informer: this.#caches.jobs,
        owns,
      }),
    ]);
    this.#runs = runs;
    this.#jobs = jobs;
    this.#caches.runs.onChange(({ type, object }) => {
      // Also where another process works on the run: nobody here will ask for its objects again.
      if (type === "deleted" || object.active === undefined) this.#forgetObjects(object.metadata);
    });
    for (const { active, metadata } of this.#caches.runs.list())
      if (active === undefined) this.#forgetObjects(metadata);
    this.#caches.jobs.onChange(({ type }) => {
      if (type === "deleted") this.#sweep.soon();
      else this.#wakeWaitingForJob();
    });
    this.#caches.pods.onChange((change) => this.#objectChanged(change));
    this.#caches.kinds.onChange((change) => this.#objectChanged(change));
    this.#caches.pods.onChange(({ type, object }) => {
      if (object.run !== undefined && this.#shards.has(`${object.metadata.namespace}/${object.run.name}`))
        this.#logs?.podChanged(type, object);
    });
    this.#caches.nodes.onChange((node) => {
      for (const { state, run, metadata } of this.#caches.pods.list())
        if (state.node === node && run !== undefined) this.#runs?.touch(`${metadata.namespace}/${run.name}`);
    });
    this.#caches.warnings.onChange(({ type, object }) => {
      if (type !== "deleted") this.#touchRunOf(`${object.metadata.namespace}/${object.object}`, object.objectUid);
    });
  }

  /** Takes all shards: for a process that shares the work with no other. */
  override begin(): void {
    for (let shard = 0; shard < this.#shards.count; shard++) this.take(shard);
  }

  /** Acts on a shard from now on. Its runs are looked at anew: what another process did shows in what is stored. */
  take(shard: number): void {
    this.#shards.take(shard);
    super.begin();
    if (shard === 0) {
      this.#sweep.start();
      this.#archiveSweep?.start();
    }
    this.#logs?.begin();
    this.#endedRuns?.begin();
    this.#expiry.begin();
    this.#runs?.touchAll();
    this.#jobs?.touchAll();
  }

  /** Whether deleting a run's object loses nothing: its history and its logs are in the store, or there is none to put them in. */
  isArchived(uid: string): boolean {
    if (this.#logs?.owes(uid)) return false;
    return this.#endedRuns?.holds(uid) ?? true;
  }

  /** Stops acting on a shard and resolves when nothing is being done on it; what is under way is finished, for as long as ten seconds. */
  async giveUp(shard: number): Promise<void> {
    if (shard === 0) {
      this.#sweep.stop();
      await this.#archiveSweep?.stop();
    }
    const idle = await this.#shards.giveUp(shard, HAND_OVER_MS);
    if (!idle)
      this.log.warn({ shard, deadlineMs: HAND_OVER_MS }, "a shard is given up with runs still being worked on");
  }

  override async stop(): Promise<void> {
    this.#sweep.stop();
    this.#expiry.stop();
    await super.stop();
    await Promise.all(this.#beside);
    await this.#cache?.stop();
    await Promise.all([this.#logs?.stop(), this.#endedRuns?.stop(), this.#archiveSweep?.stop()]);
    await stopCompanions(this.#caches);
  }

  async #installDefinitions(): Promise<void> {
    for (const { plural, group } of [JOB, PIPELINE]) {
      try {
        await this.registerCustomResourceDefinition(resolve(CRD_DIRECTORY, `${plural}.${group}.yaml`));
      } catch (error) {
        if (!isKubeError(error, "forbidden")) throw error;
        this.log.warn(
          { definition: `${plural}.${group}` },
          "not allowed to apply the definition; going on with the one that is there",
        );
      }
    }
  }

  async #runChanged({
    key,
    type,
    object,
    queuedMs,
  }: Change<CachedRun>): Promise<{ requeueAfterMs: number } | undefined> {
    if (type === "deleted") {
      await this.#shards.work(key, async ({ reconciler }) => reconciler.forget(key, object.metadata.uid));
      this.#sweep.soon();
      const isKept = this.#endedRuns?.runGone(object.metadata.uid) ?? false;
      if (!isKept) this.#archiveSweep?.runGone(object.metadata.uid);
      return undefined;
    }
    return await this.#shards.work(key, ({ reconciler }) => reconciler.reconcile(key, queuedMs));
  }

  async #jobChanged({ key, type, object }: Change<CachedJob>): Promise<undefined> {
    if (type !== "deleted") await this.#shards.work(key, ({ client }) => this.#judge(client, object));
    return undefined;
  }

  /** A Job came or changed: runs that wait for one may go on, whichever shard the Job is of. */
  #wakeWaitingForJob(): void {
    for (const { reconciler } of this.#shards.workers())
      for (const key of reconciler.waitingForJob()) this.#runs?.touch(key);
  }

  #forgetObjects({ namespace, uid }: { namespace?: string; uid: string }): void {
    const { objectsByRun, warningsByObject } = this.#caches;
    for (const object of objectsByRun.forget({ namespace, uid })) warningsByObject.forget(object);
  }

  /** Says on the Job whether it can be run; once for each generation. */
  async #judge(client: KubeClient, job: CachedJob): Promise<void> {
    const { generation } = job;
    const { name, namespace } = job.metadata;
    const valid = job.problem === "";
    if (job.observedGeneration === generation && job.valid?.status === (valid ? "True" : "False")) return;
    const condition: Condition = {
      type: "Valid",
      status: valid ? "True" : "False",
      reason: valid ? "Valid" : "Invalid",
      message: valid ? `${job.taskCount} tasks` : job.problem,
      lastTransitionTime: new Date().toISOString(),
      observedGeneration: generation,
    };
    const body = { status: { conditions: [condition], observedGeneration: generation, tasks: job.taskCount } };
    try {
      await client.patch(objectPath(JOB, namespace, name, "status"), "merge", body, { lane: "status" });
    } catch (error) {
      if (!isKubeError(error, "notFound")) throw error;
    }
  }

  #objectChanged({ type, object, previous }: ObjectChange<CachedObject>): void {
    if (object.run === undefined) return;
    const { namespace } = object.metadata;
    const key = `${namespace}/${object.run.name}`;
    if (this.#shards.has(key)) this.#count(type, object, previous);
    const run = this.#caches.runs.get(key);
    if (run?.active === undefined || run.metadata.uid !== object.run.uid) {
      // The run has ended or is gone: nothing will ask for its objects again.
      if (this.#caches.runs.hasSynced) this.#caches.objectsByRun.forget({ namespace, uid: object.run.uid });
    } else if (type !== "modified" || matters(previous, object, run.active.status?.tasks?.[object.state.task])) {
      this.#runs?.touch(key);
    }
    const freed = type === "deleted" || object.state.phase === "Succeeded" || object.state.phase === "Failed";
    // Something in the namespace was freed: tasks that quota held back may fit now (F-12).
    if (!freed) return;
    for (const { reconciler } of this.#shards.workers())
      for (const held of reconciler.wakeHeld(namespace)) this.#runs?.touch(held);
  }

  /** Counts what a change says of an object's start; times are those of this process. */
  #count(type: ObjectChange<CachedObject>["type"], object: CachedObject, previous: CachedObject | undefined): void {
    const { starts, podPhases, podWaits } = this.#options.metrics;
    const { phase, waiting, uid, resource } = object.state;
    if (type === "deleted") {
      starts.gone(uid);
      return;
    }
    if (phase !== previous?.state.phase) {
      if (phase !== "Pending" && phase !== "Unknown") starts.running(uid, performance.now());
      if (resource === POD) podPhases.inc({ phase });
    }
    if (waiting !== undefined && waiting.reason !== previous?.state.waiting?.reason)
      podWaits.inc({ reason: reasonLabel(waiting.reason) });
  }

  #touchRunOf(objectKey: string, uid: string): void {
    if (uid === "") return;
    const pod = this.#caches.pods.get(objectKey);
    const object = pod?.metadata.uid === uid ? pod : this.#caches.kinds.find(objectKey, uid);
    if (object?.run !== undefined) this.#runs?.touch(`${object.metadata.namespace}/${object.run.name}`);
  }
}

/** Whether a pod was made by the controller of one of our objects. */
function isMember(object: CachedObject & Pick<Partial<CachedPod>, "member">): boolean {
  return object.member !== undefined;
}

/** Whether a change of an object can change its task's record, as it is stored; most steps of a start cannot. */
function matters(previous: CachedObject | undefined, object: CachedObject, record: TaskStatus | undefined): boolean {
  if (previous === undefined) return true;
  const { state: a } = previous;
  const { state: b } = object;
  // A record tells a pod that begins to run from one that was just made only by what it said that the pod waited for, be it in an event's words. The
  // pods of another object say how far that is, so theirs counts.
  const begins = a.phase === "Pending" && b.phase === "Running" && a.waiting === undefined;
  if (begins && b.resource === POD && !isMember(object) && record?.reason === undefined)
    return a.deleting !== b.deleting || a.uid !== b.uid;
  return a.phase !== b.phase || a.deleting !== b.deleting || a.waiting?.reason !== b.waiting?.reason || a.uid !== b.uid;
}
