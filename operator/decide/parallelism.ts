import type { TaskStatus } from "../../crds/generated/types.ts";
import { bounded } from "./message.ts";
import type { Controls, ObservedObject, Plan, TaskView } from "./run.ts";

/** How many tasks a run may start as far as others in its namespace are concerned, and what those say that may not. */
export interface Room {
  tasks: number;
  message: string;
}

/** What the places of a run follow from, besides its tasks. */
export interface PlacesView {
  plan: Pick<Plan, "parallelism">;
  controls: Pick<Controls, "parallelism">;
  room?: Room;
  /** Tasks whose creation is put off after a refusal, and what their record says. */
  heldBack?: ReadonlyMap<string, TaskStatus>;
  /** Tasks whose object is being created, by name. */
  starting?: ReadonlyMap<string, number>;
}

/** Whether an object was asked to go and its containers may still run. What is on a lost node may never go, and is not waited for. */
function isStillGoing({ deleting, gone, givenUp, phase }: ObservedObject): boolean {
  return deleting && !gone && givenUp !== true && phase !== "Succeeded" && phase !== "Failed";
}

/** What of a record stays while the task waits for a place: the time that it may take does not count then, and begins anew. */
function waiting({ readyTime: _, ...kept }: Partial<TaskStatus>, reason: string, message: string): TaskStatus {
  return { ...kept, state: "waiting", reason, message: bounded(message) };
}

/**
 * Bounds how many tasks of a run have an object at a time: by the run's own `parallelism`, and by the room in its namespace. What executes is counted anew
 * at each decision. Tasks that become ready take the places that are left, in the order of the definition.
 */
export class Places {
  /** Tasks that only the room in the namespace keeps from starting. */
  wants = 0;
  readonly #most: number;
  readonly #room: Room | undefined;
  #taken = 0;
  #started = 0;
  /** Tasks whose creation got no answer, or none yet: the object may be there, so each has a place, also while it waits to be tried again. */
  readonly #unanswered = new Set<string>();

  constructor({ plan, controls, room, heldBack, starting }: PlacesView, tasks: readonly TaskView[]) {
    this.#most = controls.parallelism ?? plan.parallelism ?? Number.POSITIVE_INFINITY;
    this.#room = room;
    if (!Number.isFinite(this.#most)) return;
    for (const { task, record, object } of tasks) {
      if (record.state === "executing" || (object !== undefined && isStillGoing(object))) this.#taken += 1;
      if (record.state !== "waiting") continue;
      const isUnanswered = (heldBack?.get(task.name) ?? record).reason === "ApiUnavailable";
      if (isUnanswered || starting?.has(task.name)) this.#unanswered.add(task.name);
    }
    this.#taken += this.#unanswered.size;
  }

  /** The record of a task that is ready and has no place; undefined if it has one, which `take` takes. */
  refusal(task: string, record: Partial<TaskStatus>): TaskStatus | undefined {
    if (!this.#unanswered.has(task) && this.#taken + this.wants >= this.#most) {
      const message = `waiting for a place: the run may have ${this.#most} of its tasks execute at a time (spec.parallelism)`;
      return waiting(record, "RunParallelism", message);
    }
    if (this.#room === undefined || this.#started < this.#room.tasks) return undefined;
    this.wants += 1;
    return waiting(record, "NamespaceParallelism", this.#room.message);
  }

  /** A task starts. */
  take(task: string): void {
    if (!this.#unanswered.has(task)) this.#taken += 1;
    this.#started += 1;
  }
}
