import type { Pipeline, TaskStatus } from "../../crds/generated/types.ts";
import { API_VERSION, PIPELINE } from "../../crds/resources.ts";
import type { ObjectResource } from "../../crds/task-kinds.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError, type KubeError } from "../../kube/errors.ts";
import { isRightMissing } from "../../kube/missing-rights.ts";
import { collectionPath, type KubeObject, type OwnerReference, objectPath } from "../../kube/resource.ts";
import { bounded } from "../decide/message.ts";
import type { ObservedObject } from "../decide/run.ts";
import { kindWord } from "../decide/task-state.ts";
import type { FormChoice } from "../kind-watches.ts";
import { type Attempt, attemptName } from "../kinds/attempt.ts";
import type { ObjectForm } from "../kinds/object-form.ts";
import type { PodSettings } from "../kinds/pod-template.ts";

/** What became of the creation of an object. */
export type CreateResult =
  /** It exists and is ours: made now, or found there from before a crash. */
  | { kind: "created"; form: ObjectForm; object: KubeObject; adopted: boolean }
  /** It will never be created: the task's record says why. */
  | { kind: "refused"; record: TaskStatus }
  /** It cannot be created now: tried again later, the record says why. */
  | { kind: "later"; record: TaskStatus; retryAfterMs?: number };

/**
 * Creates the object of an attempt. The name is the claim: if it is there already and owned by this run it is adopted (F-6, O-187), if it is
 * somebody else's the task fails (F-11). Refusals for good and for now are told apart (O-184, F-12 – F-16); what the operator itself may not do is
 * waited for (F-13).
 */
export async function createObject(
  client: KubeClient,
  form: ObjectForm,
  attempt: Attempt,
  settings: PodSettings,
  now: string,
): Promise<CreateResult> {
  const namespace = attempt.run.metadata.namespace;
  try {
    const object = await client.create<KubeObject>(
      collectionPath(form.resource, namespace),
      form.build(attempt, settings),
      {
        lane: "create",
      },
    );
    return { kind: "created", form, object, adopted: false };
  } catch (error) {
    // Aborted: this process is about to end, and whoever comes next will see what became of it.
    if (!isKubeError(error) || error.category === "aborted") throw error;
    if (isKubeError(error, "alreadyExists")) return await adopt(client, form, attempt, now);
    return refusal(error, now);
  }
}

async function adopt(client: KubeClient, form: ObjectForm, attempt: Attempt, now: string): Promise<CreateResult> {
  const name = attemptName(attempt);
  const word = kindWord(form.resource.kind);
  try {
    const object = await client.get<KubeObject>(objectPath(form.resource, attempt.run.metadata.namespace, name));
    const owner = object.metadata.ownerReferences?.find((reference) => reference.controller);
    if (owner?.uid === attempt.run.metadata.uid) return { kind: "created", form, object, adopted: true };
    if (object.metadata.deletionTimestamp !== undefined || isLeftover(owner, attempt.run)) {
      return later("NameInUse", `a ${word} named ${name} of an earlier owner is being removed; waiting for its name`);
    }
    const message = `a ${word} named ${name} exists and does not belong to this run; delete it or name the run differently`;
    return { kind: "refused", record: failure("NameCollision", message, now) };
  } catch (error) {
    if (!isKubeError(error) || error.category === "aborted") throw error;
    return later("ApiUnavailable", serverWords(error), error.retryAfterMs);
  }
}

/** Whether an object belonged to a deleted run of the same name: the garbage collector has it next (F-31). */
function isLeftover(owner: OwnerReference | undefined, run: Pipeline): boolean {
  return owner?.kind === PIPELINE.kind && owner.name === run.metadata.name && owner.apiVersion === API_VERSION;
}

/** Words that admission policies and webhooks are quoted with; a policy may answer with any code, 422 included. */
const DENIED = /ValidatingAdmissionPolicy|admission webhook|denied (the )?request/;

/** A namespace that has just been made has no account for pods yet: its controller makes that a moment later. */
const NO_ACCOUNT = /error looking up service account .* not found/;

function refusal(error: KubeError, now: string): CreateResult {
  const words = serverWords(error);
  switch (error.category) {
    case "quota":
      return later("QuotaExceeded", `quota: ${words}`, error.retryAfterMs);
    case "invalid":
    case "tooLarge":
      return { kind: "refused", record: failure(DENIED.test(words) ? "AdmissionDenied" : "PodInvalid", words, now) };
    case "forbidden":
    case "unauthorized":
      if (isRightMissing(error)) return later("Forbidden", words, error.retryAfterMs);
      if (NO_ACCOUNT.test(words)) return later("ApiUnavailable", words, error.retryAfterMs);
      return { kind: "refused", record: failure("AdmissionDenied", words, now) };
    default:
      return later("ApiUnavailable", words, error.retryAfterMs);
  }
}

/** What the server said, without the request it said it to: a record has no room for both. */
function serverWords(error: KubeError): string {
  return error.message.replace(/^[A-Z]+ \/\S+: /, "").replace(/ \(HTTP \d+[^()]*\)$/, "");
}

/** The answer for a kind that has no form now: never, or not yet. */
export function notCreatable(choice: Exclude<FormChoice, { kind: "form" }>, now: string): CreateResult {
  return choice.kind === "unserved"
    ? { kind: "refused", record: failure("KindNotServed", choice.message, now) }
    : later("KindNotWatched", choice.message);
}

function later(
  reason: "Forbidden" | "KindNotWatched" | "QuotaExceeded" | "ApiUnavailable" | "NameInUse",
  message: string,
  retryAfterMs?: number,
): CreateResult {
  return {
    kind: "later",
    record: { state: "waiting", reason, message: bounded(message) },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function failure(reason: string, message: string, now: string): TaskStatus {
  return { state: "terminated", reason, message: bounded(message), completionTime: now };
}

/**
 * Asks the API server to remove an object and what it owns. False if it is not there any more, or another of its name is: a watch that began after it
 * went will not say so.
 */
export async function deleteObject(
  client: KubeClient,
  namespace: string | undefined,
  object: ObservedObject,
): Promise<boolean> {
  try {
    await client.delete(objectPath(object.resource, namespace, object.name), {
      uid: object.uid,
      propagationPolicy: "Background",
      lane: "delete",
    });
    return true;
  } catch (error) {
    if (!isKubeError(error, "notFound", "conflict")) throw error;
    return false;
  }
}

/** Looks an object up that is recorded but not in the cache: a task is never called lost on the word of a cache alone. */
export async function findObject(
  client: KubeClient,
  resource: ObjectResource,
  namespace: string | undefined,
  name: string,
): Promise<KubeObject | undefined> {
  try {
    return await client.get<KubeObject>(objectPath(resource, namespace, name));
  } catch (error) {
    if (isKubeError(error, "notFound")) return undefined;
    throw error;
  }
}
