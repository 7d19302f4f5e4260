import { definitionProblems } from "../crds/definition-check.ts";
import type { Job, Pipeline } from "../crds/generated/types.ts";
import { ANNOTATIONS } from "../crds/names.ts";
import { summary } from "../crds/problem.ts";
import { JOB } from "../crds/resources.ts";
import { runPolicyOf, runPolicyProblems } from "../crds/run-policy.ts";
import { MOST_OBJECT_BYTES, runSizeOf } from "../crds/run-size.ts";
import {
  type Definition,
  isFromRepository,
  jobId,
  type SnapshotObject,
  snapshotOfFiles,
  snapshotOfJob,
  snapshotProblems,
} from "../crds/snapshot.ts";
import { fileNameProblem, validateDefinition } from "../crds/validate.ts";
import type { KubeClient } from "../kube/client.ts";
import { ensureContentObject } from "../kube/content-object.ts";
import { CONFIG_MAP } from "../kube/core-resources.ts";
import { isKubeError } from "../kube/errors.ts";
import { type KubeObject, objectPath } from "../kube/resource.ts";
import { type CachedSnapshot, projectSnapshot } from "./cached-snapshot.ts";
import { type Caches, findJob } from "./caches.ts";
import { planOf, withPolicyOf } from "./decide/plan.ts";
import type { Plan } from "./decide/run.ts";
import { TaskObjects } from "./task-objects.ts";

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
  /** Tasks see the files of the jobs repository on the shared volume, as they are at the time (O-107). */
  filesAreLive?: boolean;
}

/** Finds out what a run runs, and freezes it in a snapshot before its first task starts (O-14, O-106, O-107). */
export class PlanSource {
  readonly #client: KubeClient;
  readonly #caches: Caches;
  readonly #objects: TaskObjects;
  readonly #filesAreLive: boolean;
  /** Snapshots chosen by runs whose status does not name them yet; the sweep leaves them alone. */
  readonly #claims = new Map<string, string>();
  /** What was found wrong with a definition; empty: nothing. */
  readonly #judged = new WeakMap<Definition, string>();

  constructor({ client, caches, taskSecrets, filesAreLive = false }: PlanSourceOptions) {
    this.#client = client;
    this.#caches = caches;
    this.#objects = new TaskObjects(client, taskSecrets);
    this.#filesAreLive = filesAreLive;
  }

  /** The plan of a run; called once for each run and process, the caller keeps it. */
  async planFor(run: Pipeline, nowMs: number): Promise<PlanResult> {
    const result = run.spec.tasks === undefined ? await this.#ofJob(run, nowMs) : await this.#ofTasks(run);
    if (result.kind !== "plan") return result;
    const policyProblems = runPolicyProblems(runPolicyOf(run.spec), "spec");
    if (policyProblems.length > 0) return invalid(summary(policyProblems));
    const { tasks } = result.plan;
    const { namespace } = run.metadata;
    const secretProblem = await this.#objects.secretProblem(namespace, tasks);
    if (secretProblem !== undefined) return invalid(secretProblem);
    const odinObjects = await this.#objects.odinObjects(namespace, tasks);
    const size = runSizeOf(run, tasks);
    if (size.kind === "tooLarge") return invalid(tooLarge(size.bytes));
    const plan = { ...withPolicyOf(result.plan, run), textBytes: size.textBytes };
    return { kind: "plan", plan: { ...plan, ...(odinObjects === undefined ? {} : { odinObjects }) } };
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
    if (problems.length > 0) return invalid(summary(problems));
    const definition: Definition = { tasks, files: Object.keys(files).sort(), failFast: false };
    const { version } = run.spec;
    if (definition.files.length === 0) return { kind: "plan", plan: planOf(definition, { version }) };
    const snapshot = snapshotOfFiles(run, files);
    await this.#ensure(snapshot);
    return { kind: "plan", plan: planOf(definition, { version, snapshot: snapshot.metadata.name }) };
  }

  async #ofJob(run: Pipeline, nowMs: number): Promise<PlanResult> {
    const { namespace, uid } = run.metadata;
    const id = run.spec.job ?? "";
    const job = findJob(this.#caches, namespace, id);
    const begun = run.status?.snapshot ?? this.#caches.objectsByRun.snapshotOf(run.metadata);
    const chosen = begun ?? run.spec.snapshot;
    if (chosen !== undefined) {
      // A run whose first status was never written is of its Job's version if it has its Job's snapshot.
      const version = run.status?.version ?? run.spec.version ?? (job?.snapshot === chosen ? job?.version : undefined);
      return await this.#ofSnapshot(run, chosen, begun === undefined ? [id, ...(job ? [job.id] : [])] : [], version);
    }
    if (job === undefined) {
      const message = `there is no Job ${JSON.stringify(id)} in namespace ${namespace}; create it, its spec.path or name must be that id`;
      const untilMs = Date.parse(run.metadata.creationTimestamp ?? "") + JOB_GRACE_MS;
      return nowMs < untilMs ? { kind: "wait", message, untilMs } : { kind: "refused", reason: "JobNotFound", message };
    }
    if (job.problem !== "") return invalid(`job ${id}: ${job.problem}`);
    this.#claims.set(uid, `${namespace}/${job.snapshot}`);
    const version = run.spec.version ?? job.version;
    const known = this.#caches.snapshots.get(`${namespace}/${job.snapshot}`);
    if (job.mirrored || known !== undefined) return await this.#ofSnapshot(run, job.snapshot, [job.id], version);
    return await this.#freeze(run, namespace, job.metadata.name);
  }

  /** Reads the Job whole and writes its snapshot; the Job may have moved on since it was cached, and what counts is what was read. */
  async #freeze(run: Pipeline, namespace: string | undefined, jobName: string): Promise<PlanResult> {
    const job = await this.#client.get<Job>(objectPath(JOB, namespace, jobName));
    if (job.spec.snapshot !== undefined)
      return await this.#ofSnapshot(run, job.spec.snapshot, [jobId(job)], run.spec.version ?? job.spec.version);
    const snapshot = snapshotOfJob(job);
    const problems = [...validateDefinition(job.spec.tasks ?? [], job.spec.files), ...snapshotProblems(snapshot)];
    if (problems.length > 0) return invalid(`job ${run.spec.job}: ${summary(problems)}`);
    const { name } = snapshot.metadata;
    this.#claims.set(run.metadata.uid, `${namespace}/${name}`);
    return await this.#planOf(run, name, projectSnapshot(await this.#ensure(snapshot)), [jobId(job)], run.spec.version);
  }

  /** The plan in a snapshot that exists already. `jobs`: what the job in it may be called; empty: that was checked before. */
  async #ofSnapshot(
    run: Pipeline,
    name: string,
    jobs: readonly string[],
    version: string | undefined,
  ): Promise<PlanResult> {
    const snapshot = await this.#read(run.metadata.namespace, name);
    if (snapshot === undefined)
      return lost(`ConfigMap ${name} with the run's definition was deleted; run the job again`);
    return await this.#planOf(run, name, snapshot, jobs, version);
  }

  /** Judges what a snapshot says like any other definition: whoever may write ConfigMaps may have written it. */
  async #planOf(
    run: Pipeline,
    name: string,
    snapshot: CachedSnapshot,
    jobs: readonly string[],
    version: string | undefined,
  ): Promise<PlanResult> {
    const { definition } = snapshot;
    if (definition === undefined || !snapshot.labelled)
      return lost(`ConfigMap ${name} exists and is not a snapshot; delete it and run again`);
    let problem = this.#judged.get(definition);
    if (problem === undefined) {
      problem = summary(definitionProblems(definition));
      this.#judged.set(definition, problem);
    }
    if (problem !== "") return invalid(`ConfigMap ${name}: ${problem}`);
    if (jobs.length > 0 && (definition.job === undefined || !jobs.includes(definition.job)))
      return invalid(`ConfigMap ${name} is a snapshot of job ${definition.job ?? "(none)"}, not of ${jobs[0]}`);
    if (this.#filesAreLive && isFromRepository(definition) && definition.workPath === undefined)
      return { kind: "plan", plan: planOf({ ...definition, files: [] }, { snapshot: name, version }) };
    const { rootFiles: root } = definition;
    if (root === undefined) return { kind: "plan", plan: planOf(definition, { snapshot: name, version }) };
    const files = (await this.#read(run.metadata.namespace, root))?.definition?.files;
    if (files === undefined)
      return lost(`ConfigMap ${root} with the files of the jobs' root was deleted; run the job again`);
    const bad = files.map(fileNameProblem).find((found) => found !== undefined);
    if (bad !== undefined) return invalid(`ConfigMap ${root}: ${summary([bad])}`);
    const rootFiles = { snapshot: root, files };
    return { kind: "plan", plan: planOf(definition, { snapshot: name, version, rootFiles }) };
  }

  /** A snapshot from the cache, else as the API server has it; undefined if it is in neither. */
  async #read(namespace: string | undefined, name: string): Promise<CachedSnapshot | undefined> {
    const known = this.#caches.snapshots.get(`${namespace}/${name}`);
    if (known !== undefined) return known;
    try {
      return projectSnapshot(await this.#client.get<KubeObject>(objectPath(CONFIG_MAP, namespace, name)));
    } catch (error) {
      if (isKubeError(error, "notFound")) return undefined;
      throw error;
    }
  }

  async #ensure(snapshot: SnapshotObject): Promise<KubeObject> {
    const stored = await ensureContentObject(this.#client, CONFIG_MAP, snapshot, ANNOTATIONS.used);
    this.#caches.snapshots.noteWritten(stored);
    return stored;
  }
}

function invalid(message: string): PlanResult {
  return { kind: "refused", reason: "Invalid", message };
}

function tooLarge(bytes: number): string {
  return `the run's object could grow to ${bytes} bytes; the most is ${MOST_OBJECT_BYTES}. Use fewer tasks, shorter names, or a Job in place of tasks and files in the Pipeline`;
}

function lost(message: string): PlanResult {
  return { kind: "refused", reason: "SnapshotLost", message };
}
