import type { Task, TaskStatus } from "../../crds/generated/types.ts";
import type { FailurePolicy } from "../../crds/run-policy.ts";
import type { TaskDefaults } from "../../crds/task-defaults.ts";
import type { ObjectResource } from "../../crds/task-kinds.ts";

/** Something that is wrong, and since when by the API server's clock (ISO). */
export interface Trouble {
  since: string;
  message: string;
}

/** The object of one attempt at a task (a pod, a PyTorchJob, …), reduced to what decisions need. */
export interface ObservedObject {
  /** What it is and where it lives. */
  resource: ObjectResource;
  name: string;
  uid: string;
  task: string;
  attempt: number;
  /** Key under which the cache is to remember what the attempt leaves, if it succeeds (O-200). */
  cacheKey?: string;
  /** When the API server created it. */
  createdAt: string;
  phase: "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";
  /** Asked to go, but still there. */
  deleting: boolean;
  /** By when it should have gone, once it was asked to (ISO). */
  goneBy?: string;
  /** No longer there; what is known is from before. */
  gone: boolean;
  /** The node it was given to. */
  node?: string;
  /** What is wrong with that node. */
  nodeTrouble?: Trouble;
  /** Why it does not run, where something is in the way; `since` where it is judged by how long that has been so. */
  waiting?: { reason: string; message: string; since?: string };
  /** It is not waited for any longer although it has not ended: `phase` and `ended` are our judgement. */
  givenUp?: boolean;
  /** Pods made for it that still run although it has ended; workers that wait for ever would keep their GPUs. */
  leftovers?: readonly ObservedObject[];
  /** Who is taking it away, where the cluster has said so before it ended. */
  disrupted?: { reason: string; message: string };
  /** The task's own container has ended and others that were put beside it still run. */
  lingers?: boolean;
  /** How it ended. */
  ended?: {
    reason?: string;
    message?: string;
    exitCode?: number;
    terminationMessage?: string;
    at?: string;
    /** Name of the signal that ended it. */
    signal?: string;
    /** The pod that says so, where the object has several. */
    pod?: string;
  };
}

/** A warning that the scheduler, a kubelet or a controller gave about an object of a run or a pod of one. */
export interface ObservedWarning {
  id: string;
  task: string;
  reason: string;
  message: string;
  source: string;
  time: string;
  count: number;
}

/** What is run: the frozen definition, with everything that follows from it alone. */
export interface Plan {
  job?: string;
  version?: string;
  snapshot?: string;
  tasks: readonly Task[];
  /** Names of the job's files. */
  files: readonly string[];
  /** Where tasks see the job's files, if not at `<root>/<job id>` (O-153). */
  workPath?: string;
  /** The files that lie directly in the jobs' root, and the snapshot that holds them (O-107). */
  rootFiles?: { snapshot: string; files: readonly string[] };
  failurePolicy: FailurePolicy;
  /** Seconds that the run may take, suspensions not counted; absent: no limit. */
  timeout?: number;
  /** Most tasks that have an object at a time; absent: no limit. */
  parallelism?: number;
  /** What the definition sets for tasks that do not say; a run's own defaults go before. */
  taskDefaults?: TaskDefaults;
  /** For how many bytes of messages and results the run's object has room; absent: for all that there can be. */
  textBytes?: number;
  /** Most runs of the job that go on at a time, where the definition says so; a live Job's own word wins. */
  parallelRuns?: number;
  /** Which of the objects exist that Odin's own programs are given; undefined: no task runs one (O-166). */
  odinObjects?: { credential: boolean; identity: boolean; sshConfig: boolean; knownHosts: boolean };
  /** By task: the tasks that must be executed first. */
  dependencies: ReadonlyMap<string, readonly string[]>;
}

/** The controls that a user may change while the run goes on. */
export interface Controls {
  suspend: boolean;
  /** Start nothing more and end when what runs has ended. */
  stop: boolean;
  cancel: boolean;
  /** Instead of the plan's limit. */
  parallelism?: number;
  cancelledBy?: string;
}

/** Why objects of a task are deleted by us, and what its record says then. */
export interface Stop {
  reason: "Cancelled" | "FailFast" | "RunTimeout" | "Timeout" | "PendingTimeout";
  message: string;
}

/** State of one task while a decision is made. */
export interface TaskView {
  task: Task;
  /** The record as it is to be written; the last persisted one until something changed. */
  record: TaskStatus;
  /** The object of the latest attempt, if there is one. */
  object?: ObservedObject;
}
