import type { Pipeline, Task } from "../../crds/generated/types.ts";
import type { Definition } from "../../crds/snapshot.ts";
import type { KubeObject } from "../../kube/resource.ts";
import type { Caches } from "./caches.ts";
import type { CachedEvent } from "./core-event.ts";
import { GroupIndex } from "./group-index.ts";
import type { CachedJob } from "./job.ts";
import type { CachedPod } from "./pod.ts";

/** A run and the tasks it has, in the order of its definition. */
export interface Run {
  pipeline: Pipeline;
  tasks: readonly Task[];
  /** Where its tasks see the job's files, if not at `<root>/<job id>` (O-153). */
  workPath?: string;
}

/** What the routes see of the cluster. Runs that are being deleted are not there any more (O-211). */
export interface ClusterView {
  /** Changes whenever anything that `pipelines` and `runOf` tell may have changed. */
  readonly runsVersion: number;
  run(id: string): Run | undefined;
  pipelines(): Pipeline[];
  runOf(pipeline: Pipeline): Run;
  job(id: string): CachedJob | undefined;
  jobs(): CachedJob[];
  pod(name: string): CachedPod | undefined;
  /** Pods of a run by its UID: a deleted run of the same name had another one. */
  podsOf(runUid: string): CachedPod[];
  /** Events about the object of that name, of whatever kind. */
  eventsOf(object: string): CachedEvent[];
  /** Calls `fn` with a run's UID after each change of that run or of a pod of it, until the returned function is called. */
  onChange(fn: (runUid: string) => void): () => void;
  /** Makes what we have just written visible at once. */
  noteRun(raw: KubeObject): void;
  noteRunDeleted(uid: string): void;
  noteSnapshot(raw: KubeObject): void;
}

/** The view over the caches of one namespace; to be made before they start. */
export function clusterView(caches: Caches, namespace: string): ClusterView {
  const podsByRun = new GroupIndex(caches.pods, (pod) => pod.runUid);
  const eventsByObject = new GroupIndex(caches.events, (event) => event.object || undefined);
  const jobsById = new GroupIndex(caches.jobs, (job) => job.id);
  const isThere = (pipeline: Pipeline): boolean => pipeline.metadata.deletionTimestamp === undefined;

  let runsVersion = 0;
  for (const cache of [caches.pipelines, caches.snapshots, caches.jobs] as const) {
    cache.onChange(() => {
      runsVersion += 1;
    });
  }

  const view: ClusterView = {
    get runsVersion() {
      return runsVersion;
    },
    run(id) {
      const pipeline = caches.pipelines.get(`${namespace}/${id}`);
      return pipeline !== undefined && isThere(pipeline) ? view.runOf(pipeline) : undefined;
    },
    pipelines: () => [...caches.pipelines.list()].filter(isThere),
    runOf(pipeline) {
      const workPath = frozenOf(pipeline)?.workPath;
      return { pipeline, tasks: tasksOf(pipeline), ...(workPath === undefined ? {} : { workPath }) };
    },
    job: (id) => jobsById.of(id)[0],
    jobs: () => [...caches.jobs.list()],
    pod(name) {
      const pod = caches.pods.get(`${namespace}/${name}`);
      return pod?.runUid === undefined ? undefined : pod;
    },
    podsOf: (runUid) => podsByRun.of(runUid),
    eventsOf: (object) => eventsByObject.of(object),
    onChange(fn) {
      const stops = [
        caches.pipelines.onChange(({ object }) => fn(object.metadata.uid)),
        caches.pods.onChange(({ object }) => fn(object.runUid ?? "")),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    noteRun: (raw) => caches.pipelines.noteWritten(raw),
    noteRunDeleted: (uid) => caches.pipelines.noteDeleted(uid),
    noteSnapshot: (raw) => caches.snapshots.noteWritten(raw),
  };

  /** The definition in the snapshot that the run has, or was launched with. */
  function frozenOf({ spec, status }: Pipeline): Definition | undefined {
    const name = status?.snapshot ?? spec.snapshot;
    return name === undefined ? undefined : caches.snapshots.get(`${namespace}/${name}`)?.definition;
  }

  /** The run's own tasks, its snapshot's, or, while there is none, the Job's as it is now. */
  function tasksOf(pipeline: Pipeline): readonly Task[] {
    const { spec, status } = pipeline;
    if (spec.tasks !== undefined) return spec.tasks;
    const frozen = frozenOf(pipeline);
    if (frozen !== undefined) return frozen.tasks;
    const job = spec.job === undefined ? undefined : view.job(spec.job);
    const tasks = job?.spec.tasks ?? [];
    if (status?.tasks === undefined) return tasks;
    // The snapshot is gone, or has not come in yet. The Job stands in for it only if it still is what was run.
    if (status.version !== undefined && job?.version === status.version) return tasks;
    return Object.keys(status.tasks).map((name) => ({ name, image: "", command: [] }));
  }

  return view;
}
