import type { Task, TaskStatus } from "../../crds/generated/types.ts";
import { MAX_MESSAGE } from "../../crds/limits.ts";
import { retryPauseMs } from "./backoff.ts";
import { failureClass } from "./failure-class.ts";
import { INFRASTRUCTURE_RETRIES, infrastructureBudget, infrastructurePauseMs } from "./infrastructure.ts";
import { jitter } from "./jitter.ts";
import { bounded } from "./message.ts";
import { matchingRule, type RuleMatch } from "./retry-rules.ts";

/** Percent by which the pause after a loss varies: a node takes many tasks along at once. */
const INFRASTRUCTURE_JITTER = 25;
/** Longest part of a message that says why an attempt failed; what happens next must fit behind it. */
const MAX_CAUSE = 120;

/** What the retries of all tasks rest on. */
export interface RetrySurroundings {
  /** UID of the run, for pauses that differ between runs. */
  runUid: string;
  now: string;
  /** Pause before a task's second attempt where it has no back-off of its own; it doubles from then on (O-144). */
  retryPauseMs: number;
  /** Attempts that may be lost to the infrastructure where the task does not say. */
  infrastructureRetries?: number | undefined;
  /** Whether there is a task of that name: a later attempt's object must not take the name of another task's. */
  hasTask(name: string): boolean;
}

/** How often a task is tried again by us; a batch Job counts its own retries (O-144, O-168). */
function retriesOf(task: Task): number {
  return task.resourceType === "Job" ? 0 : (task.retries ?? 0);
}

/** A task of which one attempt has failed and the next has not begun. */
export function isBetweenAttempts(record: TaskStatus): record is TaskStatus & { attempt: number } {
  return record.state === "waiting" && record.attempt !== undefined;
}

/** What a record keeps of the latest attempt while the task waits for the next, and of when it could first start. */
export function carried({ attempt, pod, startTime, exitCode, readyTime, lost }: TaskStatus): Partial<TaskStatus> {
  return {
    ...(attempt === undefined ? {} : { attempt }),
    ...(pod === undefined ? {} : { pod }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(readyTime === undefined ? {} : { readyTime }),
    ...(lost === undefined ? {} : { lost }),
  };
}

/**
 * What is recorded instead of a failure: the pause before another attempt, or the failure with what decided that there is none (O-144, F-18, F-19).
 * The task's first rule that fits decides, else the class of the failure: what the infrastructure took away is counted apart, in `lost`, and what
 * can only fail again is not tried again.
 */
export function afterFailure(task: Task, failed: TaskStatus, around: RetrySurroundings): TaskStatus {
  const rule = matchingRule(task, failed);
  const by = ruleWords(rule);
  const attempt = failed.attempt ?? 1;
  const pays = payer(failed, rule);
  // A failure of the task itself that nobody asked to judge otherwise stays as it is.
  if (pays === "nobody" || task.resourceType === "Job") return withWords(failed, by);
  if (around.hasTask(`${task.name}-r${attempt}`)) return withWords(failed, by);
  const key = `${around.runUid}/${task.name}/${attempt}`;
  const cause = bounded(failed.message ?? failed.reason ?? "no reason given", MAX_CAUSE);
  if (pays === "infrastructure") {
    const lost = (failed.lost ?? 0) + 1;
    const budget = infrastructureBudget(task, around.infrastructureRetries ?? INFRASTRUCTURE_RETRIES);
    if (lost > budget) return withWords(failed, budget === 0 ? by : `; no infrastructure retry of ${budget} left${by}`);
    const pauseMs = Math.round(infrastructurePauseMs(lost) * jitter(key, INFRASTRUCTURE_JITTER));
    const next = nextAt(around.now, pauseMs);
    const message = `attempt ${attempt} lost: ${cause}; infrastructure retry ${lost} of ${budget} at ${next.words}${by}`;
    return {
      ...waiting(failed, attempt, next.time),
      lost,
      reason: lossWord(failed),
      message: bounded(message),
    };
  }
  const retries = retriesOf(task);
  const failures = attempt - (failed.lost ?? 0);
  if (failures > retries) return withWords(failed, by);
  const next = nextAt(around.now, retryPauseMs(task, failures, around.retryPauseMs, key));
  const message = `attempt ${failures} of ${retries + 1} failed: ${cause}; next at ${next.words}${by}`;
  return { ...waiting(failed, attempt, next.time), reason: "Retrying", message: bounded(message) };
}

function payer(failed: TaskStatus, rule: RuleMatch | undefined): "retries" | "infrastructure" | "nobody" {
  switch (rule?.action) {
    case "Retry":
      return "retries";
    case "Ignore":
      return "infrastructure";
    case "Fail":
    case "FailRun":
      return "nobody";
    case undefined: {
      const whose = failureClass(failed.reason);
      return whose === "task" ? "retries" : whose === "infrastructure" ? "infrastructure" : "nobody";
    }
  }
}

function waiting(failed: TaskStatus, attempt: number, retryTime: string): TaskStatus {
  return { ...carried({ ...failed, attempt }), state: "waiting", retryTime };
}

/** What a task says of itself until the attempt after a loss: what took it away, where that was the infrastructure. */
function lossWord({ reason }: TaskStatus): string {
  return reason !== undefined && failureClass(reason) === "infrastructure" ? reason : "Retrying";
}

function nextAt(now: string, pauseMs: number): { time: string; words: string } {
  const time = new Date(Date.parse(now) + pauseMs).toISOString();
  return { time, words: `${time.slice(11, 19)}Z` };
}

function ruleWords(rule: RuleMatch | undefined): string {
  return rule === undefined ? "" : ` (rule ${rule.number}: ${rule.action})`;
}

function withWords(failed: TaskStatus, words: string): TaskStatus {
  if (words === "") return failed;
  return {
    ...failed,
    message: `${bounded(failed.message ?? failed.reason ?? "", MAX_MESSAGE - words.length)}${words}`,
  };
}

/** The record of a task that has attempts left but gets none, because its run is ending. */
export function givenUp(record: TaskStatus, now: string): TaskStatus {
  const message = bounded(`not tried again, pipeline terminated; ${record.message ?? "its last attempt failed"}`);
  return { ...carried(record), state: "terminated", reason: "NotRetried", message, completionTime: now };
}
