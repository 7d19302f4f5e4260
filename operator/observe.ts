import type { Pipeline, Task } from "../crds/generated/types.ts";
import { LABELS, labelValue } from "../crds/names.ts";
import { engineKindOf, kindFactsOf, type TaskKindFacts } from "../crds/task-kinds.ts";
import type { KubeClient } from "../kube/client.ts";
import { POD } from "../kube/core-resources.ts";
import { collectionPath, type KubeObject, keyOf } from "../kube/resource.ts";
import { findObject } from "./act/objects.ts";
import type { Caches } from "./caches.ts";
import type { ObservedObject, ObservedWarning, Plan } from "./decide/run.ts";
import { isTerminal } from "./decide/task-state.ts";
import { FORMS } from "./kinds/forms.ts";
import { speakerOf, withMembers } from "./kinds/members.ts";
import type { ObjectForm } from "./kinds/object-form.ts";
import { projectObject } from "./kinds/object-state.ts";
import { projectPod } from "./kinds/pod-state.ts";

/** Warnings that explain why a pod that has a node does not start. */
const STARTING_TROUBLE = new Set(["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NetworkNotReady"]);
/** Warnings with which controllers say that they cannot make the pods of an object. */
const CREATING_TROUBLE = /^FailedCreate/;
/** An object without pods is told to be so after this long; until then its controller is merely at work. */
const PODS_WITHIN_MS = 30_000;

/** What is seen of a run in the cluster. */
export interface Observation {
  objects: ObservedObject[];
  warnings: ObservedWarning[];
  /** When time alone will change what is seen, in milliseconds. */
  againInMs?: number;
}

/**
 * The objects of a run, with what their pods say, and the warnings about them. An object that the run's status records and the cache does not
 * have is looked up first: two watches need not be equally far, and a task must not be called lost because one lags (F-9).
 */
export async function observe(client: KubeClient, caches: Caches, run: Pipeline, plan: Plan): Promise<Observation> {
  const byName = new Map(plan.tasks.map((task) => [task.name, task]));
  for (const [name, record] of Object.entries(run.status?.tasks ?? {})) {
    if (record.state !== "executing" || record.pod === undefined || caches.objectsByRun.has(run.metadata, record.pod))
      continue;
    await lookUp(client, caches, run, byName.get(name), record.pod);
  }
  const warnings: ObservedWarning[] = [];
  const objects: ObservedObject[] = [];
  let againInMs: number | undefined;
  const nowMs = client.clock.nowMs();
  for (const object of caches.objectsByRun.of(run.metadata)) {
    const own = caches.warningsByObject.of(object.uid, object.task);
    warnings.push(...own);
    if (object.resource === POD) {
      objects.push(explained(object, own));
      continue;
    }
    const task = byName.get(object.task);
    const speaker = FORMS[engineKindOf(task ?? {})].find(({ resource }) => resource === object.resource)?.speaker;
    const record = run.status?.tasks?.[object.task];
    const isNews = record === undefined || !isTerminal(record);
    if (isNews && isMissingItsEnd(caches, run, object, speaker)) await readMembers(client, caches, run, object);
    const members = caches.objectsByRun.membersOf(run.metadata, object.name).map((pod) => {
      const said = caches.warningsByObject.of(pod.uid, pod.task);
      warnings.push(...said);
      return explained(pod, said);
    });
    objects.push(withMembers(withoutPods(object, task, own, members.length, nowMs), members, speaker));
    const patience = Date.parse(object.createdAt) + PODS_WITHIN_MS - nowMs;
    if (isNews && members.length === 0 && patience > 0) againInMs = Math.min(againInMs ?? patience, patience);
  }
  return { objects, warnings, ...(againInMs === undefined ? {} : { againInMs }) };
}

/** Takes in an object that this process has just made or read, so that it is counted even before its watch event. */
export function noteOwnObject(caches: Caches, form: ObjectForm, raw: KubeObject): ObservedObject {
  if (form.resource === POD) caches.pods.noteWritten(raw);
  else caches.kinds.noteWritten(form.resource, raw);
  const object = projectObject(form, raw);
  const run = object.run && { namespace: object.metadata.namespace, uid: object.run.uid };
  if (run !== undefined && !caches.objectsByRun.has(run, object.state.name)) caches.objectsByRun.set(object);
  return object.state;
}

/** Looks for the recorded object in every form that its task's kind can take: which one was chosen is not recorded. */
async function lookUp(
  client: KubeClient,
  caches: Caches,
  run: Pipeline,
  task: Task | undefined,
  name: string,
): Promise<void> {
  const { uid, namespace } = run.metadata;
  for (const form of FORMS[engineKindOf(task ?? {})]) {
    const found = await findObject(client, form.resource, namespace, name);
    if (!found?.metadata.ownerReferences?.some((owner) => owner.uid === uid)) continue;
    noteOwnObject(caches, form, found);
    return;
  }
}

/** Whether an object has ended and the pod that says how is not known to have: pods come on another watch. */
function isMissingItsEnd(caches: Caches, run: Pipeline, object: ObservedObject, speaker: RegExp | undefined): boolean {
  const members = caches.objectsByRun.membersOf(run.metadata, object.name);
  if (object.phase === "Succeeded") return speakerOf(object, members, speaker) === undefined;
  if (object.phase !== "Failed") return false;
  if (!members.some(({ phase }) => phase === "Failed")) return true;
  // An earlier pod of a Job may have failed, too; it is the last one that says why, and none is left when Kubernetes calls the Job failed.
  return object.resource.group === "batch" && members.some(({ phase, gone }) => !gone && !hasEnded(phase));
}

function hasEnded(phase: ObservedObject["phase"]): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

async function readMembers(client: KubeClient, caches: Caches, run: Pipeline, object: ObservedObject): Promise<void> {
  const { items } = await client.listAll<KubeObject>(collectionPath(POD, run.metadata.namespace), {
    labelSelector: `${LABELS.run}=${labelValue(run.metadata.name)},${LABELS.task}=${object.task}`,
  });
  for (const raw of items) {
    const known = caches.pods.get(keyOf(raw.metadata));
    const pod = projectPod(raw, known?.metadata.uid === raw.metadata.uid ? known : undefined);
    if (pod.member !== object.name || pod.run?.uid !== run.metadata.uid) continue;
    caches.pods.noteWritten(raw);
    caches.objectsByRun.set(pod);
  }
}

function explained(pod: ObservedObject, said: readonly ObservedWarning[]): ObservedObject {
  if (pod.phase !== "Pending" || pod.waiting !== undefined || pod.gone) return pod;
  const cause = said.findLast(({ reason }) => STARTING_TROUBLE.has(reason));
  return cause === undefined ? pod : { ...pod, waiting: { reason: cause.reason, message: cause.message } };
}

/** What an object that has not begun waits for, where its pods cannot say because there are none, or not all. */
function withoutPods(
  object: ObservedObject,
  task: Task | undefined,
  said: readonly ObservedWarning[],
  pods: number,
  nowMs: number,
): ObservedObject {
  if (object.phase !== "Pending" || object.waiting !== undefined || object.gone) return object;
  const refusal = said.findLast(({ reason }) => CREATING_TROUBLE.test(reason));
  if (refusal !== undefined) {
    const reason = /exceeded quota/i.test(refusal.message) ? "QuotaExceeded" : refusal.reason;
    return { ...object, waiting: { reason, message: refusal.message } };
  }
  if (pods > 0 || nowMs < Date.parse(object.createdAt) + PODS_WITHIN_MS) return object;
  const { install }: TaskKindFacts = kindFactsOf(task ?? {});
  const message = `nobody has made pods for this ${object.resource.kind}; is ${install ?? "the controller manager"} running?`;
  return { ...object, waiting: { reason: "NoPodsYet", message } };
}
