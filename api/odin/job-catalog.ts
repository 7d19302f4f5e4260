import type { ClusterView } from "../cache/cluster-view.ts";
import type { CachedJob } from "../cache/job.ts";
import type { JobsRepository, RepositoryJob } from "../git/jobs-repository.ts";
import { jobView, repositoryJobView, type TaskViewer, unreadableJobView } from "./job-view.ts";

/** A job, and the place that is the truth about it (O-14). */
export type CatalogJob =
  | { id: string; kept: RepositoryJob; applied?: never }
  | { id: string; kept?: never; applied: CachedJob };

/** Most bytes of replies that are kept ready. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;

/** All jobs: those of the repository, and those that were applied to the cluster alone. */
export class JobCatalog {
  readonly #repository: JobsRepository;
  readonly #view: ClusterView;
  readonly #root: string;
  readonly #viewer: TaskViewer;
  #shown = new WeakMap<RepositoryJob, Promise<string>>();
  #keptBytes = 0;

  constructor(repository: JobsRepository, view: ClusterView, root: string, viewer: TaskViewer) {
    this.#repository = repository;
    this.#view = view;
    this.#root = root;
    this.#viewer = viewer;
  }

  /** Jobs whose ids pass the test, sorted by id. Of two with one id the repository's is shown: git is the truth. */
  async jobs(matches: (id: string) => boolean): Promise<CatalogJob[]> {
    const found = new Map<string, CatalogJob>();
    for (const applied of this.#view.jobs()) {
      if (this.#counts(applied) && matches(applied.id)) found.set(applied.id, { id: applied.id, applied });
    }
    for (const kept of await this.#repository.jobs()) if (matches(kept.id)) found.set(kept.id, { id: kept.id, kept });
    return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** One job; undefined if neither place has it. */
  async job(id: string): Promise<CatalogJob | undefined> {
    const kept = await this.#repository.job(id);
    if (kept !== undefined) return { id, kept };
    const applied = this.applied(id);
    return applied === undefined ? undefined : { id, applied };
  }

  /** A job that was applied to the cluster. */
  applied(id: string): CachedJob | undefined {
    const job = this.#view.job(id);
    return job !== undefined && this.#counts(job) ? job : undefined;
  }

  /** A job as a reply shows it, in JSON; kept for as long as its files stay the same. */
  async shown(job: CatalogJob): Promise<string> {
    if (job.kept === undefined) return JSON.stringify(jobView(job.applied, this.#root));
    let text = this.#shown.get(job.kept);
    if (text === undefined) {
      text = this.#made(job.kept);
      this.#shown.set(job.kept, text);
    }
    return await text;
  }

  async #made(job: RepositoryJob): Promise<string> {
    let text: string;
    try {
      text = JSON.stringify(await repositoryJobView(job, this.#viewer));
    } catch (error) {
      // One job breaks no list (O-60); the next request tries it again.
      this.#shown.delete(job);
      const reason = error instanceof Error ? error.message : String(error);
      return JSON.stringify(unreadableJobView(job, `it cannot be shown: ${reason}`));
    }
    this.#keptBytes += text.length;
    if (this.#keptBytes > MAX_KEPT_BYTES) {
      this.#shown = new WeakMap();
      this.#keptBytes = 0;
    }
    return text;
  }

  /** A mirror of a job that the repository does not have is about to go; while the repository is unknown it stands for the job. */
  #counts(job: CachedJob): boolean {
    return !job.mirrored || !this.#repository.isKnown;
  }
}
