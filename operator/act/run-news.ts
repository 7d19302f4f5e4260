import type { Pipeline, PipelineStatus, RunEvent } from "../../crds/generated/types.ts";
import type { Logger } from "../../kube/logger.ts";
import type { Metrics } from "../metrics.ts";
import { reasonLabel } from "../reason-label.ts";

/** What each of our events is called in the log; a task that waits has its reason as the event's. */
const WORDS: Readonly<Record<string, string>> = {
  Started: "run started",
  Suspended: "run suspended",
  Resumed: "run resumed",
  TaskSucceeded: "task executed",
  TaskSkipped: "task skipped",
  TaskFailed: "task failed",
  TaskStopped: "task stopped",
  TaskRetried: "task is tried again",
};
/** Events of the run as a whole that are told by themselves. */
const OF_RUNS: ReadonlySet<string> = new Set(["Started", "Suspended", "Resumed"]);
/** Told when it happens, not when it is written down. */
const TOLD_ELSEWHERE = "TaskStarted";

/**
 * Logs what a status that has just been written says that is new, one line each with run, task, attempt and reason, and counts it. `passes`: how often
 * this process has looked at the run.
 */
export function tellNews(
  run: Pick<Pipeline, "metadata">,
  status: PipelineStatus,
  news: readonly RunEvent[],
  passes: number,
  { metrics, logger }: { metrics: Metrics; logger: Logger },
): void {
  const of = { namespace: run.metadata.namespace, run: run.metadata.name };
  for (const { type, reason, task, message } of news) {
    const record = task === undefined ? undefined : status.tasks?.[task];
    if (reason === "TaskRetried" && record?.reason !== undefined)
      metrics.attemptsRepeated.inc({ reason: reasonLabel(record.reason) });
    // Of the run's end it is told below, with more.
    if (reason === TOLD_ELSEWHERE || (task === undefined && !OF_RUNS.has(reason))) continue;
    const fields = {
      ...of,
      ...(task === undefined ? {} : { task, attempt: record?.attempt ?? 1 }),
      reason: record?.reason ?? reason,
      cause: message,
    };
    logger[type === "Warning" ? "warn" : "info"](fields, WORDS[reason] ?? "task waits");
  }
  if (status.completionTime === undefined) return;
  const phase = status.phase ?? "";
  metrics.runsFinished.inc({ phase });
  (phase === "DONE" ? metrics.completed : metrics.failed).inc();
  const took = (Date.parse(status.completionTime) - Date.parse(status.startTime ?? status.completionTime)) / 1_000;
  metrics.runSeconds.observe({ phase }, Math.max(0, took));
  metrics.passesOfRun.observe(passes);
  const end = { ...of, phase, reason: status.reason, cause: status.message, progress: status.progress, seconds: took };
  logger[phase === "DONE" ? "info" : "warn"](end, "run finished");
}
