import type { CommandEnd } from "../runs/managed-run.ts";
import type { StoredPipeline } from "../runs/run-spec.ts";

/** What is remembered of a run between two looks; nothing that matters after a restart. */
export interface RunMemory {
  queueLineAt: number;
  waitingKey: string;
  /** Since when pods of the StatefulSet are missing. */
  incompleteSince?: number;
  end?: CommandEnd;
}

/** What the active controller remembers of the runs it looks at. */
export class RunMemories {
  readonly #memories = new Map<string, RunMemory>();

  /** The memory of a run; one that is new to it counts from now. */
  of({ metadata: { uid } }: StoredPipeline): RunMemory {
    const memory = this.#memories.get(uid) ?? { queueLineAt: performance.now(), waitingKey: "" };
    this.#memories.set(uid, memory);
    return memory;
  }

  forget({ metadata: { uid } }: StoredPipeline): void {
    this.#memories.delete(uid);
  }
}
