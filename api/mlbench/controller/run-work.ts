import type { PipelineStatus, WorkerRank } from "../../../crds/generated/types.ts";
import { LABELS, MLBENCH_MANAGER } from "../../../crds/names.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { Requeue } from "../../../kube/queue.ts";
import { type KubeObject, objectPath } from "../../../kube/resource.ts";
import type { MlbenchOutput } from "../../../store/mlbench-output.ts";
import type { WorkerObject } from "../pods/worker-object.ts";
import type { WorkerPods } from "../pods/worker-pods.ts";
import { printout } from "../printout.ts";
import { argumentsOf, commandText } from "../runs/command.ts";
import type { CommandEnd, ManagedRun, RunCommandEvents, RunCommands, WorkerPod } from "../runs/managed-run.ts";
import type { Register } from "../runs/register.ts";
import { stateOf } from "../runs/run-object.ts";
import { BANDWIDTH_WARNING } from "../runs/run-request.ts";
import type { RunSettings } from "../runs/run-settings.ts";
import { planOf, type RunPlan, runIdOf, runNameOf, type StoredPipeline } from "../runs/run-spec.ts";
import type { MlbenchRuns } from "../runs/runs.ts";
import { containerName, hostsOf, podNames, type WorkersInput, workersName } from "../runs/workers.ts";
import { Admission } from "./admission.ts";
import { refusalOf } from "./refused-pods.ts";
import { failure, RunLines, told } from "./run-lines.ts";
import { endedStatus, placedStatus, startedStatus } from "./run-status.ts";
import type { WorkerObjects } from "./worker-objects.ts";
import { isReady, type TroubledPod, waitingLine } from "./worker-set.ts";

interface RunWorkParts {
  /** May write only while this process leads. */
  client: KubeClient;
  runs: MlbenchRuns;
  pods: Pick<WorkerPods, "informer">;
  objects: WorkerObjects;
  output: MlbenchOutput;
  register: Pick<Register, "take" | "release">;
  settings: RunSettings;
  makeCommands(events: RunCommandEvents): RunCommands;
  forget(run: StoredPipeline): Promise<void>;
  /** Has a run looked at again, at once or after a time. */
  touch(key: string, afterMs?: number): void;
  logger: Logger;
}

/** Between two lines of a run that waits for its turn (M-48). */
const QUEUE_LINE_MS = 30_000;
/** How soon the names and objects of others are looked at again, where no event tells. */
const LOOK_AGAIN_MS = 2_000;
/** For the pods of a StatefulSet to be made, before it is asked why they are not. */
const MAKING_MS = 5_000;
/** For a command to end when its run is taken away. */
const STOP_MS = 2_000;

const WAITING_FOR_NODES = "Waiting for nodes to be available";

/** What is remembered of a run between two looks; nothing that matters after a restart. */
interface Memory {
  queueLineAt: number;
  waitingKey: string;
  /** Since when pods of the StatefulSet are missing. */
  incompleteSince?: number;
  end?: CommandEnd;
}

/** The work of the active controller: `look` does for one run what is to be done next (M-47 to M-58). */
export class RunWork {
  readonly #parts: RunWorkParts;
  readonly #lines: RunLines;
  readonly #admission: Admission;
  readonly #commands: RunCommands;
  readonly #memories = new Map<string, Memory>();
  /** Runs that wait for an object of that name to go. */
  readonly #waitingForName = new Map<string, string>();
  #isEnded = false;

  constructor(parts: RunWorkParts) {
    this.#parts = parts;
    this.#lines = new RunLines(parts.output);
    this.#admission = new Admission({
      runs: parts.runs,
      maxWorkers: parts.settings.maxWorkers,
      admit: (run) => this.#admit(run),
    });
    this.#commands = parts.makeCommands({ onEnd: (uid, end) => this.#commandEnded(uid, end) });
  }

  /** Follows no command any more and lets all of them go on. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#commands.detach();
  }

  /** Workers have become free. */
  freed(): void {
    this.#admission.walk().catch((error: unknown) => {
      if (this.#isEnded) return;
      this.#parts.logger.warn({ err: String(error) }, "waiting runs could not be started; trying again");
      const [next] = this.#parts.runs.all().filter((run) => stateOf(run) === "initialized");
      if (next !== undefined) this.#parts.touch(this.#keyOf(next), LOOK_AGAIN_MS);
    });
  }

  /** An object of that name is gone. */
  nameFreed(name: string): void {
    const key = this.#waitingForName.get(name);
    if (key !== undefined) this.#parts.touch(key);
  }

  /** Does the next thing for a run; rejects where it is to be tried again. */
  async look(key: string): Promise<Requeue | undefined> {
    if (this.#isEnded) return undefined;
    const run = this.#parts.runs.informer.get(key);
    if (run === undefined) return undefined;
    if (run.metadata.deletionTimestamp !== undefined) return await this.#takeAway(run);
    const id = runIdOf(run.metadata);
    if (id === undefined || !run.metadata.finalizers?.includes(MLBENCH_MANAGER)) return await this.#adopt(run, id);
    switch (stateOf(run)) {
      case "initialized":
        return await this.#wait(run, id);
      case "started":
        return await this.#advance(run, id);
      default:
        return await this.#cleanUp(run);
    }
  }

  /** A Pipeline that somebody has written by hand becomes a run like any other (M-43). */
  async #adopt(run: StoredPipeline, known: number | undefined): Promise<undefined> {
    const name = runNameOf(run);
    const object = run.metadata.name;
    let id = known;
    let conflict = false;
    if (id === undefined) {
      const registered = await this.#parts.register.take({ name, alone: false, object });
      conflict = registered.kind === "taken";
      // It is there already, so it gets an id, under a name that nobody else can have.
      const own =
        registered.kind === "taken"
          ? await this.#parts.register.take({ name: `.${object}`, alone: false, object })
          : registered;
      if (own.kind === "taken") throw new Error(`the Pipeline ${object} got no id`);
      id = own.id;
    }
    const finalizers = [...new Set([...(run.metadata.finalizers ?? []), MLBENCH_MANAGER])];
    const { uid, resourceVersion } = run.metadata;
    const metadata = { uid, resourceVersion, finalizers, labels: { [LABELS.mlbenchRun]: String(id) } };
    const adopted = await this.#patch(run, undefined, { metadata });
    if (conflict && adopted !== undefined)
      await this.#endAs(adopted, id, `There is already an active run named ${name}`);
    return undefined;
  }

  /** A run that waits for its turn (M-55). */
  async #wait(run: StoredPipeline, id: number): Promise<Requeue | undefined> {
    const cancelled = cancellationOf(run);
    if (cancelled !== undefined) return await this.#endAs(run, id, cancelled);
    const plan = planOf(run);
    if ("problem" in plan) return await this.#endAs(run, id, plan.problem);
    await this.#sayQueued(run, id, plan);
    await this.#admission.walk();
    const now = this.#parts.runs.informer.get(this.#keyOf(run));
    if (now === undefined || stateOf(now) !== "initialized") return undefined;
    const memory = this.#memoryOf(run);
    const elapsed = performance.now() - memory.queueLineAt;
    if (elapsed < QUEUE_LINE_MS) return { requeueAfterMs: QUEUE_LINE_MS - elapsed };
    memory.queueLineAt = performance.now();
    await this.#lines.say(id, WAITING_FOR_NODES);
    return { requeueAfterMs: QUEUE_LINE_MS };
  }

  async #sayQueued(run: StoredPipeline, id: number, plan: RunPlan): Promise<void> {
    const warning = plan.egressMbits === undefined ? [] : told(BANDWIDTH_WARNING);
    await this.#lines.step(id, "initialized", [...told("Initializing run"), ...warning]);
    await this.#lines.step(id, "queued", told(WAITING_FOR_NODES));
    this.#memoryOf(run);
  }

  /** Writes that a run is started, before anything is made for it (M-47). */
  async #admit(run: StoredPipeline): Promise<void> {
    const id = runIdOf(run.metadata);
    const plan = planOf(run);
    if (id === undefined || "problem" in plan) return;
    await this.#sayQueued(run, id, plan);
    const name = workersName(plan.name, id, this.#parts.settings.release);
    const status = startedStatus(run, name, this.#now());
    // At the version that was read: a run that was cancelled meanwhile is not started.
    const { uid, resourceVersion } = run.metadata;
    const written = await this.#patchOrThrow(run, "status", { metadata: { uid, resourceVersion }, status });
    this.#parts.touch(this.#keyOf(written));
  }

  /** A run that is started: makes its workers, waits until they are ready, and starts its command. */
  async #advance(run: StoredPipeline, id: number): Promise<Requeue | undefined> {
    const plan = planOf(run);
    if ("problem" in plan) return await this.#endAs(run, id, plan.problem);
    const end = this.#memoryOf(run).end;
    if (end !== undefined)
      return await this.#endAs(run, id, end.ok ? undefined : (end.reason ?? "The command failed"), end);
    const cancelled = cancellationOf(run);
    if (cancelled !== undefined) return await this.#endAs(run, id, cancelled);
    await this.#sayQueued(run, id, plan);
    await this.#lines.step(id, "started", told("Waiting for pods to become available"));
    const workers = run.status?.workers;
    if (workers?.setUid === undefined || workers.serviceUid === undefined) return await this.#make(run, id, plan);
    const set = await this.#parts.objects.liveSet(workers.name, workers.setUid);
    if (set === undefined) return await this.#endAs(run, id, `The StatefulSet ${workers.name} was deleted`);
    const service = await this.#parts.objects.liveService(workers.name, workers.serviceUid);
    if (service === undefined) return await this.#endAs(run, id, `The Service ${workers.name} was deleted`);
    if (workers.ranks !== undefined) return await this.#command(run, id, plan, workers.ranks);
    const pods = this.#podsOf(id);
    if (!isReady(set, plan.workers)) {
      const refusal = set.replicas < plan.workers ? await this.#refusal(run, workers.name, workers.setUid) : {};
      const troubled = [...pods.flatMap(troubleOf), ...(refusal.found === undefined ? [] : [refusal.found])];
      await this.#sayWaiting(run, id, waitingLine(set, plan.workers, troubled));
      return refusal.again;
    }
    const ready = podNames(workers.name, plan.workers).map((name) =>
      pods.find(({ metadata }) => metadata.name === name),
    );
    // The set says that they are ready; the watch of pods is a moment behind it.
    if (!ready.every((pod) => pod !== undefined && pod.ip !== "")) return { requeueAfterMs: LOOK_AGAIN_MS };
    return await this.#place(
      run,
      plan,
      id,
      ready.filter((pod) => pod !== undefined),
    );
  }

  /** Why pods are missing, where they have been for a while, and when to look again: no event of ours tells that the reason is another. */
  async #refusal(
    run: StoredPipeline,
    name: string,
    uid: string,
  ): Promise<{ found?: TroubledPod | undefined; again?: Requeue }> {
    const memory = this.#memoryOf(run);
    memory.incompleteSince ??= performance.now();
    const elapsed = performance.now() - memory.incompleteSince;
    if (elapsed < MAKING_MS) return { again: { requeueAfterMs: MAKING_MS - elapsed } };
    const { client, settings, logger } = this.#parts;
    const found = await refusalOf(client, settings.namespace, { name, uid }, logger);
    return { found, again: { requeueAfterMs: QUEUE_LINE_MS } };
  }

  async #make(run: StoredPipeline, id: number, plan: RunPlan): Promise<Requeue | undefined> {
    const { objects, settings } = this.#parts;
    const { uid, name: object } = run.metadata;
    const input: WorkersInput = { id, uid, object, plan, settings };
    const name = workersName(plan.name, id, settings.release);
    const service = await objects.makeService(input);
    const set = service.kind === "made" ? await objects.makeSet(input) : service;
    if (service.kind === "refused") return await this.#endAs(run, id, service.reason);
    if (set.kind === "refused") return await this.#endAs(run, id, set.reason);
    if (service.kind === "wait" || set.kind === "wait") {
      this.#waitingForName.set(name, this.#keyOf(run));
      return { requeueAfterMs: LOOK_AGAIN_MS };
    }
    this.#waitingForName.delete(name);
    await this.#writeStatus(run, { workers: { name, serviceUid: service.uid, setUid: set.uid } });
    return undefined;
  }

  /** Writes where the workers are and that the command is to be started; the next look starts it (M-36, M-47). */
  async #place(run: StoredPipeline, plan: RunPlan, id: number, pods: readonly WorkerObject[]): Promise<undefined> {
    const { name = "", serviceUid = "", setUid = "" } = run.status?.workers ?? {};
    const [first] = pods;
    const labels = Object.fromEntries(
      Object.entries(first?.labels ?? {}).filter(([key, value]) => pods.every((pod) => pod.labels[key] === value)),
    );
    const ranks = pods.map((pod): WorkerRank => {
      const own = Object.fromEntries(Object.entries(pod.labels).filter(([key]) => !Object.hasOwn(labels, key)));
      return { pod: pod.metadata.name, uid: pod.metadata.uid, ip: pod.ip, labels: own };
    });
    const command = this.#commandOf(plan, id, name, 0);
    const master = first?.metadata.name ?? "";
    const workers = { name, serviceUid, setUid, labels, command, master, ranks };
    await this.#writeStatus(run, placedStatus(workers, this.#now(), plan.allRanks));
    return undefined;
  }

  /** Starts the command, or has it followed if it was started before: by a process before this one, perhaps. */
  async #command(run: StoredPipeline, id: number, plan: RunPlan, ranks: readonly WorkerRank[]): Promise<undefined> {
    const { uid, namespace = "" } = run.metadata;
    const { name = "" } = run.status?.workers ?? {};
    const hosts = printout(hostsOf(name, plan.workers));
    await this.#lines.step(id, "ready", told("Created stateful set, starting run.", hosts, "Started run."));
    const count = plan.allRanks ? plan.workers : 1;
    const commands = Array.from({ length: count }, (_, rank) => argumentsOf(this.#commandOf(plan, id, name, rank)));
    const managed: ManagedRun = { uid, id, name: plan.name, namespace, commands };
    const container = containerName(plan.name, id);
    const pods = ranks.map(
      (rank, index): WorkerPod => ({ rank: index, name: rank.pod, uid: rank.uid ?? "", ip: rank.ip ?? "", container }),
    );
    if (!this.#isEnded) this.#commands.start(managed, pods);
    return undefined;
  }

  #commandOf(plan: RunPlan, id: number, name: string, rank: number): string {
    const { mpiCommand, maxGpuPerWorker } = this.#parts.settings;
    return commandText({
      template: plan.template,
      launcher: plan.launcher ? mpiCommand : undefined,
      hosts: hostsOf(name, plan.workers),
      slotsPerHost: maxGpuPerWorker,
      runId: id,
      rank,
      backend: plan.backend,
      gpu: plan.gpus > 0,
      light: plan.lightTarget,
    });
  }

  #commandEnded(uid: string, end: CommandEnd): void {
    for (const run of this.#parts.runs.informer.list()) {
      if (run.metadata.uid !== uid) continue;
      this.#memoryOf(run).end = end;
      this.#parts.touch(this.#keyOf(run));
    }
  }

  /** Ends a run: `finished` without a reason, else `failed`. Its lines are stored before its state is written. */
  async #endAs(
    run: StoredPipeline,
    id: number,
    reason: string | undefined,
    end?: CommandEnd,
  ): Promise<Requeue | undefined> {
    if (end === undefined) await this.#commands.stop(run.metadata.uid, STOP_MS);
    if (reason !== undefined) {
      await this.#lines.step(id, "initialized", told("Initializing run"));
      await this.#lines.step(id, "ended", failure(reason));
    }
    const ended = await this.#writeStatus(run, endedStatus(run, reason, end, this.#now()));
    this.freed();
    return ended === undefined ? undefined : await this.#cleanUp(ended);
  }

  /** Nothing of a run that has ended stays in the cluster but its Pipeline (M-54). */
  async #cleanUp(run: StoredPipeline): Promise<Requeue | undefined> {
    await this.#commands.stop(run.metadata.uid, 0);
    const isGone = await this.#removeWorkers(run);
    if (isGone) this.#memories.delete(run.metadata.uid);
    return isGone ? undefined : { requeueAfterMs: LOOK_AGAIN_MS };
  }

  /** A run that is being deleted: each step may be repeated, and the object goes last (M-58). */
  async #takeAway(run: StoredPipeline): Promise<Requeue | undefined> {
    this.freed();
    const { uid, resourceVersion, finalizers = [] } = run.metadata;
    if (!finalizers.includes(MLBENCH_MANAGER)) return undefined;
    await this.#commands.stop(uid, STOP_MS);
    if (!(await this.#removeWorkers(run))) return { requeueAfterMs: LOOK_AGAIN_MS };
    await this.#parts.forget(run);
    const id = runIdOf(run.metadata);
    if (id !== undefined) await this.#parts.register.release({ id, object: run.metadata.name });
    const left = finalizers.filter((finalizer) => finalizer !== MLBENCH_MANAGER);
    await this.#patch(run, undefined, { metadata: { uid, resourceVersion, finalizers: left } });
    this.#memories.delete(uid);
    if (id !== undefined) this.#lines.forget(id);
    return undefined;
  }

  async #removeWorkers(run: StoredPipeline): Promise<boolean> {
    const id = runIdOf(run.metadata);
    const plan = planOf(run);
    const own =
      id === undefined || "problem" in plan ? undefined : workersName(plan.name, id, this.#parts.settings.release);
    const name = run.status?.workers?.name ?? own;
    return name === undefined || (await this.#parts.objects.remove(run.metadata.uid, name));
  }

  async #sayWaiting(run: StoredPipeline, id: number, { text, key }: { text: string; key: string }): Promise<void> {
    const memory = this.#memoryOf(run);
    if (memory.waitingKey === key) return;
    await this.#lines.say(id, text);
    memory.waitingKey = key;
  }

  #podsOf(id: number): WorkerObject[] {
    return [...this.#parts.pods.informer.list()].filter(
      ({ run, metadata }) => run === id && metadata.deletionTimestamp === undefined,
    );
  }

  #memoryOf({ metadata: { uid } }: StoredPipeline): Memory {
    const memory = this.#memories.get(uid) ?? { queueLineAt: performance.now(), waitingKey: "" };
    this.#memories.set(uid, memory);
    return memory;
  }

  async #writeStatus(run: StoredPipeline, status: PipelineStatus): Promise<StoredPipeline | undefined> {
    return await this.#patch(run, "status", { metadata: { uid: run.metadata.uid }, status });
  }

  /** Undefined where the run is gone, or has changed: it is looked at again then. */
  async #patch(run: StoredPipeline, part: "status" | undefined, body: object): Promise<StoredPipeline | undefined> {
    try {
      return await this.#patchOrThrow(run, part, body);
    } catch (error) {
      if (!isKubeError(error, "notFound", "conflict")) throw error;
      this.#parts.touch(this.#keyOf(run), LOOK_AGAIN_MS / 10);
      return undefined;
    }
  }

  async #patchOrThrow(run: StoredPipeline, part: "status" | undefined, body: object): Promise<StoredPipeline> {
    const { client, settings, runs } = this.#parts;
    const path = objectPath(PIPELINE, settings.namespace, run.metadata.name, part);
    const written = await client.patch<StoredPipeline>(
      path,
      "merge",
      body,
      part === undefined ? {} : { lane: "status" },
    );
    runs.noteWritten(written as unknown as KubeObject);
    return written;
  }

  #keyOf({ metadata }: StoredPipeline): string {
    return `${this.#parts.settings.namespace}/${metadata.name}`;
  }

  #now(): string {
    return this.#parts.client.clock.now();
  }
}

/** Why a run is to end, where somebody has said so by its controls (M-43). */
function cancellationOf({ spec }: StoredPipeline): string | undefined {
  if (!spec.cancel && !spec.stop) return undefined;
  return `The run was cancelled${spec.cancelledBy === undefined ? "" : ` by ${spec.cancelledBy}`}`;
}

function troubleOf({ metadata, trouble }: WorkerObject): { name: string; trouble: string }[] {
  return trouble === undefined ? [] : [{ name: metadata.name, trouble }];
}
