import type { Registry } from "prom-client";
import type { Pipeline } from "../../crds/generated/types.ts";
import { LABELS, MANAGED_BY } from "../../crds/names.ts";
import { JOB, PIPELINE } from "../../crds/resources.ts";
import type { KubeClient } from "../../kube/client.ts";
import { CONFIG_MAP, EVENT, POD, SECRET } from "../../kube/core-resources.ts";
import { Informer } from "../../kube/informer.ts";
import type { Logger } from "../../kube/logger.ts";
import type { KubeObject, ObjectMeta, Resource } from "../../kube/resource.ts";
import { readUserSecret, type StoredUser, USER_SECRET_TYPE, USER_SELECTOR } from "../auth/user.ts";
import { type CachedEvent, projectCoreEvent } from "./core-event.ts";
import { type CachedJob, projectJob } from "./job.ts";
import { type CachedPod, projectPod } from "./pod.ts";
import { projectRun } from "./run.ts";
import { type CachedSnapshot, projectSnapshot } from "./snapshot.ts";

/** What the facade reads from: projections of the objects of one namespace, kept current by watches. */
export interface Caches {
  pipelines: Informer<Pipeline>;
  jobs: Informer<CachedJob>;
  snapshots: Informer<CachedSnapshot>;
  pods: Informer<CachedPod>;
  events: Informer<CachedEvent>;
  users: Informer<StoredUser>;
}

interface CacheOptions {
  client: KubeClient;
  namespace: string;
  logger: Logger;
  registry: Registry;
}

/** Makes the caches; nothing is read before each is started. */
export function makeCaches({ client, namespace, logger, registry }: CacheOptions): Caches {
  const informer = <P extends { metadata: ObjectMeta }>(
    resource: Resource,
    project: (raw: KubeObject) => P,
    selectors: { labelSelector?: string; fieldSelector?: string } = {},
  ): Informer<P> => new Informer<P>({ client, resource, namespace, project, logger, registry, ...selectors });
  return {
    pipelines: informer(PIPELINE, projectRun),
    jobs: informer(JOB, projectJob),
    snapshots: informer(CONFIG_MAP, projectSnapshot, { labelSelector: `${LABELS.snapshot}=true` }),
    pods: informer(POD, projectPod, { labelSelector: `${LABELS.managedBy}=${MANAGED_BY}` }),
    events: informer(EVENT, projectCoreEvent, { fieldSelector: `involvedObject.kind!=${PIPELINE.kind}` }),
    users: informer(SECRET, readUserSecret, {
      labelSelector: USER_SELECTOR,
      fieldSelector: `type=${USER_SECRET_TYPE}`,
    }),
  };
}

/** Names of the caches that do not hold what the API server holds yet. */
export function unsynced(caches: Caches): string[] {
  return Object.entries(caches).flatMap(([name, informer]) => (informer.hasSynced ? [] : [name]));
}
