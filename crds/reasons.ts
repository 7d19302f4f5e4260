/** What a reason means for the task that carries it. */
export interface Reason {
  /**
   * `waiting`: the task will go on by itself or when the cause is mended; `failed`: it ended; `lost`: the infrastructure took an attempt, and the
   * task is tried again or ended; `ended`: it ended as asked.
   */
  class: "waiting" | "failed" | "lost" | "ended";
  /** What it means and what to do, for the reference page. */
  meaning: string;
}

/** Every reason that a task or a run can carry, by name; reasons that the kubelet gives (`ErrImagePull`, …) are passed through. */
export const REASONS = {
  Dependencies: { class: "waiting", meaning: "Other tasks must end first; the message names the next one." },
  Suspended: { class: "waiting", meaning: "`spec.suspend` is true; set it to false to go on." },
  JobNotFound: {
    class: "waiting",
    meaning: "The run names a Job that is not there. Create it within ten seconds, or the run ends.",
  },
  VolumeUnavailable: {
    class: "waiting",
    meaning: "The operator cannot make the run's directories on the shared volume; tried again every few seconds.",
  },
  Unschedulable: { class: "waiting", meaning: "No node can take the pod now; the scheduler's message says why." },
  QuotaExceeded: {
    class: "waiting",
    meaning: "A ResourceQuota of the namespace is used up; tried again with growing intervals.",
  },
  ApiUnavailable: {
    class: "waiting",
    meaning: "The API server did not take the pod; tried again with growing intervals.",
  },
  RunParallelism: {
    class: "waiting",
    meaning: "As many tasks of the run are executing as its `parallelism` allows; starts when one of them ends.",
  },
  NamespaceParallelism: {
    class: "waiting",
    meaning:
      "As many tasks are executing in the namespace as the operator allows (`--namespace-parallelism`); runs of higher priority, then older ones, go first.",
  },
  JobParallelism: {
    class: "waiting",
    meaning:
      "As many runs of the job go on as its `parallelRuns` allows; the message names them. Runs of higher priority, then older ones, go first.",
  },
  Forbidden: {
    class: "waiting",
    meaning:
      "The operator lacks the right to create the task's object; the message names it. Tried again with growing intervals, up to a minute.",
  },
  KindNotWatched: {
    class: "waiting",
    meaning: "The operator cannot watch objects of the task's kind yet, for example because it lacks the right to.",
  },
  ObjectSuspended: { class: "waiting", meaning: "The task's object is suspended, by a queue or by hand." },
  NoPodsYet: {
    class: "waiting",
    meaning: "Nobody has made pods for the task's object; the operator for that kind may not be running.",
  },
  PodFailed: { class: "waiting", meaning: "A pod of the task failed and its object is to make another." },
  NameInUse: {
    class: "waiting",
    meaning: "A pod of a deleted run of the same name is still being removed; goes on by itself when it is gone.",
  },
  Starting: {
    class: "waiting",
    meaning:
      "Nothing is in its way: its object is being made, or is in a moment, where many tasks of the run became ready at once.",
  },
  CacheLookup: {
    class: "waiting",
    meaning: "Its inputs and outputs are compared with those of earlier runs; large ones take their time.",
  },
  NodeNotReady: {
    class: "waiting",
    meaning:
      "The pod's node is gone or not ready. The task goes on if the node comes back within `ODIN_NODE_LOST_TIMEOUT`, and is tried again elsewhere if not.",
  },
  Retrying: {
    class: "waiting",
    meaning:
      "An attempt failed and the task has another one; the message says why it failed and when the next begins. After a loss to the infrastructure the reason of that stands here instead (`Evicted`, `PodDeleted`, …).",
  },
  NotStarted: { class: "ended", meaning: "The run ended before the task could start." },
  Cancelled: { class: "ended", meaning: "The run was cancelled." },
  FailFast: { class: "ended", meaning: "Another task failed and the run's `failurePolicy` is `FailFast`." },
  Stopped: { class: "ended", meaning: "The run was told to stop: what ran has finished, nothing else was started." },
  EarlyExit: { class: "ended", meaning: "A task asked for the run to end early, successfully." },
  Cached: {
    class: "ended",
    meaning:
      "The task was skipped: an earlier run with the same command, arguments, image and inputs left outputs that are still the same.",
  },
  Completed: { class: "ended", meaning: "All tasks ended well." },
  Invalid: {
    class: "failed",
    meaning: "The definition cannot be run; the message names the first problem and its place.",
  },
  TaskFailed: { class: "failed", meaning: "A task failed; the message is that of the first failure." },
  Error: { class: "failed", meaning: "The container ended with an exit code other than 0." },
  Signal: {
    class: "failed",
    meaning: "A signal ended the container (exit codes 129 to 159); the message names it.",
  },
  OOMKilled: { class: "failed", meaning: "The container used more memory than its limit." },
  StorageLimitExceeded: {
    class: "failed",
    meaning:
      "The pod used more local storage than one of its limits or an `emptyDir`'s `sizeLimit`, and was evicted for that.",
  },
  DeadlineExceeded: { class: "failed", meaning: "The pod ran longer than a deadline that somebody set on it." },
  Evicted: {
    class: "lost",
    meaning:
      "The node took the pod away to save its own resources, or somebody had it evicted, for example to drain the node.",
  },
  Preempted: { class: "lost", meaning: "The pod had to make room for one of higher priority." },
  NodeTainted: {
    class: "lost",
    meaning: "The node got a taint that the pod does not tolerate, for example because it was unreachable.",
  },
  NodeShutdown: { class: "lost", meaning: "The node was shut down." },
  NodeLost: {
    class: "lost",
    meaning: "The pod's node is gone, or was not ready for longer than `ODIN_NODE_LOST_TIMEOUT`.",
  },
  PodDeleted: { class: "lost", meaning: "Somebody deleted the pod while the task ran." },
  Disrupted: { class: "lost", meaning: "The cluster took the pod away for another reason; the message has it." },
  ContainerStatusUnknown: {
    class: "lost",
    meaning: "The node lost track of the container, mostly because it was restarted.",
  },
  UnexpectedAdmissionError: {
    class: "lost",
    meaning:
      "The node did not take the pod that the scheduler gave it. So do `TopologyAffinityError`, `NodeAffinity`, and `OutOfcpu`, `OutOfmemory`, `OutOfpods` and the like for each resource.",
  },
  Timeout: {
    class: "failed",
    meaning: "The task had not ended when its `timeout` was over; the message says what it was last waiting for.",
  },
  PendingTimeout: {
    class: "failed",
    meaning:
      "The task's pod did not begin to run within its `pendingTimeout`; the message says what it was last waiting for.",
  },
  RunTimeout: {
    class: "failed",
    meaning: "The run had not ended when its `timeout` was over; what ran was stopped, and its logs were kept.",
  },
  NotRetried: {
    class: "failed",
    meaning: "An attempt failed, and the task was not tried again because its run was ending.",
  },
  ObjectDeleted: { class: "failed", meaning: "Somebody deleted the task's object while it ran." },
  KindNotServed: {
    class: "failed",
    meaning: "The cluster does not serve the kind that the task is to be run as; the message names what to install.",
  },
  InvalidImageName: { class: "failed", meaning: "The image's name is not one; the task is not tried again." },
  ErrImageNeverPull: {
    class: "failed",
    meaning: "`pullPolicy` is `Never` and the node does not have the image; the task is not tried again.",
  },
  CreateContainerConfigError: {
    class: "failed",
    meaning:
      "The container cannot be made from what the task and its image say, or without a Secret or ConfigMap that is not there; a reason to wait for a minute, then a failure.",
  },
  NameCollision: {
    class: "failed",
    meaning: "An object of the pod's name exists that is not ours; rename it or the task.",
  },
  AdmissionDenied: { class: "failed", meaning: "An admission policy refused the pod; the message is the policy's." },
  PodInvalid: {
    class: "failed",
    meaning: "The API server refused the task's pod, or other object, as invalid; the message names the field.",
  },
  ReferenceNotFound: { class: "failed", meaning: "The task refers to a value that the other task did not hand back." },
  SnapshotLost: { class: "failed", meaning: "The ConfigMap with the run's definition was deleted." },
  StatusTooLarge: { class: "failed", meaning: "The run's status would not fit an object of the API server." },
} as const satisfies Record<string, Reason>;

export type ReasonName = keyof typeof REASONS;
