import type { ClusterView, Run } from "../../../../api/cache/cluster-view.ts";
import type { CachedEvent } from "../../../../api/cache/core-event.ts";
import type { CachedJob } from "../../../../api/cache/job.ts";
import type { CachedPod } from "../../../../api/cache/pod.ts";
import type { Pipeline, PipelineStatus, Task } from "../../../../crds/generated/types.ts";

/** The tasks of the document's example (§19). */
export const SST2_TASKS: Task[] = [
  {
    name: "sst2",
    image: "meadml/mead2-gpu:latest",
    command: ["mead-train"],
    args: ["--basedir", "${RUN_PATH}/${TASK_ID}", "--config", "${WORK_PATH}/${TASK_NAME}.yml"],
    mounts: [{ name: "data", path: "/data", claim: "data-rw-many" }],
    numGpus: 1,
  },
  {
    name: "after",
    image: "interactions/odin-ml:latest",
    command: ["odin-chores"],
    depends: ["sst2"],
    args: ["$WORK_PATH/after.yml", "--label", "$TASK_ID"],
    pullPolicy: "Always",
  },
];

export const RUN_ID = "sst2-4k2m9xq1j";
export const VERSION = "0123456789abcdef0123456789abcdef01234567";

/** A status as the operator writes it while the first task runs. */
export const RUNNING: PipelineStatus = {
  phase: "RUNNING",
  job: "sst2",
  version: VERSION,
  snapshot: "odin-sst2-0123456789ab",
  counts: { total: 2, waiting: 1, executing: 1, executed: 0, terminated: 0 },
  message: "waiting for sst2",
  tasks: {
    sst2: { state: "executing", attempt: 1, pod: `${RUN_ID}--sst2`, startTime: "2019-08-08T23:32:51.244Z" },
    after: { state: "waiting", reason: "Dependencies", message: "waiting for sst2" },
  },
};

/** A run of the example with a status. */
export function sampleRun(status?: PipelineStatus, more: Partial<Pipeline["metadata"]> = {}): Run {
  const pipeline: Pipeline = {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: {
      name: RUN_ID,
      namespace: "ns",
      uid: "uid-1",
      resourceVersion: "1",
      creationTimestamp: "2019-08-08T23:32:50.900Z",
      ...more,
    },
    spec: { job: "sst2", user: "dpressel" },
    ...(status === undefined ? {} : { status }),
  };
  return { pipeline, tasks: SST2_TASKS };
}

/** A pod of the example's run. */
export function samplePod(
  task: string,
  more: Partial<CachedPod> & { name?: string; createdAt?: string } = {},
): CachedPod {
  const { name = `${RUN_ID}--${task}`, createdAt = "2019-08-08T23:32:51Z", ...rest } = more;
  return {
    metadata: { name, namespace: "ns", uid: `uid-${name}`, resourceVersion: "1", creationTimestamp: createdAt },
    runUid: "uid-1",
    runName: RUN_ID,
    task,
    attempt: 1,
    container: "main",
    scheduled: true,
    started: true,
    ended: false,
    ...rest,
  };
}

/** A core event of a pod. */
export function sampleEvent(pod: string, more: Partial<CachedEvent> & { uid?: string } = {}): CachedEvent {
  const { uid = "event-1", ...rest } = more;
  return {
    metadata: { name: uid, namespace: "ns", uid, resourceVersion: "1" },
    object: pod,
    type: "Normal",
    reason: "BackOff",
    source: "kubelet,dpressel",
    message: 'Back-off pulling image "meadml/mead2-gpu:latest"',
    time: "2019-08-16T06:24:10Z",
    ...rest,
  };
}

/** A view of runs, jobs, pods and events that a test holds in its hand. */
export class SampleView implements ClusterView {
  readonly runs = new Map<string, Run>();
  readonly jobList: CachedJob[] = [];
  pods: CachedPod[] = [];
  events: CachedEvent[] = [];
  readonly noted: string[] = [];
  runsVersion = 0;
  readonly #listeners = new Set<(uid: string) => void>();

  constructor(...runs: Run[]) {
    for (const run of runs) this.runs.set(run.pipeline.metadata.name, run);
  }

  run(id: string): Run | undefined {
    return this.runs.get(id);
  }
  pipelines(): Pipeline[] {
    return [...this.runs.values()].map(({ pipeline }) => pipeline);
  }
  runOf(pipeline: Pipeline): Run {
    return { pipeline, tasks: this.runs.get(pipeline.metadata.name)?.tasks ?? [] };
  }
  job(id: string): CachedJob | undefined {
    return this.jobList.find((job) => job.id === id);
  }
  jobs(): CachedJob[] {
    return [...this.jobList];
  }
  pod(name: string): CachedPod | undefined {
    return this.pods.find((pod) => pod.metadata.name === name);
  }
  podsOf(runUid: string): CachedPod[] {
    return this.pods.filter((pod) => pod.runUid === runUid);
  }
  eventsOf(pod: string): CachedEvent[] {
    return this.events.filter((event) => event.object === pod);
  }
  onChange(fn: (runUid: string) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }
  noteRun(raw: { metadata: { name: string } }): void {
    this.noted.push(raw.metadata.name);
  }
  noteRunDeleted(uid: string): void {
    this.noted.push(uid);
  }
  noteSnapshot(raw: { metadata: { name: string } }): void {
    this.noted.push(raw.metadata.name);
  }

  /** Tells the listeners that a run changed. */
  changed(runUid = "uid-1"): void {
    this.runsVersion += 1;
    for (const fn of this.#listeners) fn(runUid);
  }
  get listeners(): number {
    return this.#listeners.size;
  }
}
