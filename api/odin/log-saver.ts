import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { inTime } from "../../kube/in-time.ts";
import type { Logger } from "../../kube/logger.ts";
import { newestBytes } from "../../kube/newest-bytes.ts";
import { isRemovedLog, openPodLog } from "../../kube/pod-log.ts";
import { type LogArchive, type LogOwner, MAX_LOG_BYTES } from "../../store/log-archive.ts";
import type { CachedPod } from "../cache/pod.ts";
import { Gate } from "../gate.ts";
import { serverWords } from "./log-source.ts";
import { storeInTime } from "./store-in-time.ts";

/** What saving logs needs; without an archive nothing is saved. */
export interface LogSaver {
  client: KubeClient;
  namespace: string;
  archive?: LogArchive;
  logger: Logger;
}

const CONCURRENT_READS = 4;
/** A clean-up must not wait for ever for nodes that do not answer. */
const ALL_MS = 20_000;
const ONE_MS = 10_000;
/** Nor for a store that does not. */
const ANSWER_MS = 3_000;

/**
 * Saves the logs of pods that are about to be deleted, where the operator has not done so (O-211, O-225); of one that cannot be read the reason is
 * saved. Takes half a minute at most and never throws: a store that does not work does not keep anybody from cleaning up.
 */
export async function saveLogs(saver: LogSaver, pods: readonly CachedPod[]): Promise<void> {
  const { archive, logger } = saver;
  if (archive === undefined || pods.length === 0) return;
  const deadline = AbortSignal.timeout(ALL_MS);
  const gate = new Gate(CONCURRENT_READS, Number.POSITIVE_INFINITY);
  try {
    const uids = pods.map(({ metadata }) => metadata.uid);
    const settled = await storeInTime(archive.settled(uids), ANSWER_MS);
    const open = pods.filter(({ metadata }) => !settled.has(metadata.uid));
    const saves = open.map((pod) => gate.run(() => saveLog(saver, archive, pod, deadline), never));
    const results = await storeInTime(Promise.allSettled(saves), ALL_MS + ANSWER_MS);
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  } catch (error) {
    logger.error({ err: String(error), pods: pods.length }, "logs of a run that is cleaned up are lost with its pods");
  }
}

function never(): Error {
  return new Error("a queue without end is never full");
}

async function saveLog(saver: LogSaver, archive: LogArchive, pod: CachedPod, deadline: AbortSignal): Promise<void> {
  const owner = ownerOf(saver, pod);
  if (!pod.scheduled || !(pod.started || pod.ended)) {
    await archive.lose(owner, "the container never started", "none");
    return;
  }
  const read = await inTime(ONE_MS, deadline, ({ signal }) => readLog(saver, pod, signal));
  if ("lost" in read) {
    saver.logger.warn({ run: owner.run, pod: owner.pod, cause: read.lost }, "log lost");
    await archive.lose(owner, read.lost);
  } else if (read.cut !== undefined) {
    await archive.save(owner, { ...read, reason: read.cut }, "partial");
  } else if (!pod.ended) {
    const reason = "read just before the container was stopped; the rest is missing";
    await archive.save(owner, { ...read, reason }, "partial");
  } else {
    await archive.save(owner, read, "whole");
  }
}

/** What could be read: the text and whether it broke off, or why there is none. */
async function readLog(
  { client, namespace }: LogSaver,
  { metadata, container }: CachedPod,
  signal: AbortSignal,
): Promise<{ text: Buffer; dropped: number; cut?: string } | { lost: string }> {
  const words = (error: unknown): string => {
    if (signal.aborted) return "the node did not send it in time";
    return isKubeError(error) ? serverWords(error.message) : "the connection broke";
  };
  try {
    const stream = await openPodLog(client, namespace, metadata.name, { container, signal });
    const { bytes, dropped, error } = await newestBytes(stream, MAX_LOG_BYTES);
    if (isRemovedLog(bytes)) return { lost: bytes.toString().trim() };
    return { text: bytes, dropped, ...(error === undefined ? {} : { cut: words(error) }) };
  } catch (error) {
    return { lost: words(error) };
  }
}

function ownerOf(
  { namespace }: LogSaver,
  { metadata, runUid, runName, task, attempt, container }: CachedPod,
): LogOwner {
  const { uid, name, creationTimestamp = "" } = metadata;
  return {
    podUid: uid,
    namespace,
    pod: name,
    runUid: runUid ?? "",
    run: runName ?? "",
    task,
    attempt,
    container,
    createdAt: creationTimestamp,
  };
}
