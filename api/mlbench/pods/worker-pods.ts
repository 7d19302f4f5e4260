import type { Registry } from "prom-client";
import type { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { Informer } from "../../../kube/informer.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { MlbenchPods, PodRecord } from "../../../store/mlbench-pods.ts";
import { PodRecorder } from "./pod-recorder.ts";
import { createdMs, projectWorker, recordOfWorker, type WorkerObject } from "./worker-object.ts";

interface WorkerPodsParts {
  client: KubeClient;
  records: MlbenchPods;
  /** Where workers are, and their label `release` (M-16). */
  settings: { namespace: string; release: string };
  logger: Logger;
  registry: Registry;
}

/** The selector of worker pods, whoever created them (M-16). */
export function workerSelector(release: string): string {
  return `app=mlbench,component=worker,release=${release}`;
}

/** The worker pods: those that are there, from a watch (M-18), and those that were, from the store (M-64). */
export class WorkerPods {
  readonly informer: Informer<WorkerObject>;
  readonly #records: MlbenchPods;
  readonly #recorder: PodRecorder;

  constructor({ client, records, settings, logger, registry }: WorkerPodsParts) {
    const { namespace, release } = settings;
    const labelSelector = workerSelector(release);
    this.informer = new Informer<WorkerObject>({
      ...{ client, namespace, labelSelector, logger, registry },
      resource: POD,
      project: projectWorker,
    });
    this.#records = records;
    this.#recorder = new PodRecorder({ pods: this.informer, records, logger });
  }

  get hasSynced(): boolean {
    return this.informer.hasSynced;
  }

  start(): void {
    this.informer.start();
    this.#recorder.start();
  }

  async stop(): Promise<void> {
    await this.informer.stop();
    await this.#recorder.stop();
  }

  /** The pods that are there and not being deleted, oldest first (M-15). */
  live(): WorkerObject[] {
    const live = [...this.informer.list()].filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    return live.sort(byAge);
  }

  /** The one live pod whose own address that is; undefined if that is no worker's, or the address is shared with others. */
  at(address: string): WorkerObject | undefined {
    if (address === "") return undefined;
    for (const pod of this.informer.list()) {
      const hasEnded = pod.phase === "Succeeded" || pod.phase === "Failed";
      if (pod.ip === address && !pod.hostNetwork && !hasEnded) return pod;
    }
    return undefined;
  }

  /** The newest pod of a name, there or gone (M-64). Rejects with a `StoreProblem` where the store has to be asked and is out of reach. */
  async newest(name: string): Promise<PodRecord | undefined> {
    const there = [...this.informer.list()].filter(({ metadata }) => metadata.name === name).sort(byAge);
    const last = there.at(-1);
    return last === undefined ? await this.#records.newest(name) : recordOfWorker(last);
  }

  /** All pods that a run has had, oldest first. */
  async ofRun(run: number): Promise<PodRecord[]> {
    const known = new Map((await this.#records.ofRun(run)).map((record) => [record.uid, record]));
    for (const pod of this.informer.list()) if (pod.run === run) known.set(pod.metadata.uid, recordOfWorker(pod));
    return [...known.values()].sort((a, b) => a.createdAt - b.createdAt || compare(a.name, b.name));
  }
}

function byAge(a: WorkerObject, b: WorkerObject): number {
  return createdMs(a.metadata) - createdMs(b.metadata) || compare(a.metadata.name, b.metadata.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
