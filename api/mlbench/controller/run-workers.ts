import type { WorkerRank } from "../../../crds/generated/types.ts";
import type { KubeClient } from "../../../kube/client.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { Requeue } from "../../../kube/queue.ts";
import type { WorkerObject } from "../pods/worker-object.ts";
import type { WorkerPods } from "../pods/worker-pods.ts";
import type { RunSettings } from "../runs/run-settings.ts";
import type { RunPlan, StoredPipeline } from "../runs/run-spec.ts";
import { podNames, type WorkersInput, workersName } from "../runs/workers.ts";
import { LOOK_AGAIN_MS } from "./look-again.ts";
import { refusalOf } from "./refused-pods.ts";
import type { RunLines } from "./run-lines.ts";
import type { RunMemories } from "./run-memories.ts";
import type { RunWrites } from "./run-writes.ts";
import type { WorkerObjects } from "./worker-objects.ts";
import { isReady, type TroubledPod, waitingLine } from "./worker-set.ts";

interface RunWorkersParts {
  /** May write only while this process leads. */
  client: KubeClient;
  pods: Pick<WorkerPods, "informer">;
  objects: WorkerObjects;
  settings: RunSettings;
  lines: RunLines;
  memories: RunMemories;
  writes: RunWrites;
  /** Has a run looked at again. */
  touch(key: string): void;
  logger: Logger;
}

/** How the workers of a started run are. */
export type WorkersNow =
  /** They cannot be had, or are there no more. */
  | { kind: "failed"; reason: string }
  /** To be looked at again when an event tells, and at that time where there is one. */
  | { kind: "waiting"; again?: Requeue | undefined }
  /** The pods, by rank. */
  | { kind: "ready"; pods: WorkerObject[] }
  /** They were ready once, and where they are is written. */
  | { kind: "placed"; ranks: readonly WorkerRank[] };

/** For the pods of a StatefulSet to be made, before it is asked why they are not. */
const MAKING_MS = 5_000;
/** Between two questions why pods are missing. */
const REFUSED_AGAIN_MS = 30_000;

/** Makes the workers of started runs and waits until they are ready (M-47 to M-49, M-53). */
export class RunWorkers {
  readonly #parts: RunWorkersParts;
  /** Runs that wait for an object of that name to go. */
  readonly #waitingForName = new Map<string, string>();

  constructor(parts: RunWorkersParts) {
    this.#parts = parts;
  }

  /** An object of that name is gone. */
  nameFreed(name: string): void {
    const key = this.#waitingForName.get(name);
    if (key !== undefined) this.#parts.touch(key);
  }

  /** Does the next thing for the workers of a run; rejects where it is to be tried again. */
  async look(run: StoredPipeline, id: number, plan: RunPlan): Promise<WorkersNow> {
    const { objects } = this.#parts;
    const workers = run.status?.workers;
    if (workers?.setUid === undefined || workers.serviceUid === undefined) return await this.#make(run, id, plan);
    const { name, setUid, serviceUid, ranks } = workers;
    const set = await objects.liveSet(name, setUid);
    if (set === undefined) return { kind: "failed", reason: `The StatefulSet ${name} was deleted` };
    const service = await objects.liveService(name, serviceUid);
    if (service === undefined) return { kind: "failed", reason: `The Service ${name} was deleted` };
    if (ranks !== undefined) return { kind: "placed", ranks };
    const pods = this.#podsOf(id);
    if (!isReady(set, plan.workers)) {
      const refusal = set.replicas < plan.workers ? await this.#refusal(run, name, setUid) : {};
      const troubled = [...pods.flatMap(troubleOf), ...(refusal.found === undefined ? [] : [refusal.found])];
      await this.#sayWaiting(run, id, waitingLine(set, plan.workers, troubled));
      return { kind: "waiting", again: refusal.again };
    }
    const ready = podNames(name, plan.workers)
      .map((one) => pods.find(({ metadata }) => metadata.name === one))
      .filter((pod) => pod !== undefined)
      .filter(({ ip }) => ip !== "");
    // The set says that they are ready; the watch of pods is a moment behind it.
    if (ready.length < plan.workers) return { kind: "waiting", again: { requeueAfterMs: LOOK_AGAIN_MS } };
    return { kind: "ready", pods: ready };
  }

  async #make(run: StoredPipeline, id: number, plan: RunPlan): Promise<WorkersNow> {
    const { objects, settings, writes } = this.#parts;
    const { uid, name: object } = run.metadata;
    const input: WorkersInput = { id, uid, object, plan, settings };
    const name = workersName(plan.name, id, settings.release);
    const service = await objects.makeService(input);
    const set = service.kind === "made" ? await objects.makeSet(input) : service;
    if (service.kind === "refused") return { kind: "failed", reason: service.reason };
    if (set.kind === "refused") return { kind: "failed", reason: set.reason };
    if (service.kind === "wait" || set.kind === "wait") {
      this.#waitingForName.set(name, writes.keyOf(run));
      return { kind: "waiting", again: { requeueAfterMs: LOOK_AGAIN_MS } };
    }
    this.#waitingForName.delete(name);
    await writes.status(run, { workers: { name, serviceUid: service.uid, setUid: set.uid } });
    return { kind: "waiting" };
  }

  /** Why pods are missing, where they have been for a while, and when to look again: no event of ours tells that the reason is another. */
  async #refusal(
    run: StoredPipeline,
    name: string,
    uid: string,
  ): Promise<{ found?: TroubledPod | undefined; again?: Requeue }> {
    const { client, settings, logger, memories } = this.#parts;
    const memory = memories.of(run);
    memory.incompleteSince ??= performance.now();
    const elapsed = performance.now() - memory.incompleteSince;
    if (elapsed < MAKING_MS) return { again: { requeueAfterMs: MAKING_MS - elapsed } };
    const found = await refusalOf(client, settings.namespace, { name, uid }, logger);
    return { found, again: { requeueAfterMs: REFUSED_AGAIN_MS } };
  }

  async #sayWaiting(run: StoredPipeline, id: number, { text, key }: { text: string; key: string }): Promise<void> {
    const memory = this.#parts.memories.of(run);
    if (memory.waitingKey === key) return;
    await this.#parts.lines.say(id, text);
    memory.waitingKey = key;
  }

  #podsOf(id: number): WorkerObject[] {
    return [...this.#parts.pods.informer.list()].filter(
      ({ run, metadata }) => run === id && metadata.deletionTimestamp === undefined,
    );
  }
}

function troubleOf({ metadata, trouble }: WorkerObject): { name: string; trouble: string }[] {
  return trouble === undefined ? [] : [{ name: metadata.name, trouble }];
}
