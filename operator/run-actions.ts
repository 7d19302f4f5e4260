import type { Pipeline } from "../crds/generated/types.ts";
import { engineKindOf } from "../crds/task-kinds.ts";
import { POD } from "../kube/core-resources.ts";
import { type CreateResult, createObject, notCreatable } from "./act/objects.ts";
import { stopObject } from "./act/stop-object.ts";
import type { Action, Decision, View } from "./decide/decide.ts";
import type { TaskView } from "./decide/run.ts";
import { kindWord, STARTING } from "./decide/task-state.ts";
import { noteOwnObject } from "./observe.ts";
import type { ReconcilerOptions } from "./reconciler-options.ts";
import type { RunMemory } from "./run-memory.ts";

/** Objects of one run that are being created at a time: enough to keep the API server busy, and few enough to leave others their turn. */
const MOST_STARTING = 50;

type Create = Extract<Action, { kind: "create" }>;

/** What became of a decision. */
export interface ActOutcome {
  /** The records as they are then; tasks that are being created wait until that is known. */
  tasks: TaskView[];
  /** Something has changed that is to be decided on at once. */
  more: boolean;
}

/** Carries decisions out: creates and deletes objects, asks and tells the cache. */
export class RunActions {
  readonly #options: ReconcilerOptions;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Does what the decision says, in the cluster and in the cache. */
  async act(view: View, decision: Decision, memory: RunMemory): Promise<ActOutcome> {
    this.#noteVanished(view.run, decision);
    this.#remember(view, decision);
    return await this.#change(view, decision, memory);
  }

  /** Asks the cache about tasks that are about to start, and tells it of those that have succeeded (O-200). */
  #remember({ run, plan }: View, decision: Decision): void {
    const { cache } = this.#options;
    if (cache === undefined) return;
    const { uid, name, namespace } = run.metadata;
    const common = { key: `${namespace}/${name}`, uid, run: name, plan };
    for (const action of decision.actions) if (action.kind === "lookUp") cache.ask({ ...common, ...action });
    for (const { task, record, object } of decision.tasks) {
      const isNews = record.state === "executed" && run.status?.tasks?.[task.name]?.state !== "executed";
      if (isNews && object?.cacheKey !== undefined)
        cache.store({ uid, run: name, task }, object.cacheKey, record.result);
    }
  }

  /** A pod that went while nobody watched took its log along; that is told where the log would be (O-225). */
  #noteVanished(run: Pipeline, decision: Decision): void {
    const { name, namespace = "", uid } = run.metadata;
    for (const { task, object } of decision.tasks) {
      const { state, pod, attempt = 1 } = run.status?.tasks?.[task.name] ?? {};
      // What pods an object of another kind had is not known; those that were seen are told of by themselves.
      const isPod = (task.resourceType ?? "Pod") === "Pod";
      if (state !== "executing" || pod === undefined || object !== undefined || !isPod) continue;
      this.#options.metrics.podsMissing.inc();
      this.#options.logs?.vanished({ namespace, run: name, runUid: uid, task: task.name, pod, attempt });
    }
  }

  async #change(view: View, decision: Decision, memory: RunMemory): Promise<ActOutcome> {
    const { caches } = this.#options;
    const creates = decision.actions.filter((action) => action.kind === "create");
    const count = startsOf(decision, memory);
    memory.left = creates.length - count;
    memory.isEnding = decision.ending !== undefined;
    for (const action of creates.slice(0, count)) this.#start(view, action, memory);
    let more = false;
    await Promise.all(
      decision.actions.map(async (action) => {
        if (action.kind !== "delete") return;
        const { object } = action;
        if (memory.isDeleted(object.uid, performance.now())) return;
        if (await stopObject(this.#options, view.run, object, () => memory.askedToGo.add(object.uid))) {
          memory.deleted(object.uid, performance.now());
          return;
        }
        // The watch on pods is there before us and tells how they ended; one on another kind may have begun after the object went.
        if (object.resource === POD) return;
        caches.objectsByRun.markGone(view.run.metadata, object);
        more = true;
      }),
    );
    if (creates.length === 0) return { tasks: decision.tasks, more };
    // Whoever looks meanwhile is told why they wait (I-4).
    const starting = new Set(creates.map(({ task }) => task));
    const tasks = decision.tasks.map((current) =>
      starting.has(current.task) ? { ...current, record: { ...current.record, reason: STARTING } } : current,
    );
    return { tasks, more };
  }

  /** Has an object created beside the passes: what ends meanwhile has its followers started, too. What became of it is remembered, and the run looked at again. */
  #start(view: View, action: Create, memory: RunMemory): void {
    const { beside, slots, again } = this.#options;
    const { name, timeout } = action.task;
    if (timeout !== undefined && !memory.readyTimes.has(name)) memory.readyTimes.set(name, view.now);
    void beside(memory.key, async () => {
      memory.begin(name, action.attempt);
      slots.reserve(memory.key, 1);
      let isDone = false;
      try {
        isDone = this.#takeIn(view, action, memory, await this.#create(view, action));
      } catch (error) {
        memory.fail(name, error);
      }
      slots.settle(memory.key);
      if (!isDone || memory.isToLook(performance.now(), MOST_STARTING)) again(memory.key);
    });
  }

  async #create(
    { run, plan, now }: View,
    { task, attempt: number, args, env, cacheKey }: Create,
  ): Promise<CreateResult> {
    const { client, caches, pods } = this.#options;
    const attempt = { run, plan, task, number, args, env, ...(cacheKey === undefined ? {} : { cacheKey }) };
    const choice = await caches.kinds.chooseNow(engineKindOf(task));
    return choice.kind === "form"
      ? await createObject(client, choice.form, attempt, pods, now)
      : notCreatable(choice, now);
  }

  /** Takes in what became of a creation; true if there is an object now. */
  #takeIn({ run }: View, { task, attempt }: Create, memory: RunMemory, result: CreateResult): boolean {
    const { caches, logger, metrics } = this.#options;
    const context = { namespace: run.metadata.namespace, run: run.metadata.name, task: task.name, attempt };
    if (result.kind !== "created") {
      const { record } = result;
      logger.warn({ ...context, reason: record.reason, cause: record.message }, "object not created");
      if (result.kind === "refused") memory.refuse(task.name, record);
      else memory.hold(task.name, record, performance.now(), result.retryAfterMs);
      return false;
    }
    // While it is counted as being created, its appearance causes no pass of its own.
    const { uid, resource } = noteOwnObject(caches, result.form, result.object);
    const sinceMs = memory.created(task.name);
    if (result.adopted) metrics.adoptions.inc();
    else metrics.starts.created(uid, sinceMs, performance.now());
    logger.info(context, `${result.adopted ? "adopted" : "created"} ${kindWord(resource.kind)}`);
    return true;
  }
}

/** How many tasks the decision starts in this pass. */
export function startsOf({ actions }: Decision, { starts }: RunMemory): number {
  const creates = actions.filter(({ kind }) => kind === "create").length;
  return Math.max(0, Math.min(creates, MOST_STARTING - starts));
}
