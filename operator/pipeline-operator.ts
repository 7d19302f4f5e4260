import { resolve } from "node:path";
import type { RunEvent } from "../crds/generated/types.ts";
import { JOB, PIPELINE } from "../crds/resources.ts";
import { isKubeError } from "../kube/errors.ts";
import { CoreEvents } from "./act/core-events.ts";
import { type ArchiveParts, type ArchiveSettings, makeArchiveParts } from "./archive-parts.ts";
import { TaskCache } from "./cache/task-cache.ts";
import type { CachedJob } from "./cached-job.ts";
import type { CachedRun } from "./cached-run.ts";
import { type Caches, makeCaches, startCompanions, stopCompanions } from "./caches.ts";
import { HeldShards, type ShardWorker } from "./held-shards.ts";
import { judgeJob } from "./job-judge.ts";
import type { PodSettings } from "./kinds/pod-template.ts";
import type { Metrics } from "./metrics.ts";
import { ObjectChanges } from "./object-changes.ts";
import { DurableOperator, type DurableOperatorOptions } from "./operator.ts";
import { PlanSource } from "./plan-source.ts";
import { Reconciler } from "./reconcile.ts";
import type { Change, ResourceWatch } from "./resource-watch.ts";
import { RunExpiry } from "./run-expiry.ts";
import { registerRunGauges } from "./run-gauges.ts";
import { RunTurns } from "./run-turns.ts";
import { SnapshotSweep } from "./snapshot-sweep.ts";
import { TaskSlots } from "./task-slots.ts";

const CRD_DIRECTORY = resolve(import.meta.dirname, "../../crds/generated");

export interface PipelineOperatorOptions extends DurableOperatorOptions, ArchiveSettings {
  /** The namespace to work in; undefined: all. */
  namespace: string | undefined;
  /** Apply our CustomResourceDefinitions at start. */
  installDefinitions: boolean;
  taskSecrets: readonly string[];
  pods: PodSettings;
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
  readonly #archive: ArchiveParts;
  readonly #objects: ObjectChanges;
  /** Writes under way that no handler waits for. */
  readonly #beside = new Set<Promise<void>>();
  #runs: ResourceWatch<CachedRun> | undefined;
  #jobs: ResourceWatch<CachedJob> | undefined;

  constructor(options: PipelineOperatorOptions) {
    super(options);
    this.#options = options;
    const { client, logger, pods, metrics } = options;
    this.#caches = makeCaches({ ...options, onRun: (raw) => this.#archive.runs?.offer(raw) });
    const touch = (key: string): void => this.#runs?.touch(key);
    const owns = (key: string): boolean => this.#shards.has(key);
    this.#slots = new TaskSlots({ limit: options.namespaceParallelism, touch, owns });
    this.#caches.objectsByRun.onLive = (inNamespace, by) => this.#slots.changed(inNamespace, by);
    this.#turns = new RunTurns(this.#caches, touch);
    const events = new CoreEvents(client, logger);
    this.#expiry = new RunExpiry({
      ...{ clock: client.clock, caches: this.#caches, owns, logger },
      act: async (key, action) => {
        await this.#shards.work(key, (worker) => action(worker.client));
      },
      defaultTtl: options.runTtlSeconds,
      isArchived: (uid) => this.isArchived(uid),
      onHeld: (run) => events.tell(run, [notDeletedYet(run)]),
    });
    this.#archive = makeArchiveParts(options, { ...options, caches: this.#caches, events, owns });
    const { sharedVolume, paths } = pods;
    this.#cache =
      sharedVolume && new TaskCache({ shared: sharedVolume, paths, logger, onAnswer: (key) => this.#runs?.touch(key) });
    this.#shards = new HeldShards(options.shards?.count ?? 1, (shard) => this.#workerOf(shard, events));
    this.#objects = new ObjectChanges({ caches: this.#caches, shards: this.#shards, metrics, touch });
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
      ...(this.#archive.logs === undefined ? {} : { logs: this.#archive.logs }),
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
      if (type === "deleted" || object.active === undefined) this.#objects.forget(object.metadata);
    });
    for (const { active, metadata } of this.#caches.runs.list())
      if (active === undefined) this.#objects.forget(metadata);
    this.#caches.jobs.onChange(({ type }) => {
      if (type === "deleted") this.#sweep.soon();
      else this.#wakeWaitingForJob();
    });
    this.#caches.pods.onChange((change) => this.#objects.changed(change));
    this.#caches.kinds.onChange((change) => this.#objects.changed(change));
    this.#caches.pods.onChange(({ type, object }) => {
      if (object.run !== undefined && this.#shards.has(`${object.metadata.namespace}/${object.run.name}`))
        this.#archive.logs?.podChanged(type, object);
    });
    this.#caches.nodes.onChange((node) => {
      for (const { state, run, metadata } of this.#caches.pods.list())
        if (state.node === node && run !== undefined) this.#runs?.touch(`${metadata.namespace}/${run.name}`);
    });
    this.#caches.nodes.onSynced(() => {
      for (const { state, run, metadata } of this.#caches.pods.list())
        if (run !== undefined && state.node !== undefined && this.#caches.nodes.troubleOf(state.node) !== undefined)
          this.#runs?.touch(`${metadata.namespace}/${run.name}`);
    });
    this.#caches.warnings.onChange(({ type, object }) => {
      if (type !== "deleted") this.#objects.warned(`${object.metadata.namespace}/${object.object}`, object.objectUid);
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
      this.#archive.sweep?.start();
    }
    this.#archive.logs?.begin();
    this.#archive.runs?.begin();
    this.#expiry.begin();
    this.#runs?.touchAll();
    this.#jobs?.touchAll();
  }

  /** Whether deleting a run's object loses nothing: its history and its logs are in the store, or there is none to put them in. */
  isArchived(uid: string): boolean {
    if (this.#archive.logs?.owes(uid)) return false;
    return this.#archive.runs?.isDone(uid) ?? true;
  }

  /** Stops acting on a shard and resolves when nothing is being done on it; what is under way is finished, for as long as ten seconds. */
  async giveUp(shard: number): Promise<void> {
    if (shard === 0) {
      this.#sweep.stop();
      await this.#archive.sweep?.stop();
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
    await Promise.all([this.#archive.logs?.stop(), this.#archive.runs?.stop(), this.#archive.sweep?.stop()]);
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
      const isKept = this.#archive.runs?.runGone(object.metadata.uid) ?? false;
      if (!isKept) this.#archive.sweep?.runGone(object.metadata.uid);
      return undefined;
    }
    return await this.#shards.work(key, ({ reconciler }) => reconciler.reconcile(key, queuedMs));
  }

  async #jobChanged({ key, type, object }: Change<CachedJob>): Promise<undefined> {
    if (type !== "deleted") await this.#shards.work(key, ({ client }) => judgeJob(client, object));
    return undefined;
  }

  /** A Job came or changed: runs that wait for one may go on, whichever shard the Job is of. */
  #wakeWaitingForJob(): void {
    for (const { reconciler } of this.#shards.workers())
      for (const key of reconciler.waitingForJob()) this.#runs?.touch(key);
  }
}

/** Tells whoever wonders why an ended run is still there (F-36). */
function notDeletedYet({ metadata }: CachedRun): RunEvent {
  const message =
    "its time is over, but its logs or its history are not in the store yet; it is deleted when they are, and the operator's log says what keeps them";
  const told = { type: "Warning", reason: "NotDeletedYet", source: "odin", message } as const;
  return { id: `held-${metadata.uid}`, time: new Date().toISOString(), ...told };
}
