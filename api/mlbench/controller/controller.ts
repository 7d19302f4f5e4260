import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Registry } from "prom-client";
import { LABELS, MLBENCH_MANAGER, MLBENCH_VIEW } from "../../../crds/names.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { LeaderElection, type LeaderElectionOptions } from "../../../kube/lease.ts";
import type { Logger } from "../../../kube/logger.ts";
import { WorkQueue } from "../../../kube/queue.ts";
import { collectionPath, type KubeObject } from "../../../kube/resource.ts";
import type { MlbenchOutput } from "../../../store/mlbench-output.ts";
import { type WorkerPods, workerSelector } from "../pods/worker-pods.ts";
import type { RunCommandEvents, RunCommands } from "../runs/managed-run.ts";
import type { Register } from "../runs/register.ts";
import type { RunSettings } from "../runs/run-settings.ts";
import type { StoredPipeline } from "../runs/run-spec.ts";
import type { MlbenchRuns } from "../runs/runs.ts";
import { RunWork } from "./run-work.ts";
import { WorkerObjects } from "./worker-objects.ts";

/** What the controller is made of. */
export interface ControllerParts {
  client: KubeClient;
  runs: MlbenchRuns;
  pods: Pick<WorkerPods, "informer">;
  register: Pick<Register, "take" | "release">;
  output: MlbenchOutput;
  settings: RunSettings;
  /** Makes what carries out commands; once each time that this process becomes the active one. */
  commands(events: RunCommandEvents): RunCommands;
  /** Removes from the store what belongs to a run that is being deleted; to be repeated where it rejects (M-58). */
  forget(run: StoredPipeline): Promise<void>;
  /** Told when this process becomes the active one, and when it is not any more (M-70). */
  onActive?: (isActive: boolean) => void;
  logger: Logger;
  registry?: Registry;
  lease?: Pick<LeaderElectionOptions, "leaseDurationMs" | "renewDeadlineMs" | "retryPeriodMs">;
}

/** Runs that are worked on at the same time. */
const WORKERS = 16;
const DRAIN_MS = 10_000;
const REFRESH_RETRY_MS = 1_000;
/** A run whose work failed is looked at again no later than this. */
const BACKOFF = { baseMs: 100, capMs: 30_000 };

/**
 * The part that carries out runs (M-42 to M-60). One instance is active at a time, by a lease; everything it needs to go on is in the Pipelines, in the
 * pods and in the store, so that any other can take over at any point. It looks at one run at a time, at what its object says and at what is there,
 * and does the next thing.
 */
export class MlbenchController {
  readonly #parts: ControllerParts;
  readonly #election: LeaderElection;
  readonly #objects: WorkerObjects;
  readonly #queue: WorkQueue;
  readonly #guarded: KubeClient;
  readonly #stopping = new AbortController();
  /** What this process does while it is the active one. */
  #work: RunWork | undefined;
  #running: Promise<void> | undefined;
  #ending: Promise<unknown> = Promise.resolve();
  /** Counts how often the lease was won or lost: a beginning that has taken long may be out of date. */
  #turn = 0;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    const { client, settings, logger, registry, runs, pods } = parts;
    const { namespace, release } = settings;
    this.#election = new LeaderElection({
      ...{ client, namespace, logger },
      name: `${release}-mlbench`,
      identity: `${hostname()}-${randomUUID().slice(0, 8)}`,
      ...(registry === undefined ? {} : { registry }),
      ...parts.lease,
      onStarted: () => void this.#begin(),
      onStopped: () => this.#end(),
    });
    this.#guarded = client.guarded(() => this.#election.isLeader());
    this.#objects = new WorkerObjects({
      ...{ namespace, logger, client: this.#guarded },
      labelSelector: workerSelector(release),
      ...(registry === undefined ? {} : { registry }),
    });
    this.#queue = new WorkQueue({
      name: "mlbench-runs",
      concurrency: WORKERS,
      handler: async (key) => await this.#work?.look(key),
      backoff: BACKOFF,
      logger,
      ...(registry === undefined ? {} : { registry }),
    });
    const touchOwner = (owner: { name: string } | undefined): void => {
      if (owner !== undefined) this.#touch(`${namespace}/${owner.name}`);
    };
    runs.informer.onChange(({ key, type }) => {
      this.#touch(key);
      // Somebody may have waited for its workers, or for its name.
      if (type === "deleted") this.#work?.freed();
    });
    this.#objects.sets.onChange(({ object, type }) => {
      touchOwner(object.owner);
      if (type === "deleted") this.#work?.nameFreed(object.metadata.name);
    });
    this.#objects.services.onChange(({ object, type }) => {
      touchOwner(object.owner);
      if (type === "deleted") this.#work?.nameFreed(object.metadata.name);
    });
    pods.informer.onChange(({ object: { run } }) => {
      const found = run === undefined ? undefined : runs.ofAnyState(run);
      if (found !== undefined) this.#touch(`${namespace}/${found.metadata.name}`);
    });
  }

  /** Whether this process is the active one and has begun to work. */
  get isActive(): boolean {
    return this.#work !== undefined && this.#election.isLeader();
  }

  /** Follows what there is, and stands for election. */
  start(): void {
    this.#objects.start();
    this.#queue.start();
    this.#running ??= this.#election.run(this.#stopping.signal);
  }

  /** Gives the lease up; commands go on, and the next controller follows them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const drained = this.#queue.drain(DRAIN_MS);
    this.#end();
    await drained;
    await this.#ending;
    await this.#running;
    await this.#objects.stop();
  }

  #touch(key: string): void {
    if (this.#work !== undefined) this.#queue.add(key);
  }

  /** Takes up every run as it is now: what the one before wrote last may not have come in yet. */
  async #begin(): Promise<void> {
    const { client, runs, pods, settings, logger, commands, output, register, forget } = this.#parts;
    this.#turn += 1;
    const turn = this.#turn;
    const { signal } = this.#stopping;
    const isCurrent = (): boolean => turn === this.#turn && !signal.aborted && this.#election.isLeader();
    await this.#ending;
    while (isCurrent()) {
      try {
        await Promise.all([
          runs.informer.synced,
          pods.informer.synced,
          this.#objects.sets.synced,
          this.#objects.services.synced,
        ]);
        const { items } = await client.listAll<KubeObject>(collectionPath(PIPELINE, settings.namespace), {
          labelSelector: `${LABELS.view}=${MLBENCH_VIEW}`,
          signal,
        });
        for (const item of items) runs.noteWritten(item);
        break;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: String(error) }, "the runs of MLBench could not be listed; trying again");
        await delay(REFRESH_RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    if (!isCurrent()) return;
    const work = new RunWork({
      ...{ runs, pods, settings, logger, output, register, forget },
      client: this.#guarded,
      objects: this.#objects,
      touch: (key, afterMs) => this.#queue.add(key, afterMs === undefined ? {} : { afterMs }),
      makeCommands: (events) => commands(events),
    });
    this.#work = work;
    this.#parts.onActive?.(true);
    logger.info({ manager: MLBENCH_MANAGER, namespace: settings.namespace }, "carrying out the runs of MLBench");
    for (const { metadata } of runs.informer.list()) this.#touch(`${settings.namespace}/${metadata.name}`);
  }

  #end(): void {
    this.#turn += 1;
    const work = this.#work;
    this.#work = undefined;
    if (work === undefined) return;
    this.#parts.onActive?.(false);
    this.#ending = Promise.all([this.#ending, work.end()]);
  }
}
