import { LABELS, MLBENCH_MANAGER } from "../../../crds/names.ts";
import type { KubeClient } from "../../../kube/client.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { Requeue } from "../../../kube/queue.ts";
import type { MlbenchOutput } from "../../../store/mlbench-output.ts";
import type { WorkerPods } from "../pods/worker-pods.ts";
import type { CommandEnd, RunCommandEvents, RunCommands } from "../runs/managed-run.ts";
import type { Register } from "../runs/register.ts";
import { stateOf } from "../runs/run-object.ts";
import { BANDWIDTH_WARNING } from "../runs/run-request.ts";
import type { RunSettings } from "../runs/run-settings.ts";
import { planOf, type RunPlan, runIdOf, runNameOf, type StoredPipeline } from "../runs/run-spec.ts";
import type { MlbenchRuns } from "../runs/runs.ts";
import { workersName } from "../runs/workers.ts";
import { Admission } from "./admission.ts";
import { CommandStart } from "./command-start.ts";
import { LOOK_AGAIN_MS } from "./look-again.ts";
import { RunEnd } from "./run-end.ts";
import { RunLines, told } from "./run-lines.ts";
import { RunMemories } from "./run-memories.ts";
import { startedStatus } from "./run-status.ts";
import { RunWorkers } from "./run-workers.ts";
import { RunWrites } from "./run-writes.ts";
import type { WorkerObjects } from "./worker-objects.ts";

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
const WAITING_FOR_NODES = "Waiting for nodes to be available";

/** The work of the active controller: `look` does for one run what is to be done next (M-47 to M-58). */
export class RunWork {
  readonly #parts: RunWorkParts;
  readonly #lines: RunLines;
  readonly #memories = new RunMemories();
  readonly #writes: RunWrites;
  readonly #admission: Admission;
  readonly #commands: RunCommands;
  readonly #workers: RunWorkers;
  readonly #start: CommandStart;
  readonly #end: RunEnd;
  #isEnded = false;

  constructor(parts: RunWorkParts) {
    this.#parts = parts;
    const { client, runs, pods, objects, register, settings, logger } = parts;
    const touch = (key: string, afterMs?: number): void => parts.touch(key, afterMs);
    this.#lines = new RunLines(parts.output);
    this.#writes = new RunWrites({ client, namespace: settings.namespace, runs, touch });
    this.#admission = new Admission({
      runs,
      maxWorkers: settings.maxWorkers,
      admit: (run) => this.#admit(run),
    });
    this.#commands = parts.makeCommands({ onEnd: (uid, end) => this.#commandEnded(uid, end) });
    const shared = { settings, lines: this.#lines, memories: this.#memories, writes: this.#writes };
    this.#workers = new RunWorkers({ ...shared, client, pods, objects, touch, logger });
    this.#start = new CommandStart({ ...shared, commands: this.#commands, isEnded: () => this.#isEnded });
    this.#end = new RunEnd({
      ...shared,
      ...{ objects, register, commands: this.#commands },
      forget: (run) => parts.forget(run),
      freed: () => this.freed(),
    });
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
      if (next !== undefined) this.#parts.touch(this.#writes.keyOf(next), LOOK_AGAIN_MS);
    });
  }

  /** An object of that name is gone. */
  nameFreed(name: string): void {
    this.#workers.nameFreed(name);
  }

  /** Does the next thing for a run; rejects where it is to be tried again. */
  async look(key: string): Promise<Requeue | undefined> {
    if (this.#isEnded) return undefined;
    const run = this.#parts.runs.informer.get(key);
    if (run === undefined) return undefined;
    if (run.metadata.deletionTimestamp !== undefined) return await this.#end.takeAway(run);
    const id = runIdOf(run.metadata);
    if (id === undefined || !run.metadata.finalizers?.includes(MLBENCH_MANAGER)) return await this.#adopt(run, id);
    switch (stateOf(run)) {
      case "initialized":
        return await this.#wait(run, id);
      case "started":
        return await this.#advance(run, id);
      default:
        return await this.#end.cleanUp(run);
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
    const adopted = await this.#writes.patch(run, undefined, { metadata });
    if (conflict && adopted !== undefined)
      await this.#end.endAs(adopted, id, `There is already an active run named ${name}`);
    return undefined;
  }

  /** A run that waits for its turn (M-55). */
  async #wait(run: StoredPipeline, id: number): Promise<Requeue | undefined> {
    const cancelled = cancellationOf(run);
    if (cancelled !== undefined) return await this.#end.endAs(run, id, cancelled);
    const plan = planOf(run);
    if ("problem" in plan) return await this.#end.endAs(run, id, plan.problem);
    await this.#sayQueued(run, id, plan);
    await this.#admission.walk();
    const now = this.#parts.runs.informer.get(this.#writes.keyOf(run));
    if (now === undefined || stateOf(now) !== "initialized") return undefined;
    const memory = this.#memories.of(run);
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
    this.#memories.of(run);
  }

  /** Writes that a run is started, before anything is made for it (M-47). */
  async #admit(run: StoredPipeline): Promise<void> {
    const id = runIdOf(run.metadata);
    const plan = planOf(run);
    if (id === undefined || "problem" in plan) return;
    await this.#sayQueued(run, id, plan);
    const name = workersName(plan.name, id, this.#parts.settings.release);
    const status = startedStatus(run, name, this.#writes.now());
    // At the version that was read: a run that was cancelled meanwhile is not started.
    const { uid, resourceVersion } = run.metadata;
    const written = await this.#writes.patchOrThrow(run, "status", { metadata: { uid, resourceVersion }, status });
    this.#parts.touch(this.#writes.keyOf(written));
  }

  /** A run that is started: makes its workers, waits until they are ready, and starts its command. */
  async #advance(run: StoredPipeline, id: number): Promise<Requeue | undefined> {
    const plan = planOf(run);
    if ("problem" in plan) return await this.#end.endAs(run, id, plan.problem);
    const { end } = this.#memories.of(run);
    if (end !== undefined)
      return await this.#end.endAs(run, id, end.ok ? undefined : (end.reason ?? "The command failed"), end);
    const cancelled = cancellationOf(run);
    if (cancelled !== undefined) return await this.#end.endAs(run, id, cancelled);
    await this.#sayQueued(run, id, plan);
    await this.#lines.step(id, "started", told("Waiting for pods to become available"));
    const workers = await this.#workers.look(run, id, plan);
    switch (workers.kind) {
      case "failed":
        return await this.#end.endAs(run, id, workers.reason);
      case "waiting":
        return workers.again;
      case "ready":
        await this.#start.place(run, id, plan, workers.pods);
        return undefined;
      case "placed":
        await this.#start.start(run, id, plan, workers.ranks);
        return undefined;
    }
  }

  #commandEnded(uid: string, end: CommandEnd): void {
    for (const run of this.#parts.runs.informer.list()) {
      if (run.metadata.uid !== uid) continue;
      this.#memories.of(run).end = end;
      this.#parts.touch(this.#writes.keyOf(run));
    }
  }
}

/** Why a run is to end, where somebody has said so by its controls (M-43). */
function cancellationOf({ spec }: StoredPipeline): string | undefined {
  if (!spec.cancel && !spec.stop) return undefined;
  return `The run was cancelled${spec.cancelledBy === undefined ? "" : ` by ${spec.cancelledBy}`}`;
}
