import type { Registry } from "prom-client";
import { PIPELINE } from "../../../crds/resources.ts";
import { TASK_KIND_FACTS } from "../../../crds/task-kinds.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { NAMESPACE, POD } from "../../../kube/core-resources.ts";
import { Informer } from "../../../kube/informer.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { Change } from "../../../kube/object-cache.ts";
import type { KubeObject, ObjectMeta, Resource } from "../../../kube/resource.ts";
import { type BatchJobState, projectBatchJob } from "./batch-job-state.ts";
import { NamedNamespaces } from "./named-namespaces.ts";
import { type NamespaceState, projectNamespace } from "./namespace-state.ts";
import { type PodFacts, projectPodFacts } from "./pod-facts.ts";
import { projectRunState, type RunState } from "./run-state.ts";

/** The objects of one kind in several namespaces, or in all. */
export interface Collection<P> {
  get(key: string): P | undefined;
  list(): Iterable<P>;
  onChange(handler: (change: Change<P>) => void): void;
  /** Version up to which everything that happened in a namespace is known; undefined: the namespace is not watched. */
  versionOf(namespace: string): string | undefined;
}

/** What jobs are made from: projections of the objects of the watched namespaces, kept current by watches. */
export interface JobCaches {
  pods: Collection<PodFacts>;
  runs: Collection<RunState>;
  batchJobs: Collection<BatchJobState>;
  namespaces: Omit<Collection<NamespaceState>, "versionOf">;
  start(): void;
  /** What is not known yet, in words. */
  unsynced(): string[];
  /** Resolves when everything is known; rejects if they are stopped before. */
  synced: Promise<unknown>;
  stop(): Promise<void>;
}

/** Namespaces of Kubernetes itself, whose pods are no jobs unless they are named in the settings (C-70). */
const OWN_NAMESPACES = ["kube-system", "kube-public", "kube-node-lease"];

/** Whether pods of a namespace are jobs (C-70); `namespaces` undefined: of all but those of Kubernetes itself. */
export function isWatched(namespace: string, namespaces: readonly string[] | undefined): boolean {
  return namespaces === undefined ? !OWN_NAMESPACES.includes(namespace) : namespaces.includes(namespace);
}

/** Makes the caches; nothing is read before they are started. */
export function makeJobCaches(options: {
  client: KubeClient;
  /** Undefined: all. */
  namespaces: readonly string[] | undefined;
  logger: Logger;
  registry: Registry;
}): JobCaches {
  const { namespaces, ...rest } = options;
  const informers: [name: string, informer: Pick<Informer<never>, "start" | "stop" | "synced" | "hasSynced">][] = [];
  const named = (names: readonly string[]): JobCaches["namespaces"] => {
    const looked = new NamedNamespaces({ ...rest, names });
    informers.push(["namespaces", looked]);
    return looked;
  };
  const collection = <P extends { metadata: ObjectMeta }>(
    resource: Resource,
    project: (raw: KubeObject, known?: P) => P,
  ): Collection<P> => {
    const made = (namespaces ?? [undefined]).map((namespace) => {
      const informer = new Informer<P>({
        ...{ ...rest, resource, project },
        ...(namespace === undefined ? {} : { namespace }),
      });
      informers.push([resource.plural, informer]);
      return [namespace, informer] as const;
    });
    const byNamespace = new Map(made);
    const of = (namespace: string): Informer<P> | undefined => byNamespace.get(namespace) ?? byNamespace.get(undefined);
    return {
      get: (key) => of(key.split("/")[0] ?? "")?.get(key),
      *list() {
        for (const [, informer] of made) yield* informer.list();
      },
      onChange(handler) {
        for (const [, informer] of made) informer.onChange(handler);
      },
      versionOf: (namespace) => of(namespace)?.resourceVersion,
    };
  };
  const caches = {
    pods: collection(POD, projectPodFacts),
    runs: collection(PIPELINE, projectRunState),
    batchJobs: collection(TASK_KIND_FACTS.Job.resources[0], projectBatchJob),
    namespaces: namespaces === undefined ? collection(NAMESPACE, projectNamespace) : named(namespaces),
  };
  const synced = Promise.all(informers.map(([, informer]) => informer.synced));
  // Whoever waits for it is told; nobody has to.
  synced.catch(() => undefined);
  return {
    ...caches,
    synced,
    start() {
      for (const [, informer] of informers) informer.start();
    },
    unsynced: () => [...new Set(informers.flatMap(([name, informer]) => (informer.hasSynced ? [] : [name])))],
    async stop() {
      await Promise.all(informers.map(([, informer]) => informer.stop()));
    },
  };
}
