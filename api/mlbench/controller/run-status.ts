import type { PipelineStatus, TaskStatus, WorkerRank, WorkersStatus } from "../../../crds/generated/types.ts";
import type { CommandEnd } from "../runs/managed-run.ts";
import { RUN_TASK, type StoredPipeline } from "../runs/run-spec.ts";

/** Longest texts that the schema takes. */
const MAX_MESSAGE = 1024;
const MAX_TASK_MESSAGE = 256;

/** What is written before the first object of a run is made (M-47). */
export function startedStatus(run: StoredPipeline, name: string, now: string): PipelineStatus {
  return {
    phase: "RUNNING",
    progress: "0/1",
    startTime: now,
    observedGeneration: run.metadata.generation ?? 1,
    workers: { name },
    ...taskPart(run, { state: "executing", attempt: 1, startTime: now, pod: `${name}-0` }),
  };
}

/** What is written before the command is started: where it is, and that it is to be started now (M-42, M-47). */
export function placedStatus(workers: WorkersStatus, now: string, allRanks: boolean): PipelineStatus {
  const ranks = workers.ranks?.map((rank, index) => (index === 0 || allRanks ? { ...rank, started: now } : rank));
  return { workers: { ...workers, ...(ranks === undefined ? {} : { ranks }) } };
}

/** How a run ended; `end` says it of its command, where it had been started. */
export function endedStatus(
  run: StoredPipeline,
  reason: string | undefined,
  end: CommandEnd | undefined,
  now: string,
): PipelineStatus {
  const ok = reason === undefined;
  const last = run.status?.tasks?.[taskName(run)];
  const ranks = withExits(run.status?.workers?.ranks, end);
  const exitCode = end?.ranks.find(({ exitStatus }) => exitStatus !== null && (ok || exitStatus !== 0))?.exitStatus;
  return {
    phase: ok ? "DONE" : "TERMINATED",
    progress: ok ? "1/1" : "0/1",
    completionTime: now,
    observedGeneration: run.metadata.generation ?? 1,
    ...(ok ? {} : { message: reason.slice(0, MAX_MESSAGE), reason: "Failed" }),
    conditions: [
      { type: "Complete", status: ok ? "True" : "False", lastTransitionTime: now },
      { type: "Failed", status: ok ? "False" : "True", lastTransitionTime: now },
    ],
    ...(ranks === undefined || run.status?.workers === undefined ? {} : { workers: { ...run.status.workers, ranks } }),
    ...taskPart(run, {
      ...last,
      state: ok ? "executed" : "terminated",
      completionTime: now,
      ...(exitCode === undefined || exitCode === null ? {} : { exitCode }),
      ...(ok ? {} : { reason: "Failed", message: reason.slice(0, MAX_TASK_MESSAGE) }),
    }),
  };
}

function withExits(ranks: WorkerRank[] | undefined, end: CommandEnd | undefined): WorkerRank[] | undefined {
  return ranks?.map((rank, index) => {
    const exitStatus = end?.ranks[index]?.exitStatus;
    return exitStatus === undefined || exitStatus === null ? rank : { ...rank, exitStatus };
  });
}

/** The one task as the Odin view shows it (M-43). */
function taskPart(run: StoredPipeline, task: TaskStatus): Pick<PipelineStatus, "tasks" | "counts"> {
  const counts = { total: 1, waiting: 0, executing: 0, executed: 0, terminated: 0 };
  return { tasks: { [taskName(run)]: task }, counts: { ...counts, [task.state]: 1 } };
}

function taskName({ spec }: StoredPipeline): string {
  return spec.tasks?.[0]?.name ?? RUN_TASK;
}
