import type { Registry } from "prom-client";
import { LABELS, MANAGED_BY } from "../crds/names.ts";
import { JOB, PIPELINE } from "../crds/resources.ts";
import type { KubeClient } from "../kube/client.ts";
import { CONFIG_MAP, EVENT, POD } from "../kube/core-resources.ts";
import { Informer, type InformerOptions } from "../kube/informer.ts";
import type { KeptMetadata } from "../kube/kept-metadata.ts";
import type { Logger } from "../kube/logger.ts";
import type { Change } from "../kube/object-cache.ts";
import type { KubeObject, Resource } from "../kube/resource.ts";
import { type CachedJob, projectJob } from "./cached-job.ts";
import { type CachedRun, isOurs, projectRun } from "./cached-run.ts";
import { type CachedSnapshot, projectSnapshot } from "./cached-snapshot.ts";
import { KindWatches } from "./kind-watches.ts";
import type { CachedObject } from "./kinds/object-state.ts";
import { type CachedPod, projectPod } from "./kinds/pod-state.ts";
import { NodeWatch } from "./node-watch.ts";
import { ObjectIndex } from "./object-index.ts";
import { type CachedWarning, projectWarning, WARNING_SELECTOR, WarningIndex } from "./warnings.ts";

/** What the operator reads from: a projection of every object that matters, kept current by watches. */
export interface Caches {
  runs: Informer<CachedRun>;
  jobs: Informer<CachedJob>;
  pods: Informer<CachedPod>;
  snapshots: Informer<CachedSnapshot>;
  warnings: Informer<CachedWarning>;
  /** Objects of tasks that are not pods. */
  kinds: KindWatches;
  /** Which nodes are lost. */
  nodes: NodeWatch;
  objectsByRun: ObjectIndex;
  warningsByObject: WarningIndex;
}

export interface CacheOptions {
  client: KubeClient;
  /** The namespace to watch; undefined: all. */
  namespace: string | undefined;
  logger: Logger;
  registry: Registry;
  /** Time between two looks at which kinds the cluster serves; by default half a minute. */
  lookEveryMs?: number;
  /** Told of each version of a run as the server gave it, before it is reduced; must be quick. */
  onRun?: (raw: KubeObject) => void;
}

/** The API server sends no bookmarks for events: a watch that is silent must end in order before it is taken for dead. */
const EVENT_WATCH_SECONDS = [60, 80] as const;

/** Makes the caches; nothing is read before they are started. */
export function makeCaches({ client, namespace, logger, registry, lookEveryMs, onRun }: CacheOptions): Caches {
  const informer = <P extends { metadata: KeptMetadata }>(
    resource: Resource,
    project: (raw: KubeObject, known?: P) => P,
    selector: Pick<InformerOptions<P>, "labelSelector" | "fieldSelector" | "timings" | "wants"> = {},
  ): Informer<P> =>
    new Informer<P>({
      client,
      resource,
      project,
      logger,
      registry,
      ...selector,
      ...(namespace === undefined ? {} : { namespace }),
    });
  const caches: Caches = {
    runs: informer(
      PIPELINE,
      (raw) => {
        onRun?.(raw);
        return projectRun(raw);
      },
      { wants: isOurs },
    ),
    jobs: informer(JOB, projectJob),
    pods: informer(POD, projectPod, { labelSelector: `${LABELS.managedBy}=${MANAGED_BY}` }),
    snapshots: informer(CONFIG_MAP, projectSnapshot, { labelSelector: `${LABELS.snapshot}=true` }),
    warnings: informer(EVENT, projectWarning, {
      fieldSelector: WARNING_SELECTOR,
      timings: { watchSeconds: EVENT_WATCH_SECONDS },
    }),
    kinds: new KindWatches({
      client,
      namespace,
      logger,
      registry,
      ...(lookEveryMs === undefined ? {} : { lookEveryMs }),
    }),
    nodes: new NodeWatch({ client, logger, registry }),
    objectsByRun: new ObjectIndex(),
    warningsByObject: new WarningIndex(),
  };
  const index = ({ type, object, previous }: Change<CachedObject>): void => {
    if (type === "deleted") caches.objectsByRun.remove(previous ?? object);
    else caches.objectsByRun.set(object);
  };
  caches.pods.onChange(index);
  caches.kinds.onChange(index);
  caches.warnings.onChange(({ type, object }) => {
    if (type !== "deleted") caches.warningsByObject.add(object);
  });
  return caches;
}

/** The caches that are only read; those of runs and jobs have handlers and are started with them. */
function companions(
  caches: Caches,
): readonly { start(): void; readonly synced: Promise<void>; stop(): Promise<void> }[] {
  return [caches.pods, caches.snapshots, caches.warnings];
}

/** Starts the watches that have no handlers and resolves when their caches hold what the API server holds. */
export async function startCompanions(caches: Caches): Promise<void> {
  for (const informer of companions(caches)) informer.start();
  // A task is not kept from starting by what only matters when its node goes.
  caches.nodes.start();
  await Promise.all([caches.kinds.start(), ...companions(caches).map((informer) => informer.synced)]);
}

export async function stopCompanions(caches: Caches): Promise<void> {
  await Promise.all([
    caches.kinds.stop(),
    caches.nodes.stop(),
    ...companions(caches).map((informer) => informer.stop()),
  ]);
}

/** The Job that a run names: by its id, else by the name of the object. */
export function findJob(caches: Caches, namespace: string | undefined, id: string): CachedJob | undefined {
  const byName = caches.jobs.get(`${namespace}/${id}`);
  for (const job of caches.jobs.list()) {
    if (job.id === id && job.metadata.namespace === namespace) return job;
  }
  return byName;
}
