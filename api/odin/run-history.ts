import { readRunDocument } from "../../crds/run-document.ts";
import type { Logger } from "../../kube/logger.ts";
import type { RunArchive, RunQuery, RunRecord } from "../../store/run-archive.ts";
import { StoreProblem } from "../../store/store-problem.ts";
import type { ClusterView, Run } from "../cache/cluster-view.ts";
import { ApiError, retryAfter } from "../errors.ts";
import { Gate } from "../gate.ts";
import { isObjectName } from "./ids.ts";
import { type FoundResource, findResource } from "./resource.ts";
import { storeInTime } from "./store-in-time.ts";

/** How long a reply waits for the store, and how long a store that does not work is left alone then. */
const PATIENCE_MS = 3_000;
const REST_MS = 2_000;
/** Questions to the store at once, and waiting: ids that nobody knows cost one each. */
const CONCURRENT = 8;
const WAITING = 128;
/** Tasks of kept runs that are at hand, all together. */
const MOST_KEPT_TASKS = 5_000;

/**
 * The runs of one namespace that have ended and whose object is gone, as the routes read them. A run in the cluster always counts before one in the
 * archive: of the same UID because it is the truth, of the same name because it is newer.
 */
export class RunHistory {
  readonly #archive: RunArchive | undefined;
  readonly #namespace: string;
  readonly #view: ClusterView;
  readonly #logger: Logger;
  readonly #gate = new Gate(CONCURRENT, WAITING);
  /** By UID, the one that was used last at the end. What is kept of a run does not change any more. */
  readonly #runs = new Map<string, Run>();
  #keptTasks = 0;
  #isDown = false;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(archive: RunArchive | undefined, namespace: string, view: ClusterView, logger: Logger) {
    this.#archive = archive;
    this.#namespace = namespace;
    this.#view = view;
    this.#logger = logger;
  }

  /** The newest kept run of that id; undefined if there is none, or one in the cluster. Throws a 503 if the store does not answer. */
  async run(id: string): Promise<Run | undefined> {
    if (!isObjectName(id) || this.#view.run(id) !== undefined) return undefined;
    const [run] = await this.#named([id]);
    return run;
  }

  /** The kept run with that UID. Throws a 503 if the store does not answer. */
  async byUid(uid: string): Promise<Run | undefined> {
    const record = await this.#ask((archive) => archive.byUid(uid), undefined);
    return record?.namespace === this.#namespace ? (await this.#load([record]))[0] : undefined;
  }

  /** What an id of /resources/{id} means among the kept runs (O-220). Throws a 503 if the store does not answer. */
  async find(id: string): Promise<FoundResource | undefined> {
    if (!isObjectName(id)) return undefined;
    const names = [id];
    for (let at = id.indexOf("--", 1); at > 0; at = id.indexOf("--", at + 1)) names.push(id.slice(0, at));
    const unknown = names.filter((name) => this.#view.run(name) === undefined);
    const runs = new Map<string, Run>();
    try {
      for (const run of await this.#named(unknown)) runs.set(run.pipeline.metadata.name, run);
    } catch (error) {
      // What begins like a run of the cluster is most likely meant to be of that one, and this has no such task.
      if (!(error instanceof ApiError) || unknown.length === names.length) throw error;
      return undefined;
    }
    const pipelines = [...runs.values()].map(({ pipeline }) => pipeline);
    return findResource(
      {
        run: (name) => runs.get(name),
        pod: () => undefined,
        pipelines: () => pipelines,
        runOf: (pipeline) => runs.get(pipeline.metadata.name) ?? { pipeline, tasks: [] },
      },
      id,
    );
  }

  /** A page of kept runs, without what they did; undefined where the store does not answer. */
  async list(query: Omit<RunQuery, "namespace">): Promise<RunRecord[] | undefined> {
    return await this.#quietly((archive) => archive.list({ ...query, namespace: this.#namespace }), []);
  }

  /** How many kept runs have a name with these parts, as far as they are counted; undefined where the store does not answer. */
  async count(parts: readonly string[]): Promise<number | undefined> {
    return await this.#quietly((archive) => archive.count(this.#namespace, parts), 0);
  }

  /** Kept runs as they ended; those that are gone meanwhile, or cannot be read, are left out. */
  async load(records: readonly RunRecord[]): Promise<Run[]> {
    try {
      return await this.#load(records);
    } catch (error) {
      if (error instanceof ApiError) return [];
      throw error;
    }
  }

  async #named(names: readonly string[]): Promise<Run[]> {
    if (names.length === 0) return [];
    return await this.#load(await this.#ask((archive) => archive.find(this.#namespace, names), []));
  }

  async #load(records: readonly RunRecord[]): Promise<Run[]> {
    const missing = records.map(({ uid }) => uid).filter((uid) => !this.#runs.has(uid));
    const documents =
      missing.length === 0 ? new Map() : await this.#ask((archive) => archive.documents(missing), new Map());
    const found: Run[] = [];
    for (const { uid, name } of records) {
      const known = this.#runs.get(uid);
      const document = known === undefined ? readRunDocument(documents.get(uid)) : undefined;
      const run = known ?? document;
      if (run === undefined) {
        // Removed a moment ago, or written by somebody else.
        if (documents.has(uid)) this.#logger.error({ run: name }, "a kept run cannot be read");
        continue;
      }
      this.#remember(uid, run);
      found.push(run);
    }
    return found;
  }

  #remember(uid: string, run: Run): void {
    const weight = (one: Run): number => one.tasks.length + 1;
    if (this.#runs.delete(uid)) this.#keptTasks -= weight(run);
    this.#runs.set(uid, run);
    this.#keptTasks += weight(run);
    for (const [oldest, old] of this.#runs) {
      if (this.#keptTasks <= MOST_KEPT_TASKS || this.#runs.size === 1) break;
      this.#runs.delete(oldest);
      this.#keptTasks -= weight(old);
    }
  }

  async #quietly<T>(read: (archive: RunArchive) => Promise<T>, nothing: T): Promise<T | undefined> {
    try {
      return await this.#ask(read, nothing);
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      throw error;
    }
  }

  /** Asks the store; `nothing` is the answer where there is none. Throws a 503 where it does not answer. */
  async #ask<T>(read: (archive: RunArchive) => Promise<T>, nothing: T): Promise<T> {
    const archive = this.#archive;
    if (archive === undefined) return nothing;
    try {
      const answer = await this.#gate.run(
        async () => {
          // Also for those that have waited for their turn meanwhile.
          if (performance.now() < this.#restUntilMs) throw storeUnavailable();
          return await storeInTime(read(archive), PATIENCE_MS);
        },
        () => new ApiError("Busy", "too many questions wait for the store of ended runs", { headers: retryAfter(2) }),
      );
      if (this.#isDown) this.#logger.info({}, "the store of ended runs works again");
      this.#isDown = false;
      return answer;
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      if (!this.#isDown) this.#logger.error({ err: error.message }, "the store of ended runs does not work");
      this.#isDown = true;
      this.#restUntilMs = performance.now() + REST_MS;
      throw storeUnavailable();
    }
  }
}

function storeUnavailable(): ApiError {
  const detail = "it is not in the cluster, and the store of ended runs does not work now; try again later";
  return new ApiError("StoreUnavailable", detail, { headers: retryAfter(REST_MS / 1000) });
}
