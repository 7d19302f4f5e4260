import { type KeptMetadata, keptMetadata } from "../../../kube/kept-metadata.ts";
import type { KubeObject, OwnerReference } from "../../../kube/resource.ts";

/** A Service or StatefulSet of a run, as far as its run looks at it. */
export interface OwnedObject {
  metadata: KeptMetadata;
  /** Its controlling owner. */
  owner?: Pick<OwnerReference, "kind" | "name" | "uid">;
}

/** A StatefulSet, as far as its run looks at it (M-49). */
export interface WorkerSet extends OwnedObject {
  generation: number;
  observedGeneration: number;
  replicas: number;
  current: number;
  ready: number;
}

interface RawSet extends KubeObject {
  status?: { observedGeneration?: number; replicas?: number; currentReplicas?: number; readyReplicas?: number };
}

/** A worker that keeps its run waiting, and why. */
export interface TroubledPod {
  name: string;
  trouble: string;
}

/** Pods whose trouble a line tells. */
const MOST_TROUBLES = 3;

export function projectOwned({ metadata }: KubeObject): OwnedObject {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return {
    metadata: keptMetadata(metadata),
    ...(owner === undefined ? {} : { owner: { kind: owner.kind, name: owner.name, uid: owner.uid } }),
  };
}

export function projectSet(raw: KubeObject): WorkerSet {
  const { observedGeneration = 0, replicas = 0, currentReplicas = 0, readyReplicas = 0 } = (raw as RawSet).status ?? {};
  const generation = raw.metadata.generation ?? 0;
  return {
    ...projectOwned(raw),
    generation,
    observedGeneration,
    replicas,
    current: currentReplicas,
    ready: readyReplicas,
  };
}

/** Whether all workers are there and ready (M-49). */
export function isReady(set: WorkerSet, workers: number): boolean {
  const counts = [set.current, set.replicas, set.ready];
  return counts.every((count) => count === workers) && set.observedGeneration >= set.generation;
}

/** The line that says how far the workers are (M-48), and what has to change for it to be said again. */
export function waitingLine(
  set: WorkerSet,
  workers: number,
  troubled: readonly TroubledPod[],
): { text: string; key: string } {
  const numbers = `Current: ${set.current}/${workers}, Replicas: ${set.replicas}/${workers}, Ready: ${set.ready}, Observed Gen: ${set.observedGeneration}/${set.generation}`;
  const told = [...troubled].sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MOST_TROUBLES);
  const text = `Waiting for workers: ${numbers}${told.map(({ name, trouble }) => `, ${name}: ${trouble}`).join("")}`;
  // Not the words of a trouble: a kubelet changes between two of them for ever while an image cannot be pulled.
  return { text, key: `${numbers} ${told.map(({ name }) => name).join(" ")}` };
}
