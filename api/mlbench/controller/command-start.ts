import type { WorkerRank } from "../../../crds/generated/types.ts";
import type { WorkerObject } from "../pods/worker-object.ts";
import { printout } from "../printout.ts";
import { argumentsOf, commandText } from "../runs/command.ts";
import type { ManagedRun, RunCommands, WorkerPod } from "../runs/managed-run.ts";
import type { RunSettings } from "../runs/run-settings.ts";
import type { RunPlan, StoredPipeline } from "../runs/run-spec.ts";
import { containerName, hostsOf } from "../runs/workers.ts";
import { type RunLines, told } from "./run-lines.ts";
import { placedStatus } from "./run-status.ts";
import type { RunWrites } from "./run-writes.ts";

interface CommandStartParts {
  commands: RunCommands;
  settings: RunSettings;
  lines: RunLines;
  writes: RunWrites;
  /** Whether this process follows no command any more. */
  isEnded(): boolean;
}

/** Starts the commands of runs whose workers are ready; where they are is written first (M-36, M-47, M-50). */
export class CommandStart {
  readonly #parts: CommandStartParts;

  constructor(parts: CommandStartParts) {
    this.#parts = parts;
  }

  /** Writes where the workers are and that the command is to be started; the next look starts it (M-36, M-47). */
  async place(run: StoredPipeline, id: number, plan: RunPlan, pods: readonly WorkerObject[]): Promise<void> {
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
    const { writes } = this.#parts;
    await writes.status(run, placedStatus(workers, writes.now(), plan.allRanks));
  }

  /** Starts the command, or has it followed if it was started before: by a process before this one, perhaps. */
  async start(run: StoredPipeline, id: number, plan: RunPlan, ranks: readonly WorkerRank[]): Promise<void> {
    const { uid, namespace = "" } = run.metadata;
    const { name = "" } = run.status?.workers ?? {};
    const { lines, commands, isEnded } = this.#parts;
    const hosts = printout(hostsOf(name, plan.workers));
    await lines.step(id, "ready", told("Created stateful set, starting run.", hosts, "Started run."));
    const count = plan.allRanks ? plan.workers : 1;
    const texts = Array.from({ length: count }, (_, rank) => argumentsOf(this.#commandOf(plan, id, name, rank)));
    const managed: ManagedRun = { uid, id, name: plan.name, namespace, commands: texts };
    const container = containerName(plan.name, id);
    const pods = ranks.map(
      (rank, index): WorkerPod => ({ rank: index, name: rank.pod, uid: rank.uid ?? "", ip: rank.ip ?? "", container }),
    );
    if (!isEnded()) commands.start(managed, pods);
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
}
