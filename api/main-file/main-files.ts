import { createHash } from "node:crypto";
import type { MainFileResult } from "../../crds/main-yml.ts";
import { ApiError, invalid, retryAfter } from "../errors.ts";
import { type EditResult, readTaskUpdates } from "../odin/main-yml-edit.ts";
import type { MainFileView } from "../odin/main-yml-view.ts";
import type { RenderedJob } from "../odin/rendered-job.ts";
import type { Mapping } from "../templates/value.ts";
import { THREAD_MB } from "../thread-memory.ts";
import { VerdictCache } from "./verdict-cache.ts";
import { buffers, doWork, type MainFileResults, type MainFileWork } from "./work.ts";
import { PoolError, WorkerPool } from "./worker-pool.ts";

/** How texts of users are worked on; the defaults are for a facade. */
export interface MainFilesOptions {
  threads?: number;
  /** Pieces of work that wait for a thread; more get a 503. */
  queue?: number;
  deadlineMs?: number;
  /** Memory of each thread, in MiB. */
  memoryMb?: number;
}

const FILE_NAME = "main.yml";
/** Texts up to this are read at once, which takes some milliseconds: fewer than it takes to ask a thread under load. In characters. */
const SMALL = 8 * 1024;
/** Characters of the texts whose results are kept; what is made of a text is some times as large. */
const KEPT = 8 * 1024 * 1024;
/** The largest jobs take two or three seconds of a processor, which on a busy machine is many times as long. */
const DEADLINE_MS = 30_000;
/** How long a text that cannot be read in time is refused without trying it again. */
const REFUSED_MS = 5 * 60_000;

/**
 * Reads, shows, edits and renders what users have written without holding up the event loop: all but short texts go to threads, with a bound on
 * time and memory for each. A text that exceeds them is refused with a 422, and what finds too much waiting with a 503. Results are shared:
 * callers must not change them.
 */
export class MainFiles {
  readonly #pool: WorkerPool<MainFileWork, MainFileResults[MainFileWork["kind"]]>;
  readonly #cache = new VerdictCache(KEPT);

  constructor({ threads = 2, queue = 16, deadlineMs = DEADLINE_MS, memoryMb = THREAD_MB }: MainFilesOptions = {}) {
    const limits = { maxOldGenerationSizeMb: memoryMb };
    this.#pool = new WorkerPool({
      script: new URL("./main-file-worker.js", import.meta.url),
      threads,
      queue,
      deadlineMs,
      limits,
    });
  }

  /** `checkMainFile`. With `patient` it waits however much waits already. */
  check(text: string, { places = true, patient = false } = {}): Promise<MainFileResult> {
    return this.#read({ kind: "check", text, places }, `${places}`, patient);
  }

  /** `taskViews`; for lists, so that it waits however much waits already. */
  views(text: string, jobId: string): Promise<MainFileView> {
    return this.#read({ kind: "views", text, jobId }, jobId, true);
  }

  /** `editMainFile`. */
  async edit(text: string | undefined, { tasks }: { tasks?: readonly unknown[] }): Promise<EditResult> {
    const read = tasks === undefined ? { updates: undefined } : readTaskUpdates(tasks);
    if ("problems" in read) return read;
    const size = read.updates?.reduce((sum, { values }) => sum + JSON.stringify([...values]).length, 0) ?? 0;
    return await this.#work({ kind: "edit", text, updates: read.updates }, isQuick(text ?? "", size));
  }

  /** `renderJob`; how long a template takes cannot be seen from its length, so that none is rendered here. */
  async render(files: Readonly<Record<string, Buffer>>, context: Mapping): Promise<RenderedJob> {
    // Copies: a small Buffer is a piece of a larger one, which would go with it.
    const copies = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, new Uint8Array(bytes)]));
    const rendered = await this.#work({ kind: "render", files: copies, context }, false);
    return { ...rendered, files: buffers(rendered.files) };
  }

  /** Ends the threads; what is still asked for gets a 503. */
  async stop(): Promise<void> {
    await this.#pool.stop();
  }

  #read<W extends MainFileWork & { text: string }>(
    work: W,
    variant: string,
    patient: boolean,
  ): Promise<MainFileResults[W["kind"]]> {
    if (isQuick(work.text)) return this.#work(work, true);
    const hash = createHash("sha256").update(work.text).digest("hex");
    const make = (): Promise<MainFileResults[W["kind"]]> => this.#work(work, false, patient);
    return this.#cache.get(`${work.kind} ${hash} ${variant}`, work.text.length, make, (error) =>
      error instanceof ApiError && error.code === "Invalid" ? REFUSED_MS : 0,
    );
  }

  async #work<W extends MainFileWork>(work: W, here: boolean, patient = false): Promise<MainFileResults[W["kind"]]> {
    const result = here ? doWork(work) : this.#pool.run(work, { patient }).catch((error: unknown) => fail(work, error));
    return (await result) as MainFileResults[W["kind"]];
  }
}

/** Whether a text is short, and has no merge keys: they make work out of few characters. */
function isQuick(text: string, more = 0): boolean {
  return text.length + more <= SMALL && !text.includes("<<");
}

function fail(work: MainFileWork, error: unknown): never {
  if (!(error instanceof PoolError)) throw error;
  const [path, doing] = work.kind === "render" ? ["templates", "render"] : [FILE_NAME, "read"];
  switch (error.failure) {
    case "too long":
      throw invalid(path, `takes too long to ${doing}: ${error.message}; make it shorter, or split the job`);
    case "too much memory":
      throw invalid(path, `takes too much memory to ${doing}; make it shorter, or split the job`);
    case "busy":
    case "stopped":
      throw new ApiError("Busy", `too many large jobs are being read (${error.message}); try again in a moment`, {
        headers: retryAfter(5),
      });
    case "crashed":
      throw new Error(`${path} could not be worked on: ${error.message}`, { cause: error });
  }
}
