import type { Job, Pipeline } from "../crds/generated/types.ts";
import { isMountable, notMountable } from "../crds/mountable-secret.ts";
import { summary } from "../crds/problem.ts";
import { JOB } from "../crds/resources.ts";
import {
  type Definition,
  type SnapshotObject,
  snapshotOfFiles,
  snapshotOfJob,
  snapshotProblems,
} from "../crds/snapshot.ts";
import { validateDefinition } from "../crds/validate.ts";
import type { KubeClient } from "../kube/client.ts";
import { CONFIG_MAP, SECRET } from "../kube/core-resources.ts";
import { isKubeError } from "../kube/errors.ts";
import { collectionPath, type KubeObject, objectPath } from "../kube/resource.ts";
import { projectSnapshot } from "./cached-snapshot.ts";
import { type Caches, findJob } from "./caches.ts";
import { planOf } from "./decide/plan.ts";
import type { Plan } from "./decide/run.ts";

/** How long a run waits for a Job that is applied after it. */
const JOB_GRACE_MS = 10_000;

/** What a run is to do, or why that is not known. */
export type PlanResult =
  | { kind: "plan"; plan: Plan }
  | { kind: "wait"; message: string; untilMs: number }
  | { kind: "refused"; reason: "Invalid" | "JobNotFound" | "SnapshotLost"; message: string };

export interface PlanSourceOptions {
  client: KubeClient;
  caches: Caches;
  /** Secrets that tasks may mount without a label (O-147). */
  taskSecrets: readonly string[];
}

/** Finds out what a run runs, and freezes it in a snapshot before its first task starts (O-14, O-106, O-107). */
export class PlanSource {
  readonly #client: KubeClient;
  readonly #caches: Caches;
  readonly #taskSecrets: ReadonlySet<string>;
  /** Snapshots chosen by runs whose status does not name them yet; the sweep leaves them alone. */
  readonly #claims = new Map<string, string>();

  constructor({ client, caches, taskSecrets }: PlanSourceOptions) {
    this.#client = client;
    this.#caches = caches;
    this.#taskSecrets = new Set(taskSecrets);
  }

  /** The plan of a run; called once for each run and process, the caller keeps it. */
  async planFor(run: Pipeline, nowMs: number): Promise<PlanResult> {
    const result = run.spec.tasks === undefined ? await this.#ofJob(run, nowMs) : await this.#ofTasks(run);
    if (result.kind !== "plan") return result;
    const secretProblem = await this.#secretProblem(run, result.plan);
    if (secretProblem !== undefined) return { kind: "refused", reason: "Invalid", message: secretProblem };
    const failFast = run.spec.failFast ?? result.plan.failFast;
    return { kind: "plan", plan: { ...result.plan, failFast } };
  }

  /** Whether a run is about to use a snapshot that no status names yet. */
  isClaimed(namespace: string | undefined, snapshot: string): boolean {
    return [...this.#claims.values()].includes(`${namespace}/${snapshot}`);
  }

  /** The run's status names its snapshot now, or the run is gone. */
  release(runUid: string): void {
    this.#claims.delete(runUid);
  }

  async #ofTasks(run: Pipeline): Promise<PlanResult> {
    const tasks = run.spec.tasks ?? [];
    const files = run.spec.files ?? {};
    const problems = validateDefinition(tasks, files);
    if (problems.length > 0) return { kind: "refused", reason: "Invalid", message: summary(problems) };
    const definition: Definition = { tasks, files: Object.keys(files).sort(), failFast: false };
    if (definition.files.length === 0) return { kind: "plan", plan: planOf(definition, undefined) };
    const snapshot = snapshotOfFiles(run, files);
    await this.#ensure(snapshot);
    return { kind: "plan", plan: planOf(definition, snapshot.metadata.name) };
  }

  async #ofJob(run: Pipeline, nowMs: number): Promise<PlanResult> {
    const chosen = run.status?.snapshot ?? this.#caches.objectsByRun.snapshotOf(run.metadata.uid);
    if (chosen !== undefined) return await this.#ofSnapshot(run, chosen);
    const { namespace } = run.metadata;
    const id = run.spec.job ?? "";
    const job = findJob(this.#caches, namespace, id);
    if (job === undefined) {
      const message = `there is no Job ${JSON.stringify(id)} in namespace ${namespace}; create it, its spec.path or name must be that id`;
      const untilMs = Date.parse(run.metadata.creationTimestamp ?? "") + JOB_GRACE_MS;
      return nowMs < untilMs ? { kind: "wait", message, untilMs } : { kind: "refused", reason: "JobNotFound", message };
    }
    if (job.problem !== "") return { kind: "refused", reason: "Invalid", message: `job ${id}: ${job.problem}` };
    this.#claims.set(run.metadata.uid, `${namespace}/${job.snapshot}`);
    const known = this.#caches.snapshots.get(`${namespace}/${job.snapshot}`);
    if (known?.definition !== undefined) return { kind: "plan", plan: planOf(known.definition, job.snapshot) };
    return await this.#freeze(run, namespace, job.metadata.name);
  }

  /** Reads the Job whole and writes its snapshot; the Job may have moved on since it was cached, and what counts is what was read. */
  async #freeze(run: Pipeline, namespace: string | undefined, jobName: string): Promise<PlanResult> {
    const job = await this.#client.get<Job>(objectPath(JOB, namespace, jobName));
    const snapshot = snapshotOfJob(job);
    const problems = [...validateDefinition(job.spec.tasks ?? [], job.spec.files), ...snapshotProblems(snapshot)];
    if (problems.length > 0)
      return { kind: "refused", reason: "Invalid", message: `job ${run.spec.job}: ${summary(problems)}` };
    this.#claims.set(run.metadata.uid, `${namespace}/${snapshot.metadata.name}`);
    const stored = await this.#ensure(snapshot);
    const definition = projectSnapshot(stored).definition;
    if (definition === undefined) {
      return {
        kind: "refused",
        reason: "SnapshotLost",
        message: `ConfigMap ${snapshot.metadata.name} exists and is not a snapshot; delete it and run again`,
      };
    }
    return { kind: "plan", plan: planOf(definition, snapshot.metadata.name) };
  }

  async #ofSnapshot(run: Pipeline, name: string): Promise<PlanResult> {
    const { namespace } = run.metadata;
    let definition = this.#caches.snapshots.get(`${namespace}/${name}`)?.definition;
    if (definition === undefined) {
      try {
        definition = projectSnapshot(
          await this.#client.get<KubeObject>(objectPath(CONFIG_MAP, namespace, name)),
        ).definition;
      } catch (error) {
        if (!isKubeError(error, "notFound")) throw error;
      }
    }
    if (definition === undefined) {
      return {
        kind: "refused",
        reason: "SnapshotLost",
        message: `ConfigMap ${name} with the run's definition was deleted; run the job again`,
      };
    }
    return { kind: "plan", plan: planOf(definition, name) };
  }

  async #ensure(snapshot: SnapshotObject): Promise<KubeObject> {
    const { namespace, name } = snapshot.metadata;
    try {
      const stored = await this.#client.create<KubeObject>(collectionPath(CONFIG_MAP, namespace), snapshot, {
        lane: "create",
      });
      this.#caches.snapshots.noteWritten(stored);
      return stored;
    } catch (error) {
      // Its name is the hash of its content, so one that is there already says the same.
      if (!isKubeError(error, "alreadyExists")) throw error;
      return await this.#client.get<KubeObject>(objectPath(CONFIG_MAP, namespace, name));
    }
  }

  /** Tasks may mount only Secrets that are meant for them (O-147): listed in the settings, or labelled. */
  async #secretProblem(run: Pipeline, plan: Plan): Promise<string | undefined> {
    const checked = new Set(this.#taskSecrets);
    for (const task of plan.tasks) {
      for (const { name } of task.secrets ?? []) {
        if (checked.has(name)) continue;
        checked.add(name);
        if (!(await this.#isMountable(run.metadata.namespace, name))) {
          return `task ${task.name}: ${notMountable(name)}`;
        }
      }
    }
    return undefined;
  }

  async #isMountable(namespace: string | undefined, name: string): Promise<boolean> {
    try {
      const secret = await this.#client.get<KubeObject & { type?: string }>(objectPath(SECRET, namespace, name));
      return isMountable(secret);
    } catch (error) {
      if (isKubeError(error, "notFound")) return false;
      throw error;
    }
  }
}
