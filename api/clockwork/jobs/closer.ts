import { readRunDocument } from "../../../crds/run-document.ts";
import { canonicalJson } from "../../../crds/snapshot.ts";
import type { Logger } from "../../../kube/logger.ts";
import { compareResourceVersions } from "../../../kube/resource.ts";
import type { Closing, JobRecords, UnfinishedJob } from "../../../store/job-records.ts";
import type { RunArchive } from "../../../store/run-archive.ts";
import { isWatched, type JobCaches } from "./job-caches.ts";
import { closedState } from "./job-state.ts";
import { isJudged, outcomeOf } from "./outcome.ts";
import type { Recorder } from "./recorder.ts";
import type { TaskRecord } from "./run-state.ts";
import { exitCodeText } from "./slurm.ts";
import type { Surroundings } from "./surroundings.ts";

/** How the closer is made. */
export interface CloserOptions {
  caches: Pick<JobCaches, "pods">;
  surroundings: Pick<Surroundings, "run">;
  recorder: Pick<Recorder, "isPending">;
  records: Pick<JobRecords, "unfinished" | "close">;
  /** Ended runs whose objects are gone. */
  archive: Pick<RunArchive, "documents">;
  namespaces: readonly string[] | undefined;
  logger: Logger;
}

const AT_ONCE = 200;
/** How long it is waited for what the operator says of an attempt whose pod is gone, before it is shown as what it is without that. */
const PATIENCE_MS = 30_000;
/** And how long that may still be corrected: an operator may be away for long. */
const CORRECTABLE_MS = 24 * 3_600_000;

/** Brings the jobs to their end whose pods went while nobody watched (C-82). */
export class Closer {
  readonly #options: CloserOptions;
  /** Since when jobs were seen to have no pod (monotonic milliseconds). */
  readonly #missing = new Map<string, number>();

  constructor(options: CloserOptions) {
    this.#options = options;
  }

  /** Looks at all unfinished jobs once; how many are to be looked at again soon. The caches must be filled. Rejects with a `StoreProblem`. */
  async close(): Promise<number> {
    const { records } = this.#options;
    const missing = new Set<string>();
    let left = 0;
    for (let after = ""; ; ) {
      const some = await records.unfinished(after, AT_ONCE);
      const last = some.at(-1);
      if (last === undefined) break;
      after = last.podUid;
      const lost = some.filter((job) => this.#isMissing(job));
      for (const { podUid } of lost) missing.add(podUid);
      const { closings, waiting } = await this.#closingsOf(lost);
      left += waiting;
      await records.close(closings);
      if (closings.length > 0)
        this.#options.logger.info({ jobs: closings.length }, "closed Clockwork's jobs of pods that went unseen");
    }
    for (const podUid of this.#missing.keys()) if (!missing.has(podUid)) this.#missing.delete(podUid);
    return left;
  }

  /** A pod that is not in the cache is gone only if the cache is as new as what was written of it. */
  #isMissing({ podUid, namespace, pod, observed }: UnfinishedJob): boolean {
    const { caches, namespaces, recorder } = this.#options;
    if (!isWatched(namespace, namespaces) || recorder.isPending(podUid)) return false;
    if (caches.pods.get(`${namespace}/${pod}`)?.metadata.uid === podUid) return false;
    const order = compareResourceVersions(caches.pods.versionOf(namespace) ?? "", String(observed));
    return order !== undefined && order >= 0;
  }

  async #closingsOf(jobs: readonly UnfinishedJob[]): Promise<{ closings: Closing[]; waiting: number }> {
    const archived = await this.#archived(
      jobs.filter(({ runUid }) => this.#options.surroundings.run(runUid) === undefined),
    );
    const now = performance.now();
    let waiting = 0;
    const closings = jobs.flatMap((job) => {
      const { podUid, runUid, task, attempt } = job;
      const run = this.#options.surroundings.run(runUid);
      const record = run === undefined ? archived.get(runUid)?.[task] : run.tasks[task];
      const since = this.#missing.get(podUid) ?? now;
      this.#missing.set(podUid, since);
      const ended = run === undefined || isJudged(record, attempt) || now - since >= CORRECTABLE_MS;
      if (ended) return [closingOf(job, record, ended)];
      // Shown as ended already.
      if (job.endTime !== null) return [];
      if (now - since >= PATIENCE_MS) return [closingOf(job, record, ended)];
      waiting += 1;
      return [];
    });
    return { closings, waiting };
  }

  /** What the archive knows of the tasks of runs whose objects are gone, by the UID of the run. */
  async #archived(jobs: readonly UnfinishedJob[]): Promise<Map<string, Readonly<Record<string, TaskRecord>>>> {
    const uids = [...new Set(jobs.map(({ runUid }) => runUid))].filter((uid) => uid !== "");
    const documents = await this.#options.archive.documents(uids);
    return new Map(
      [...documents].map(([uid, document]) => [uid, readRunDocument(document)?.pipeline.status?.tasks ?? {}]),
    );
  }
}

function closingOf(
  { podUid, attempt, goneState, goneTime, endTime: shownEnd, slurm }: UnfinishedJob,
  record: TaskRecord | undefined,
  ended: boolean,
): Closing {
  const outcome = outcomeOf(record, attempt);
  const state = closedState(goneState, outcome);
  const endTime = shownEnd ?? outcome?.endedAt ?? goneTime ?? Math.floor(Date.now() / 1000);
  const shown = JSON.parse(slurm) as Record<string, unknown>;
  const told = outcome?.exitCode === undefined ? {} : { exit_code: exitCodeText(outcome.exitCode) };
  return {
    podUid,
    state,
    endTime,
    ended,
    slurm: canonicalJson({ ...shown, ...told, job_state: state, end_time: endTime }),
  };
}
