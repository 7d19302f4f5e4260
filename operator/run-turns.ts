import type { Pipeline } from "../crds/generated/types.ts";
import type { Change } from "../kube/object-cache.ts";
import type { CachedJob } from "./cached-job.ts";
import type { CachedRun } from "./cached-run.ts";
import { type Caches, findJob } from "./caches.ts";
import { bounded } from "./decide/message.ts";
import type { Plan } from "./decide/run.ts";
import { type Place, WaitingLine } from "./waiting-line.ts";

/** Runs told at once that their turn may have come; each that goes has the next ones told. */
const TOLD_AT_ONCE = 8;
/** The first runs of a line look again at who is before them, the others seldom: what they say would cost a write each. */
const NEAR = 20;
const NEAR_AGAIN_MS = 30_000;
const FAR_AGAIN_MS = 600_000;
/** Runs that a message names. */
const NAMED = 3;

/** Why a run does not go on yet. */
export interface Turn {
  message: string;
  /** When to look again at the latest. */
  againInMs: number;
}

/** The runs of one job, under one of the names that runs may call it by. */
interface Runs {
  going: Set<string>;
  line: WaitingLine<Place>;
}

/** The limit of a job whose runs wait, and the names under which they and those that go are found. */
interface Limited {
  limit: number;
  names: readonly string[];
}

/**
 * Whose turn it is among the runs of a job that bounds them (`parallelRuns`). Who goes and who waits is read from the cached runs at every change, so
 * that a restart, or another process with a share of the runs, comes to the same answer: a run goes when those that go and those before it in line
 * are fewer than the limit.
 */
export class RunTurns {
  readonly #caches: Caches;
  readonly #touch: (key: string) => void;
  /** By namespace and name of the job. */
  readonly #jobs = new Map<string, Runs>();
  /** Where each run is counted. */
  readonly #places = new Map<string, { job: string; going: boolean }>();
  readonly #limited = new Map<string, Limited>();
  /** UIDs of the runs that have been let go but whose status does not say so yet. */
  readonly #admitted = new Set<string>();

  constructor(caches: Caches, touch: (key: string) => void) {
    this.#caches = caches;
    this.#touch = touch;
    caches.runs.onChange((change) => this.#runChanged(change));
    caches.jobs.onChange(({ object: { id, metadata } }) => this.#jobChanged(metadata.namespace, [id, metadata.name]));
  }

  /** Why a run that has not begun must wait; undefined if it may go, and then it counts as going from now on. */
  turnOf(run: Pipeline, plan: Plan): Turn | undefined {
    const { namespace, uid } = run.metadata;
    if (plan.job === undefined) return undefined;
    const job = findJob(this.#caches, namespace, plan.job);
    const limit = job === undefined ? plan.parallelRuns : job.policy?.parallelRuns;
    if (limit === undefined || this.#admitted.has(uid)) return undefined;
    const names = this.#namesOf(namespace, plan.job, job);
    const going = this.#going(names);
    const place = placeOf(run);
    const ahead = names.reduce((sum, id) => sum + (this.#jobs.get(id)?.line.before(place) ?? 0), 0);
    if (going + ahead < limit) {
      this.#admitted.add(uid);
      this.#count(place, { job: `${namespace}/${plan.job}`, going: true });
      return undefined;
    }
    for (const id of names) this.#limited.set(id, { limit, names });
    const others = this.#some(names).map((key) => key.slice(key.indexOf("/") + 1));
    const more = going > others.length ? ` and ${going - others.length} more` : "";
    const before = ahead === 0 ? "it is the next" : `${ahead} ${ahead === 1 ? "is" : "are"} before it`;
    const message = `waiting for its turn: job ${plan.job} lets ${limit} of its runs go at a time (parallelRuns), now ${others.join(", ") || "none"}${more}; ${before}`;
    return { message: bounded(message, 1000), againInMs: ahead < NEAR ? NEAR_AGAIN_MS : FAR_AGAIN_MS };
  }

  /** Whether the job of a run bounds how many go at a time. */
  isLimited(run: Pipeline, plan: Plan): boolean {
    if (plan.job === undefined) return false;
    const job = findJob(this.#caches, run.metadata.namespace, plan.job);
    return (job === undefined ? plan.parallelRuns : job.policy?.parallelRuns) !== undefined;
  }

  #runChanged({ type, key, object }: Change<CachedRun>): void {
    const run = type === "deleted" ? undefined : object.active;
    if (run?.status?.phase !== undefined && run.status.phase !== "BUILDING") this.#admitted.delete(run.metadata.uid);
    if (run === undefined) this.#admitted.delete(object.metadata.uid);
    const place = run === undefined ? { key, priority: 0, createdAt: "" } : placeOf(run);
    this.#count(place, run && this.#where(run));
  }

  /** Where a run is counted: among those that go, those that wait, or nowhere: it is not of a job, or would not go if it could. */
  #where({ metadata, spec, status }: Pipeline): { job: string; going: boolean } | undefined {
    const { namespace, uid } = metadata;
    const name = status?.job ?? spec.job;
    if (name === undefined) return undefined;
    const hasBegun = status?.phase !== undefined && status.phase !== "BUILDING";
    if (hasBegun || this.#admitted.has(uid)) return { job: `${namespace}/${name}`, going: true };
    if (spec.cancel || spec.stop || spec.suspend) return undefined;
    return { job: `${namespace}/${name}`, going: false };
  }

  #count(place: Place, after: { job: string; going: boolean } | undefined): void {
    const { key } = place;
    const before = this.#places.get(key);
    if (before !== undefined && (before.job !== after?.job || before.going !== after.going)) {
      const runs = this.#jobs.get(before.job);
      if (before.going) runs?.going.delete(key);
      else runs?.line.delete(key);
      if (runs !== undefined && runs.going.size + runs.line.size === 0) this.#jobs.delete(before.job);
      this.#places.delete(key);
    }
    if (after !== undefined) {
      const runs = this.#of(after.job);
      if (after.going) runs.going.add(key);
      else runs.line.set(place);
      this.#places.set(key, after);
    }
    const isMoved = before?.job !== after?.job || before?.going !== after?.going;
    if (isMoved && before !== undefined) this.#wake(before.job);
    if (isMoved && after !== undefined && after.job !== before?.job) this.#wake(after.job);
  }

  /** Has the runs looked at whose turn it is now. */
  #wake(job: string): void {
    const limited = this.#limited.get(job);
    if (limited === undefined) return;
    const free = limited.limit - this.#going(limited.names);
    let waiting = 0;
    for (const name of limited.names) {
      const line = this.#jobs.get(name)?.line;
      waiting += line?.size ?? 0;
      this.#tell(line, free);
    }
    if (waiting === 0) for (const name of limited.names) this.#limited.delete(name);
  }

  /** A Job has come, changed or gone: its limit may be another one. */
  #jobChanged(namespace: string | undefined, ids: readonly string[]): void {
    for (const id of new Set(ids)) {
      const limited = this.#limited.get(`${namespace}/${id}`);
      for (const name of limited?.names ?? []) this.#tell(this.#jobs.get(name)?.line, TOLD_AT_ONCE);
    }
  }

  #tell(line: WaitingLine<Place> | undefined, most: number): void {
    let left = Math.min(most, TOLD_AT_ONCE);
    if (line === undefined) return;
    for (const { key } of line) {
      if (left-- <= 0) return;
      this.#touch(key);
    }
  }

  /** What runs may call a job: its id, and the name of its object unless that is the id of another. */
  #namesOf(namespace: string | undefined, id: string, job: CachedJob | undefined): string[] {
    const name = job?.metadata.name;
    const isOwn = name !== undefined && findJob(this.#caches, namespace, name)?.metadata.name === name;
    return [...new Set([id, ...(isOwn ? [name] : [])])].map((each) => `${namespace}/${each}`);
  }

  /** How many runs go; each is counted under one name. */
  #going(names: readonly string[]): number {
    return names.reduce((sum, name) => sum + (this.#jobs.get(name)?.going.size ?? 0), 0);
  }

  /** Keys of some of them, for a message. */
  #some(names: readonly string[]): string[] {
    const keys: string[] = [];
    for (const name of names) {
      for (const key of this.#jobs.get(name)?.going ?? []) {
        if (keys.length === NAMED) return keys;
        keys.push(key);
      }
    }
    return keys;
  }

  #of(job: string): Runs {
    let runs = this.#jobs.get(job);
    if (runs === undefined) {
      runs = { going: new Set(), line: new WaitingLine() };
      this.#jobs.set(job, runs);
    }
    return runs;
  }
}

/** Where a run stands among those that wait for each other. */
export function placeOf({ metadata, spec }: Pipeline): Place {
  return {
    key: `${metadata.namespace}/${metadata.name}`,
    priority: spec.priority ?? 0,
    createdAt: metadata.creationTimestamp ?? "",
  };
}
