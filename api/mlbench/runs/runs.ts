import type { Registry } from "prom-client";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { LABELS, MLBENCH_MANAGER, MLBENCH_VIEW } from "../../../crds/names.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { Informer } from "../../../kube/informer.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import { ApplicationError } from "../mlbench-error.ts";
import { runIdOf, type StoredPipeline } from "./run-spec.ts";

/** What the list of runs is made from. */
export interface MlbenchRunsParts {
  client: KubeClient;
  namespace: string;
  logger: Logger;
  registry?: Registry;
}

/** The runs as the API server has them, kept current by a watch. A run exists exactly as long as its Pipeline does (M-42). */
export class MlbenchRuns {
  /** Every Pipeline of the view, those that are being deleted and those without an id included. */
  readonly informer: Informer<StoredPipeline>;
  readonly namespace: string;
  readonly #keys = new Map<number, string>();

  constructor({ client, namespace, logger, registry }: MlbenchRunsParts) {
    this.namespace = namespace;
    this.informer = new Informer<StoredPipeline>({
      ...{ client, namespace, logger },
      resource: PIPELINE,
      labelSelector: `${LABELS.view}=${MLBENCH_VIEW}`,
      // Without it, it is the operator's, whatever its label says.
      wants: (raw) => (raw as unknown as Pipeline).spec?.managedBy === MLBENCH_MANAGER,
      project: (raw) => raw as unknown as StoredPipeline,
      ...(registry === undefined ? {} : { registry }),
    });
    this.informer.onChange(({ type, key, object, previous }) => {
      for (const old of [object, previous]) {
        const id = old && runIdOf(old.metadata);
        if (id !== undefined && this.#keys.get(id) === key) this.#keys.delete(id);
      }
      const id = runIdOf(object.metadata);
      if (type !== "deleted" && id !== undefined) this.#keys.set(id, key);
    });
  }

  get hasSynced(): boolean {
    return this.informer.hasSynced;
  }

  start(): void {
    this.informer.start();
  }

  async stop(): Promise<void> {
    await this.informer.stop();
  }

  /** The runs that are there, by id: none that is being deleted (M-41). */
  all(): StoredPipeline[] {
    return [...this.informer.list()]
      .filter(isThere)
      .sort((a, b) => (runIdOf(a.metadata) ?? 0) - (runIdOf(b.metadata) ?? 0));
  }

  /** The run of that id, if it is there. */
  find(id: number): StoredPipeline | undefined {
    const run = this.ofAnyState(id);
    return run !== undefined && isThere(run) ? run : undefined;
  }

  /** The run of that id, also one that is being deleted. */
  ofAnyState(id: number): StoredPipeline | undefined {
    const key = this.#keys.get(id);
    return key === undefined ? undefined : this.informer.get(key);
  }

  /** The run that a path's key names; throws the 404 for one that is unknown or no integer (M-24, M-35). */
  ofKey(key: string | undefined): StoredPipeline {
    const run = key !== undefined && /^[0-9]{1,15}$/.test(key) ? this.find(Number(key)) : undefined;
    if (run === undefined) throw runNotFound();
    return run;
  }

  /** Makes what we have just written visible at once. */
  noteWritten(raw: KubeObject): void {
    this.informer.noteWritten(raw);
  }
}

/** The 404 for a run that is not there (M-24). */
export function runNotFound(): ApplicationError {
  return new ApplicationError(404, "Run not found");
}

function isThere({ metadata }: StoredPipeline): boolean {
  return metadata.deletionTimestamp === undefined && runIdOf(metadata) !== undefined;
}
