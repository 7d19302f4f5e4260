import type { Registry } from "prom-client";
import { PIPELINE } from "../../../crds/resources.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { Informer } from "../../../kube/informer.ts";
import type { Logger } from "../../../kube/logger.ts";
import { collectionPath, type KubeObject, objectPath, type Resource } from "../../../kube/resource.ts";
import { GRACE_SECONDS, serviceOf, statefulSetOf, type WorkersInput, workersName } from "../runs/workers.ts";
import { type OwnedObject, projectOwned, projectSet, type WorkerSet } from "./worker-set.ts";

const SERVICE = { group: "", version: "v1", plural: "services", kind: "Service", namespaced: true } as const;
const STATEFUL_SET = {
  group: "apps",
  version: "v1",
  plural: "statefulsets",
  kind: "StatefulSet",
  namespaced: true,
} as const;

/** What became of making an object. */
export type Made =
  | { kind: "made"; uid: string }
  /** One of that name that an earlier run has left is not gone yet. */
  | { kind: "wait" }
  | { kind: "refused"; reason: string };

interface WorkerObjectsParts {
  /** May write only while this process leads. */
  client: KubeClient;
  namespace: string;
  /** Selects the objects of all runs of the release. */
  labelSelector: string;
  logger: Logger;
  registry?: Registry;
}

/** The Services and StatefulSets of runs: makes them, watches them, and takes them away (M-44, M-54). */
export class WorkerObjects {
  readonly sets: Informer<WorkerSet>;
  readonly services: Informer<OwnedObject>;
  readonly #parts: WorkerObjectsParts;

  constructor(parts: WorkerObjectsParts) {
    this.#parts = parts;
    const { client, namespace, labelSelector, logger, registry } = parts;
    const options = { client, namespace, labelSelector, logger, ...(registry === undefined ? {} : { registry }) };
    this.sets = new Informer<WorkerSet>({ ...options, resource: STATEFUL_SET, project: projectSet });
    this.services = new Informer<OwnedObject>({ ...options, resource: SERVICE, project: projectOwned });
  }

  start(): void {
    this.sets.start();
    this.services.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.sets.stop(), this.services.stop()]);
  }

  /** Makes the Service of a run, or finds the one that was made before. Rejects with a KubeError where trying again helps. */
  async makeService(input: WorkersInput): Promise<Made> {
    return await this.#make(SERVICE, this.services, input, serviceOf(input));
  }

  /** The same for its StatefulSet. */
  async makeSet(input: WorkersInput): Promise<Made> {
    return await this.#make(STATEFUL_SET, this.sets, input, statefulSetOf(input));
  }

  /** The StatefulSet of that name if it is the one with that UID and stays; undefined: it was deleted. Asks the API server before it says so. */
  async liveSet(name: string, uid: string): Promise<WorkerSet | undefined> {
    return await this.#live(STATEFUL_SET, this.sets, name, uid);
  }

  async liveService(name: string, uid: string): Promise<OwnedObject | undefined> {
    return await this.#live(SERVICE, this.services, name, uid);
  }

  /** Takes away what belongs to a run: the StatefulSet with its pods, then the Service; true when both are gone. To be called again until then. */
  async remove(runUid: string, name: string): Promise<boolean> {
    const set = this.#ownedBy(this.sets, name, runUid);
    if (set !== undefined) {
      if (set.metadata.deletionTimestamp === undefined)
        await this.#delete(STATEFUL_SET, this.sets, set, { propagationPolicy: "Foreground" as const });
      return false;
    }
    const service = this.#ownedBy(this.services, name, runUid);
    if (service === undefined) return true;
    if (service.metadata.deletionTimestamp === undefined) await this.#delete(SERVICE, this.services, service, {});
    return false;
  }

  async #make<P extends OwnedObject>(
    resource: Resource,
    informer: Informer<P>,
    input: WorkersInput,
    body: Record<string, unknown>,
  ): Promise<Made> {
    const { client, namespace } = this.#parts;
    const { plan, id, settings, uid } = input;
    const name = workersName(plan.name, id, settings.release);
    try {
      const made = await client.create<KubeObject>(collectionPath(resource, namespace), body);
      informer.noteWritten(made);
      return { kind: "made", uid: made.metadata.uid };
    } catch (error) {
      if (isKubeError(error, "invalid", "forbidden", "quota", "tooLarge", "notFound"))
        return { kind: "refused", reason: `The ${resource.kind} ${name} was refused: ${error.message}` };
      if (!isKubeError(error, "alreadyExists")) throw error;
    }
    const found = await this.#read(resource, name);
    if (found === undefined) return { kind: "wait" };
    const { owner, metadata } = projectOwned(found);
    if (owner?.kind !== PIPELINE.kind)
      return { kind: "refused", reason: `There is a ${resource.kind} ${name} that belongs to somebody else` };
    if (owner.uid !== uid || metadata.deletionTimestamp !== undefined) return { kind: "wait" };
    informer.noteWritten(found);
    return { kind: "made", uid: metadata.uid };
  }

  async #live<P extends OwnedObject>(
    resource: Resource,
    informer: Informer<P>,
    name: string,
    uid: string,
  ): Promise<P | undefined> {
    const key = `${this.#parts.namespace}/${name}`;
    const isIt = (object: P | undefined): object is P =>
      object?.metadata.uid === uid && object.metadata.deletionTimestamp === undefined;
    const known = informer.get(key);
    if (isIt(known)) return known;
    const found = await this.#read(resource, name);
    if (found !== undefined) informer.noteWritten(found);
    const now = informer.get(key);
    return isIt(now) ? now : undefined;
  }

  async #read(resource: Resource, name: string): Promise<KubeObject | undefined> {
    try {
      return await this.#parts.client.get<KubeObject>(objectPath(resource, this.#parts.namespace, name));
    } catch (error) {
      if (isKubeError(error, "notFound")) return undefined;
      throw error;
    }
  }

  #ownedBy<P extends OwnedObject>(informer: Informer<P>, name: string, runUid: string): P | undefined {
    const object = informer.get(`${this.#parts.namespace}/${name}`);
    return object?.owner?.uid === runUid ? object : undefined;
  }

  async #delete<P extends OwnedObject>(
    resource: Resource,
    informer: Informer<P>,
    { metadata: { name, uid } }: P,
    manner: { propagationPolicy?: "Foreground" },
  ): Promise<void> {
    const { client, namespace } = this.#parts;
    try {
      const answer = await client.delete<Partial<KubeObject>>(objectPath(resource, namespace, name), {
        ...manner,
        uid,
        gracePeriodSeconds: GRACE_SECONDS,
      });
      if (answer.metadata?.uid === uid) informer.noteWritten(answer as KubeObject);
      else informer.noteDeleted(uid);
    } catch (error) {
      if (!isKubeError(error, "notFound", "conflict")) throw error;
      informer.noteDeleted(uid);
    }
  }
}
