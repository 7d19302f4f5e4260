import { resolve } from "node:path";
import type { Condition } from "../crds/generated/types.ts";
import { JOB, PIPELINE } from "../crds/resources.ts";
import { isKubeError } from "../kube/errors.ts";
import type { Change as ObjectChange } from "../kube/object-cache.ts";
import { objectPath } from "../kube/resource.ts";
import type { Store } from "../store/store.ts";
import { LogKeeper } from "./act/archive.ts";
import { ArchiveSweep } from "./act/archive-sweep.ts";
import { CoreEvents } from "./act/core-events.ts";
import { TaskCache } from "./cache/task-cache.ts";
import type { CachedJob } from "./cached-job.ts";
import type { CachedRun } from "./cached-run.ts";
import { type Caches, makeCaches, startCompanions, stopCompanions } from "./caches.ts";
import type { CachedObject } from "./kinds/object-state.ts";
import type { PodSettings } from "./kinds/pod-template.ts";
import type { Metrics } from "./metrics.ts";
import { DurableOperator, type DurableOperatorOptions } from "./operator.ts";
import { PlanSource } from "./plan-source.ts";
import { Reconciler } from "./reconcile.ts";
import type { Change, ResourceWatch } from "./resource-watch.ts";
import { SnapshotSweep } from "./snapshot-sweep.ts";

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
  /** Pause before a task's second attempt; 10 s if left out. */
  retryPauseMs?: number;
  metrics: Metrics;
  /** Time between two looks at which kinds the cluster serves; by default half a minute. */
  lookEveryMs?: number;
}

/** Runs Pipelines and judges Jobs. */
export class PipelineOperator extends DurableOperator {
  readonly #options: PipelineOperatorOptions;
  readonly #caches: Caches;
  readonly #reconciler: Reconciler;
  readonly #sweep: SnapshotSweep;
  readonly #cache: TaskCache | undefined;
  readonly #logs: LogKeeper | undefined;
  readonly #archiveSweep: ArchiveSweep | undefined;
  #runs: ResourceWatch<CachedRun> | undefined;

  constructor(options: PipelineOperatorOptions) {
    super(options);
    this.#options = options;
    const { client, logger, namespace, taskSecrets, pods, metrics } = options;
    this.#caches = makeCaches(options);
    const plans = new PlanSource({
      client,
      caches: this.#caches,
      taskSecrets,
      filesAreLive: pods.sharedVolume !== undefined,
    });
    const events = new CoreEvents(client, logger);
    const { store, logRetentionDays: retentionDays = 0 } = options;
    if (store !== undefined) {
      const { logs: archive } = store;
      this.#logs = new LogKeeper({ client, caches: this.#caches, archive, events, metrics, logger });
      this.#archiveSweep = new ArchiveSweep({ store, caches: this.#caches, namespace, retentionDays, logger });
    }
    const { sharedVolume, paths } = pods;
    this.#cache =
      sharedVolume && new TaskCache({ shared: sharedVolume, paths, logger, onAnswer: (key) => this.#runs?.touch(key) });
    this.#reconciler = new Reconciler({
      client,
      caches: this.#caches,
      plans,
      events,
      pods,
      logger,
      metrics,
      ...(this.#logs === undefined ? {} : { logs: this.#logs }),
      ...(this.#cache === undefined ? {} : { cache: this.#cache }),
      ...(options.retryPauseMs === undefined ? {} : { retryPauseMs: options.retryPauseMs }),
    });
    this.#sweep = new SnapshotSweep({ client, caches: this.#caches, plans, logger });
  }

  protected override async init(): Promise<void> {
    if (this.#options.installDefinitions) await this.#installDefinitions();
    const { namespace } = this.#options;
    const [, runs] = await Promise.all([
      startCompanions(this.#caches),
      this.follow<CachedRun>(PIPELINE, (change) => this.#runChanged(change), namespace, {
        informer: this.#caches.runs,
      }),
      this.follow<CachedJob>(JOB, (change) => this.#jobChanged(change), namespace, { informer: this.#caches.jobs }),
    ]);
    this.#runs = runs;
    this.#caches.pods.onChange((change) => this.#objectChanged(change));
    this.#caches.kinds.onChange((change) => this.#objectChanged(change));
    this.#caches.pods.onChange(({ type, object }) => this.#logs?.podChanged(type, object));
    this.#caches.warnings.onChange(({ type, object }) => {
      if (type !== "deleted") this.#touchRunOf(`${object.metadata.namespace}/${object.object}`, object.objectUid);
    });
  }

  override begin(): void {
    super.begin();
    this.#sweep.start();
    this.#logs?.begin();
    this.#archiveSweep?.start();
  }

  override async stop(): Promise<void> {
    this.#sweep.stop();
    await super.stop();
    await this.#cache?.stop();
    await Promise.all([this.#logs?.stop(), this.#archiveSweep?.stop()]);
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

  async #runChanged({ key, type, object }: Change<CachedRun>): Promise<{ requeueAfterMs: number } | undefined> {
    if (type === "deleted") {
      this.#reconciler.forget(key, object.metadata.uid);
      this.#sweep.soon();
      this.#archiveSweep?.runGone(object.metadata.uid);
      return undefined;
    }
    return await this.#reconciler.reconcile(key);
  }

  async #jobChanged({ type, object }: Change<CachedJob>): Promise<undefined> {
    if (type === "deleted") {
      this.#sweep.soon();
      return undefined;
    }
    for (const key of this.#reconciler.waitingForJob()) this.#runs?.touch(key);
    await this.#judge(object);
    return undefined;
  }

  /** Says on the Job whether it can be run; once for each generation. */
  async #judge(job: CachedJob): Promise<void> {
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
      await this.client.patch(objectPath(JOB, namespace, name, "status"), "merge", body, { lane: "status" });
    } catch (error) {
      if (!isKubeError(error, "notFound")) throw error;
    }
  }

  #objectChanged({ type, object, previous }: ObjectChange<CachedObject>): void {
    if (object.run === undefined) return;
    const { namespace } = object.metadata;
    const key = `${namespace}/${object.run.name}`;
    const run = this.#caches.runs.get(key);
    if (run?.active === undefined || run.metadata.uid !== object.run.uid) {
      // The run has ended or is gone: nothing will ask for its objects again.
      if (this.#caches.runs.hasSynced) this.#caches.objectsByRun.forget({ namespace, uid: object.run.uid });
    } else if (type !== "modified" || matters(previous, object)) {
      this.#runs?.touch(key);
    }
    const freed = type === "deleted" || object.state.phase === "Succeeded" || object.state.phase === "Failed";
    // Something in the namespace was freed: tasks that quota held back may fit now (F-12).
    if (freed) for (const held of this.#reconciler.wakeHeld(namespace)) this.#runs?.touch(held);
  }

  #touchRunOf(objectKey: string, uid: string): void {
    if (uid === "") return;
    const pod = this.#caches.pods.get(objectKey);
    const object = pod?.metadata.uid === uid ? pod : this.#caches.kinds.find(objectKey, uid);
    if (object?.run !== undefined) this.#runs?.touch(`${object.metadata.namespace}/${object.run.name}`);
  }
}

/** Whether a change of an object can change its task's record; most steps of a start cannot. */
function matters(previous: CachedObject | undefined, object: CachedObject): boolean {
  if (previous === undefined) return true;
  const { state: a } = previous;
  const { state: b } = object;
  return a.phase !== b.phase || a.deleting !== b.deleting || a.waiting?.reason !== b.waiting?.reason || a.uid !== b.uid;
}
