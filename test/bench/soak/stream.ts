import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { PIPELINE } from "../../../crds/resources.ts";
import { Informer } from "../../../kube/informer.ts";
import { silentLogger } from "../../../kube/logger.ts";
import type { KubeObject, ObjectMeta } from "../../../kube/resource.ts";
import { Interrupted, LocalError } from "../../../local/local-error.ts";
import { type BenchCluster, NAMESPACE } from "../engine/cluster.ts";
import { type BenchRun, chains, singles, withFailures } from "../engine/graphs.ts";
import type { OdinSystem } from "../engine/odin-system.ts";

const LOOK_EVERY_MS = 20;
/** No run has ended for so long: something is stuck. */
const STUCK_MS = 120_000;

interface Run {
  metadata: ObjectMeta;
  phase: string;
}

/** Runs of one task, every tenth a chain of three, one task in twenty failing once; any stretch of them holds the same share of each. */
export function soakRuns(count: number): BenchRun[] {
  const chained = chains("soak-chain", Math.floor(count / 10), 3);
  const all = [...singles("soak", count - chained.length), ...chained].map((run) => ({ run, place: placeOf(run) }));
  all.sort((a, b) => (a.place < b.place ? -1 : 1));
  return withFailures(
    all.map(({ run }) => run),
    20,
  );
}

/** Where a run comes in an order that is the same each time and has nothing to do with its name: alike names must not stand together. */
function placeOf({ name }: BenchRun): string {
  return createHash("sha256").update(name).digest("hex");
}

/** Sends runs through the operator, a fixed number of them under way at a time. */
export class RunStream {
  finished = 0;
  /** Names of runs that ended otherwise than DONE. */
  readonly failed: string[] = [];
  readonly #system: OdinSystem;
  readonly #informer: Informer<Run>;
  readonly #underWay = new Set<string>();

  private constructor(cluster: BenchCluster, system: OdinSystem) {
    this.#system = system;
    this.#informer = new Informer<Run>({
      client: cluster.client,
      resource: PIPELINE,
      namespace: NAMESPACE,
      project: (raw) => ({ metadata: raw.metadata, phase: phaseOf(raw) }),
      logger: silentLogger,
    });
    this.#informer.onChange(({ object }) => this.#look(object));
  }

  /** Resolves when it sees what becomes of runs; `stop` ends that. */
  static async start(cluster: BenchCluster, system: OdinSystem): Promise<RunStream> {
    const stream = new RunStream(cluster, system);
    stream.#informer.start();
    await stream.#informer.synced;
    return stream;
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
  }

  /** Sends runs and resolves when all have ended; `sample` is called each second meanwhile. */
  async send(
    runs: readonly BenchRun[],
    inFlight: number,
    signal: AbortSignal,
    sample: () => Promise<void>,
  ): Promise<void> {
    const sampling = new AbortController();
    const sampled = this.#every(sample, sampling.signal);
    let changedAt = performance.now();
    let last = -1;
    const waitWhile = async (condition: () => boolean): Promise<void> => {
      while (condition()) {
        if (signal.aborted) throw new Interrupted();
        this.#system.check();
        if (this.finished !== last) [last, changedAt] = [this.finished, performance.now()];
        if (performance.now() - changedAt > STUCK_MS) {
          throw new LocalError(`no run has ended for ${STUCK_MS / 1000} s; ${this.#underWay.size} are under way`);
        }
        await delay(LOOK_EVERY_MS);
      }
    };
    try {
      for (const run of runs) {
        await waitWhile(() => this.#underWay.size >= inFlight);
        this.#underWay.add(run.name);
        await this.#system.submit(run);
      }
      await waitWhile(() => this.#underWay.size > 0);
    } finally {
      sampling.abort();
      await sampled;
    }
  }

  async #every(sample: () => Promise<void>, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await sample();
      await delay(1000, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  #look({ metadata: { name }, phase }: Run): void {
    if ((phase !== "DONE" && phase !== "TERMINATED") || !this.#underWay.delete(name)) return;
    this.finished += 1;
    if (phase !== "DONE") this.failed.push(name);
  }
}

function phaseOf(raw: KubeObject & { status?: { phase?: unknown } }): string {
  return String(raw.status?.phase ?? "");
}
