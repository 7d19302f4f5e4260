import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Job } from "../../crds/generated/types.ts";
import { ANNOTATIONS, LABELS, labelValue, MANAGED_BY, REPOSITORY_SOURCE } from "../../crds/names.ts";
import { summary } from "../../crds/problem.ts";
import { API_VERSION, JOB } from "../../crds/resources.ts";
import { canonicalJson, type SnapshotObject } from "../../crds/snapshot.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import type { Logger } from "../../kube/logger.ts";
import { collectionPath, type KubeObject, objectPath } from "../../kube/resource.ts";
import type { Caches } from "../cache/caches.ts";
import type { CachedJob } from "../cache/job.ts";
import type { MainFiles } from "../main-file/main-files.ts";
import { frozenJob, frozenRoot, readFiles, storeSnapshot } from "./frozen-job.ts";
import type { JobsRepository, RepositoryFile, RepositoryJob } from "./jobs-repository.ts";
import { mirrorNames } from "./mirror-names.ts";
import { SharedPass } from "./shared-pass.ts";

/** What the mirror rests on. */
export interface MirrorOptions {
  client: KubeClient;
  namespace: string;
  repository: JobsRepository;
  mainFiles: Pick<MainFiles, "check">;
  caches: Pick<Caches, "jobs" | "snapshots">;
  /** Tasks see the work tree itself, on a shared volume: no files are frozen (O-107). */
  filesAreLive: boolean;
  logger: Logger;
}

/** What a job's object is to say, without the version. */
interface Wanted {
  spec: Job["spec"];
  hash: string;
  snapshots: readonly SnapshotObject[];
}

/** How long a reply waits for the mirror; git is the truth, so that it does not fail with it. */
const REPLY_WAITS_MS = 5_000;
const AGAIN_MS = 5_000;
/** Several periods of the sync. */
const UNKNOWN_MS = 60_000;

/**
 * Keeps one Job object for each job of the repository that can be run, so that the cluster shows the jobs and `kubectl` can run them (O-14). The
 * objects are made from the repository and from nothing else: whatever was cut short is put right by the next pass. Objects that were
 * applied by somebody are left alone, also where their names are wanted.
 */
export class JobMirror {
  readonly #options: MirrorOptions;
  readonly #passes: SharedPass<void>;
  readonly #wanted = new WeakMap<RepositoryJob, { root: string | undefined; wanted: Wanted | undefined }>();
  readonly #roots = new WeakMap<readonly RepositoryFile[], { root: SnapshotObject | undefined }>();
  readonly #hashes = new WeakMap<CachedJob, string>();
  /** What the API server made of what it was given, where the two differ. */
  readonly #asStored = new Map<string, { wanted: string; stored: string }>();
  /** Versions of objects that are not known here, and since when. */
  readonly #unknown = new Map<string, { version: string; at: number }>();
  readonly #told = new Map<string, string>();
  #again: NodeJS.Timeout | undefined;
  #running = false;

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#passes = new SharedPass(() => this.#pass());
  }

  /** From now on the objects follow the repository; to be called when the caches are filled. */
  start(): void {
    this.#running = true;
    this.soon();
  }

  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#again);
    await this.#passes.idle();
  }

  /** The repository may have changed. */
  soon(): void {
    if (this.#running) void this.#passes.run();
  }

  /** Waits, but not for ever, until the objects are as the repository is now. Never rejects: what fails is tried again. */
  async bringUpToDate(): Promise<void> {
    if (!this.#running) return;
    const enough = new AbortController();
    const waited = delay(REPLY_WAITS_MS, "late", { signal: enough.signal }).catch(() => "done");
    const outcome = await Promise.race([this.#passes.run(), waited]);
    enough.abort();
    if (outcome === "late") {
      this.#options.logger.warn({}, "the Job objects do not follow the jobs repository yet; it is tried again");
    }
  }

  async #pass(): Promise<void> {
    const { repository, logger } = this.#options;
    // Others may know the remote better than this server while it cannot reach it: then its view must not undo theirs.
    if (!this.#running || !repository.isKnown || repository.state().error !== undefined) return;
    try {
      const root = await this.#root();
      const jobs = await repository.jobs();
      const names = mirrorNames(jobs.map(({ id }) => id));
      const kept = new Set<string>();
      let failed = false;
      for (const job of jobs) {
        const name = names.get(job.id) ?? job.id;
        const done = await this.#attempt(name, async () => {
          const wanted = await this.#wantedOf(job, root);
          if (wanted === undefined) return;
          kept.add(name);
          await this.#ensure(name, wanted);
        });
        // Not known to be unwanted: it stays.
        if (!done) kept.add(name);
        failed ||= !done;
      }
      for (const job of [...this.#options.caches.jobs.list()]) {
        const { name } = job.metadata;
        if (job.mirrored && !kept.has(name)) failed = !(await this.#attempt(name, () => this.#remove(job))) || failed;
      }
      if (failed) this.#tryAgain();
    } catch (error) {
      logger.warn({ err: error }, "the Job objects could not be compared with the jobs repository; tried again");
      this.#tryAgain();
    }
  }

  /** Whether it could be done; what could not is told once. */
  async #attempt(name: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.#told.delete(name);
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (this.#told.get(name) !== reason) {
        this.#options.logger.warn(
          { job: name, reason },
          "the Job object does not follow the jobs repository; tried again",
        );
      }
      this.#told.set(name, reason);
      return false;
    }
  }

  #tryAgain(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.soon(), AGAIN_MS);
    this.#again.unref();
  }

  async #root(): Promise<SnapshotObject | undefined> {
    if (this.#options.filesAreLive) return undefined;
    const files = await this.#options.repository.rootFiles();
    const before = this.#roots.get(files);
    if (before !== undefined) return before.root;
    const { files: contents, problems } = await readFiles(files);
    if (problems.length > 0) {
      this.#options.logger.warn({ problem: summary(problems) }, "the files in the root of the jobs are not frozen");
    }
    const root = frozenRoot(contents, this.#options.namespace);
    this.#roots.set(files, { root });
    return root;
  }

  /** Undefined for a job that cannot be run as it is: a template, or one that is not valid. */
  async #wantedOf(job: RepositoryJob, root: SnapshotObject | undefined): Promise<Wanted | undefined> {
    const rootName = root?.metadata.name;
    const before = this.#wanted.get(job);
    if (before !== undefined && before.root === rootName) return before.wanted;
    const wanted = await this.#read(job, root);
    this.#wanted.set(job, { root: rootName, wanted });
    return wanted;
  }

  async #read(job: RepositoryJob, root: SnapshotObject | undefined): Promise<Wanted | undefined> {
    if (job.main === undefined || job.templates.length > 0) return undefined;
    const { file: main, problems } = await this.#options.mainFiles.check(job.main, { patient: true });
    const { files, problems: sizes } = await readFiles(this.#options.filesAreLive ? [] : job.files);
    const { snapshot, problems: total } = frozenJob(
      { id: job.id, main, files, ...(root === undefined ? {} : { rootFiles: root.metadata.name }) },
      this.#options.namespace,
    );
    const found = [...problems, ...sizes, ...total];
    if (found.length > 0) {
      this.#options.logger.info({ job: job.id, problem: summary(found) }, "a job of the repository cannot be run");
      return undefined;
    }
    const spec: Job["spec"] = {
      path: job.id,
      ...(main.name === undefined ? {} : { name: main.name }),
      tasks: main.tasks,
      ...(main.failFast === undefined ? {} : { failFast: main.failFast }),
      ...main.runPolicy,
      snapshot: snapshot.metadata.name,
    };
    return { spec, hash: hashOf(spec), snapshots: [...(root === undefined ? [] : [root]), snapshot] };
  }

  async #ensure(name: string, wanted: Wanted): Promise<void> {
    const { client, namespace, caches, repository, logger } = this.#options;
    const present = caches.jobs.get(`${namespace}/${name}`);
    if (present !== undefined && !present.mirrored) {
      if (!this.#told.has(`applied ${name}`)) {
        logger.warn(
          { job: name },
          "a Job of this name was applied to the cluster; the job of the repository has no object",
        );
      }
      this.#told.set(`applied ${name}`, "");
      return;
    }
    const missing = wanted.snapshots.filter(
      ({ metadata }) => caches.snapshots.get(`${namespace}/${metadata.name}`) === undefined,
    );
    const isRight = present !== undefined && this.#isAsWanted(present, wanted);
    if (isRight && missing.length === 0) return;
    for (const snapshot of isRight ? missing : wanted.snapshots) await storeSnapshot(client, snapshot);
    if (isRight) return;
    if (present !== undefined && (await this.#isNewer(present))) {
      throw new Error("another server has written it from a commit that is not known here yet");
    }
    const spec = { ...wanted.spec, version: repository.head() };
    const raw =
      present === undefined
        ? await client.create<KubeObject>(collectionPath(JOB, namespace), this.#object(name, spec))
        : await client.patch<KubeObject>(objectPath(JOB, namespace, name), "json", [
            { op: "test", path: "/metadata/resourceVersion", value: present.metadata.resourceVersion },
            { op: "replace", path: "/spec", value: spec },
          ]);
    caches.jobs.noteWritten(raw);
    const stored = caches.jobs.get(`${namespace}/${name}`);
    if (stored !== undefined) this.#asStored.set(name, { wanted: wanted.hash, stored: this.#hashOf(stored) });
    logger.info({ job: spec.path, version: spec.version }, "the Job object follows the jobs repository");
  }

  /**
   * Whether an object may be of a commit that this server has yet to fetch. For a while it is left alone then: undoing it would take back a
   * change that its user has been told of. A commit that stays unknown was lost with a history that somebody has rewritten.
   */
  async #isNewer({ metadata, spec }: CachedJob): Promise<boolean> {
    const { name } = metadata;
    const { version } = spec;
    if (version === undefined || (await this.#options.repository.knows(version))) {
      this.#unknown.delete(name);
      return false;
    }
    const since = this.#unknown.get(name);
    if (since?.version !== version) this.#unknown.set(name, { version, at: performance.now() });
    return since?.version !== version || performance.now() - since.at < UNKNOWN_MS;
  }

  #object(name: string, spec: Job["spec"]): object {
    const labels = { [LABELS.managedBy]: MANAGED_BY, [LABELS.job]: labelValue(spec.path ?? name) };
    const annotations = { [ANNOTATIONS.source]: REPOSITORY_SOURCE };
    const { namespace } = this.#options;
    return { apiVersion: API_VERSION, kind: JOB.kind, metadata: { name, namespace, labels, annotations }, spec };
  }

  async #remove({ metadata }: CachedJob): Promise<void> {
    const { client, namespace, caches, logger } = this.#options;
    try {
      await client.delete(objectPath(JOB, namespace, metadata.name), { uid: metadata.uid });
      logger.info({ job: metadata.name }, "deleted the Job object of a job that the repository does not have");
    } catch (error) {
      if (!isKubeError(error, "notFound")) throw error;
    }
    caches.jobs.noteDeleted(metadata.uid);
    this.#asStored.delete(metadata.name);
    this.#unknown.delete(metadata.name);
  }

  #isAsWanted(present: CachedJob, { hash }: Wanted): boolean {
    const stored = this.#hashOf(present);
    if (stored === hash) return true;
    const known = this.#asStored.get(present.metadata.name);
    return known?.wanted === hash && known.stored === stored;
  }

  #hashOf(job: CachedJob): string {
    let hash = this.#hashes.get(job);
    if (hash === undefined) {
      const { version: _, ...spec } = job.spec;
      hash = hashOf(spec);
      this.#hashes.set(job, hash);
    }
    return hash;
  }
}

function hashOf(spec: Job["spec"]): string {
  return createHash("sha256").update(canonicalJson(spec)).digest("hex");
}
