import type { TaskStatus } from "../../crds/generated/types.ts";
import { MAX_RESULT_BYTES } from "../../crds/limits.ts";
import { bounded } from "./message.ts";
import type { ObservedObject, Stop } from "./run.ts";

/** Reason of a task that waits for nothing else than that its object is created: that is under way, or comes in one of the next passes. */
export const STARTING = "Starting";

/** An object's kind inside a sentence. */
export function kindWord(kind: string | undefined): string {
  return kind === undefined || kind === "Pod" ? "pod" : kind;
}

/** A reason for waiting as messages begin (O-185). */
function waitingWord(reason: string): string {
  return reason === "QuotaExceeded" ? "quota" : reason;
}

/** Why a task failed whose object somebody else has deleted. */
export function deletedReason(kind: string | undefined): "PodDeleted" | "ObjectDeleted" {
  return kindWord(kind) === "pod" ? "PodDeleted" : "ObjectDeleted";
}

/** True once a task's state can no longer change (I-3). */
export function isTerminal(record: TaskStatus): boolean {
  return record.state === "executed" || record.state === "terminated";
}

/**
 * The record of a task whose object is known (O-182, O-183). A terminal record never changes, whatever the object does afterwards.
 * `stop` says so where we delete objects ourselves; one that failed before it was asked to go has failed by itself.
 */
export function recordOfObject(
  record: TaskStatus,
  object: ObservedObject,
  now: string,
  stop: Stop | undefined,
): TaskStatus {
  if (isTerminal(record)) return record;
  const started: TaskStatus = {
    state: "executing",
    attempt: object.attempt,
    pod: object.name,
    startTime: object.createdAt,
    ...(record.readyTime === undefined ? {} : { readyTime: record.readyTime }),
    ...(record.lost === undefined ? {} : { lost: record.lost }),
  };
  if (object.phase === "Succeeded") return succeeded(started, object, now);
  if (stop !== undefined && (object.gone || object.deleting)) {
    return { ...started, state: "terminated", ...stop, completionTime: object.ended?.at ?? now };
  }
  if (object.phase === "Failed") return failed(started, object, now);
  if (object.gone) {
    const word = kindWord(object.resource.kind);
    const cause = object.disrupted?.message ?? `${word} ${object.name} was deleted by somebody else`;
    return {
      ...started,
      state: "terminated",
      reason: object.disrupted?.reason ?? deletedReason(object.resource.kind),
      message: bounded(`resource not found: ${cause}`),
      completionTime: now,
    };
  }
  const { nodeTrouble, waiting } = object;
  if (nodeTrouble !== undefined) return { ...started, reason: "NodeNotReady", message: bounded(nodeTrouble.message) };
  if (waiting === undefined) return started;
  return { ...started, reason: waiting.reason, message: bounded(`${waitingWord(waiting.reason)}: ${waiting.message}`) };
}

function succeeded(started: TaskStatus, object: ObservedObject, now: string): TaskStatus {
  const { ended } = object;
  const done: TaskStatus = { ...started, state: "executed", completionTime: ended?.at ?? now };
  if (ended?.exitCode !== undefined) done.exitCode = ended.exitCode;
  const text = ended?.terminationMessage?.trim();
  if (!text) return done;
  if (!isJsonObject(text)) return { ...done, message: bounded(text) };
  if (Buffer.byteLength(text) > MAX_RESULT_BYTES)
    return { ...done, message: `result of ${Buffer.byteLength(text)} bytes not kept; the most is ${MAX_RESULT_BYTES}` };
  return { ...done, result: text };
}

function isJsonObject(text: string): boolean {
  if (!text.startsWith("{")) return false;
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object";
  } catch {
    return false;
  }
}

function failed(started: TaskStatus, object: ObservedObject, now: string): TaskStatus {
  const { ended } = object;
  const reason = ended?.reason && ended.reason !== "Error" ? ended.reason : "Error";
  const record: TaskStatus = { ...started, state: "terminated", reason, completionTime: ended?.at ?? now };
  if (ended?.exitCode !== undefined) record.exitCode = ended.exitCode;
  const cause =
    ended?.message || ended?.terminationMessage?.trim() || exitWords(reason, ended) || "ended without saying why";
  return { ...record, message: bounded(ended?.pod === undefined ? cause : `${cause} (pod ${ended.pod})`) };
}

/** What the container's end says where nobody gave a message: its reason and exit code (O-183), and the signal that stands for it (F-23). */
function exitWords(reason: string, ended: ObservedObject["ended"]): string | undefined {
  if (ended?.exitCode === undefined) return undefined;
  if (ended.signal !== undefined) return `Error, exit code ${ended.exitCode}: ended by ${ended.signal}`;
  return `${reason}, exit code ${ended.exitCode}`;
}
