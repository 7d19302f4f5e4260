import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { taskId } from "../../crds/names.ts";
import { PIPELINE } from "../../crds/resources.ts";
import { WORKERS } from "../../crds/task-kinds.ts";
import type { KubeClient } from "../../kube/client.ts";
import { POD } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import type { Logger } from "../../kube/logger.ts";
import { type KubeObject, objectPath } from "../../kube/resource.ts";
import type { LogArchive } from "../../store/log-archive.ts";
import type { RunArchive } from "../../store/run-archive.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import { type CachedPod, projectPod } from "../cache/pod.ts";
import { projectRun } from "../cache/run.ts";
import { Gate } from "../gate.ts";
import type { RunFiles } from "../storage/run-files.ts";
import { pipelineUnknown } from "./ids.ts";
import { saveLogs } from "./log-saver.ts";
import { inOrder, stateOf } from "./pipeline-view.ts";
import { isPod } from "./resource.ts";
import type { RunHistory } from "./run-history.ts";
import { storeInTime } from "./store-in-time.ts";
import { deleteTaskObjects } from "./task-objects.ts";

type YesNo = "Yes" | "No";

/** What became of the run, or of one task, in a clean-up (O-66). */
export interface CleanupRow {
  taskId: string;
  cleanedFromK8s: YesNo;
  purgedFromDb: YesNo;
  removedFromFs: YesNo;
}

/** What cleaning up needs. */
export interface Cleaner {
  client: KubeClient;
  namespace: string;
  view: ClusterView;
  files: Pick<RunFiles, "remove">;
  /** The logs of ended pods; absent: none are kept. */
  archive?: LogArchive;
  /** The ended runs that are kept; absent: none are. */
  runs?: RunArchive;
  history: Pick<RunHistory, "run">;
  logger: Logger;
}

/** What is removed besides the objects of started tasks; neither implies the other (O-211). */
export interface Extent {
  /** The run's record. */
  db: boolean;
  /** The run's directory, and that of a rendered job. */
  fs: boolean;
}

const CONCURRENT_REQUESTS = 8;
/** How long the removal of a run from the store is waited for. */
const STORE_MS = 3_000;

/**
 * Stops a run for good, then deletes the objects of its started tasks, then what it wrote and its record, if those are asked for (O-210 to O-212).
 * Where the record stays, the logs of the pods are saved first (O-225), where it goes, they go too. Throws a 404 for an unknown run; once the run is stopped, a part that fails is only reported as `No`.
 */
export async function cleanUp(cleaner: Cleaner, id: string, user: string, { db, fs }: Extent): Promise<CleanupRow[]> {
  const { client, namespace, view, files, logger } = cleaner;
  const path = objectPath(PIPELINE, namespace, id);
  const found = await readRun(client, path);
  if (found === undefined) return await cleanUpKept(cleaner, id, user, { db, fs });
  // Looked up before the run is stopped: the operator deletes pods of a stopped run too, and that is this call's doing.
  const podsBefore = await podsOf(cleaner, found);
  const pipeline = await stop(cleaner, path, found, user);
  const { tasks, workPath } = view.runOf(projectRun(pipeline));
  // A task whose pod is there has started even where the operator has not written so yet.
  const withPod = new Set(podsBefore.map((pod) => pod.task));
  const started = inOrder(pipeline, tasks).filter(
    (task) => stateOf(pipeline, task) !== "waiting" || withPod.has(task.name),
  );
  if (!db) await saveLogs(cleaner, podsBefore);
  const isStopped = pipeline !== found;
  const gate = requestGate();
  const cleaned = await Promise.all(
    started.map((task) => gate.run(() => deleteObjects(cleaner, pipeline, task, podsBefore, isStopped), never)),
  );
  const removed = fs && (await files.remove(pipeline, tasks, workPath));
  const purged = db && (await purge(cleaner, path, pipeline));
  logger.info({ run: id, user, db, fs, pods: cleaned.filter(Boolean).length }, "run cleaned up");
  const row = (rowId: string, wasCleaned: boolean): CleanupRow => ({
    taskId: rowId,
    cleanedFromK8s: wasCleaned ? "Yes" : "No",
    purgedFromDb: purged ? "Yes" : "No",
    removedFromFs: removed ? "Yes" : "No",
  });
  return [row(id, false), ...started.map((task, index) => row(taskId(id, task.name), cleaned[index] ?? false))];
}

function requestGate(): Gate {
  return new Gate(CONCURRENT_REQUESTS, Number.POSITIVE_INFINITY);
}

function never(): Error {
  return new Error("a queue without end is never full");
}

/** The pods of a run: those in the cache, and those that its status speaks of and that may have been made too short a time ago to be there. */
async function podsOf(cleaner: Cleaner, run: KubeObject & Pipeline): Promise<CachedPod[]> {
  const { uid } = run.metadata;
  const cached = cleaner.view.podsOf(uid);
  const names = new Set(cached.map((pod) => pod.metadata.name));
  const gate = requestGate();
  const { tasks } = cleaner.view.runOf(projectRun(run));
  const unseen = tasks.flatMap((task) => {
    const { state, pod = "" } = run.status?.tasks?.[task.name] ?? {};
    return isPod(task) && state === "executing" && pod !== "" && !names.has(pod) ? [pod] : [];
  });
  const read = await Promise.all(unseen.map((name) => gate.run(() => readPod(cleaner, name), never)));
  return [...cached, ...read.filter((pod) => pod !== undefined).filter(({ runUid }) => runUid === uid)];
}

/** Cleans up a run of which there is no object any more: nothing of it runs, so only what it wrote and its record are left. */
async function cleanUpKept(cleaner: Cleaner, id: string, user: string, { db, fs }: Extent): Promise<CleanupRow[]> {
  const run = await cleaner.history.run(id);
  if (run === undefined) throw pipelineUnknown(id);
  const { pipeline, tasks, workPath } = run;
  const started = inOrder(pipeline, tasks).filter((task) => stateOf(pipeline, task) !== "waiting");
  const removed = fs && (await cleaner.files.remove(pipeline, tasks, workPath));
  const purged = db && (await forget(cleaner, pipeline));
  cleaner.logger.info({ run: id, user, db, fs }, "run without an object cleaned up");
  return [id, ...started.map((task) => taskId(id, task.name))].map((rowId) => ({
    taskId: rowId,
    cleanedFromK8s: "No",
    purgedFromDb: purged ? "Yes" : "No",
    removedFromFs: removed ? "Yes" : "No",
  }));
}

async function readRun(client: KubeClient, path: string): Promise<(KubeObject & Pipeline) | undefined> {
  try {
    const run = await client.get<KubeObject & Pipeline>(path);
    if (run.metadata.deletionTimestamp === undefined) return run;
  } catch (error) {
    if (!isKubeError(error, "notFound")) throw error;
  }
  return undefined;
}

/** Writes the cancellation unless the run has ended or is cancelled already; from then on nothing new starts. */
async function stop(
  { client, view }: Cleaner,
  path: string,
  run: KubeObject & Pipeline,
  user: string,
): Promise<KubeObject & Pipeline> {
  const { phase } = run.status ?? {};
  if (phase === "DONE" || phase === "TERMINATED" || run.spec.cancel) return run;
  try {
    const stopped = await client.patch<KubeObject & Pipeline>(path, "merge", {
      metadata: { uid: run.metadata.uid },
      spec: { cancel: true, cancelledBy: user },
    });
    view.noteRun(stopped);
    return stopped;
  } catch (error) {
    // Deleted, or replaced by another of its name, between the two calls.
    if (isKubeError(error, "notFound", "conflict")) throw pipelineUnknown(run.metadata.name);
    throw error;
  }
}

/** Deletes what is left of a task's objects; true if there was something. `isStopped`: it was this call that stopped the run. */
async function deleteObjects(
  cleaner: Cleaner,
  run: Pipeline,
  task: Task,
  podsBefore: readonly CachedPod[],
  isStopped: boolean,
): Promise<boolean> {
  // Their manager takes them away, and it knows whether the command in them has ended.
  if (task.resourceType === WORKERS) return isStopped && stateOf(run, task) === "executing";
  if (!isPod(task)) {
    // Pods of an object would only be made again; they go with it. Of a run that was stopped now the operator may have been faster.
    return (await deleteTaskObjects(cleaner, run, task)) || (isStopped && stateOf(run, task) === "executing");
  }
  const pods = podsBefore.filter((pod) => pod.task === task.name && pod.metadata.deletionTimestamp === undefined);
  const record = run.status?.tasks?.[task.name];
  // One that was made a moment ago may be in the status only since the run was stopped, and not in the cache.
  if (
    record?.state === "executing" &&
    record.pod !== undefined &&
    !podsBefore.some((pod) => pod.metadata.name === record.pod)
  ) {
    const pod = await readPod(cleaner, record.pod);
    if (pod?.runUid === run.metadata.uid && pod.metadata.deletionTimestamp === undefined) pods.push(pod);
  }
  const deleted = await Promise.all(pods.map((pod) => deletePod(cleaner, pod, isStopped)));
  return deleted.includes(true);
}

async function readPod({ client, namespace, logger }: Cleaner, name: string): Promise<CachedPod | undefined> {
  try {
    return projectPod(await client.get<KubeObject>(objectPath(POD, namespace, name)));
  } catch (error) {
    if (!isKubeError(error, "notFound")) logger.warn({ pod: name, err: error }, "pod not read during a clean-up");
    return undefined;
  }
}

async function deletePod({ client, namespace, logger }: Cleaner, pod: CachedPod, isStopped: boolean): Promise<boolean> {
  const { name, uid } = pod.metadata;
  try {
    await client.delete(objectPath(POD, namespace, name), { uid, propagationPolicy: "Background" });
    return true;
  } catch (error) {
    // Of a run that was stopped now the operator may have been faster; else it went before this call, and the cache has yet to hear of it.
    if (isKubeError(error, "notFound", "conflict")) return isStopped;
    logger.warn({ pod: name, err: error }, "pod not deleted during a clean-up");
    return false;
  }
}

/**
 * Deletes the run from the store, then its object; what that owns follows by its owner references. True if it is gone: where the store does not take
 * it the object stays too, or else the run would come back from the store as soon as that works.
 */
async function purge(cleaner: Cleaner, path: string, run: Pipeline): Promise<boolean> {
  if (!(await forget(cleaner, run))) return false;
  const { client, view, logger } = cleaner;
  const { uid, name } = run.metadata;
  try {
    await client.delete(path, { uid, propagationPolicy: "Background" });
  } catch (error) {
    if (!isKubeError(error, "notFound", "conflict")) {
      logger.warn({ run: name, err: error }, "record not deleted during a clean-up");
      return false;
    }
  }
  view.noteRunDeleted(uid);
  return true;
}

/** Removes a run and its logs from the store, for good. True if it is not there, or there is no store. */
async function forget({ runs, namespace, logger }: Cleaner, { metadata: { uid, name } }: Pipeline): Promise<boolean> {
  try {
    if (runs !== undefined) await storeInTime(runs.remove({ uid, namespace, name }), STORE_MS);
    return true;
  } catch (error) {
    logger.warn({ run: name, err: String(error) }, "run not removed from the store, so its record stays");
    return false;
  }
}
