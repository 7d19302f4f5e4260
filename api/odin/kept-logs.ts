import { Readable } from "node:stream";
import { isKubeError } from "../../kube/errors.ts";
import type { Logger } from "../../kube/logger.ts";
import type { LogArchive, LogEntry } from "../../store/log-archive.ts";
import { StoreProblem } from "../../store/store-problem.ts";
import { lastLines } from "./last-lines.ts";
import { type LogOptions, type LogTarget, MissingLog, type OpenLog } from "./log-source.ts";
import { storeInTime } from "./store-in-time.ts";

/** What is said where the store does not answer; the details are for the one who runs it, in our own log. */
const STORE_DOWN = "the store of logs does not work now; try again later";

/** How long a reply waits for the store, and how long a store that does not work is left alone then. */
const PATIENCE_MS = 3_000;
const REST_MS = 5_000;

/** The logs of ended pods, as the routes read them (O-225). A store that does not work takes nothing else along. */
export class KeptLogs {
  readonly #archive: LogArchive | undefined;
  readonly #namespace: string;
  readonly #logger: Logger;
  #isDown = false;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(archive: LogArchive | undefined, namespace: string, logger: Logger) {
    this.#archive = archive;
    this.#namespace = namespace;
    this.#logger = logger;
  }

  /** What is kept of a run; nothing where there is no store, or it does not work. */
  ofRun(runUid: string): Promise<readonly LogEntry[]> {
    return this.#tried((archive) => archive.ofRun(runUid), []);
  }

  /** What is kept of a pod that may be gone, the newest of that name. */
  async ofPod(pod: string): Promise<LogEntry | undefined> {
    return (await this.#tried((archive) => archive.ofPod(this.#namespace, pod), []))[0];
  }

  /** Opens logs in the archive where that has them, else by `live`. */
  opener(live: OpenLog): OpenLog {
    return async (target, options) => {
      if (isBest(target)) return await this.#open(target.archived, options);
      try {
        return await live(target, options);
      } catch (error) {
        // The pod may have gone a moment ago, and its log with it into the archive.
        const isGone = isKubeError(error, "notFound");
        const entry = isGone ? await this.#entryOf(target) : target.archived;
        if (isGone && this.#isDown) throw new MissingLog(`the pod was deleted, and ${STORE_DOWN}`);
        if (entry === undefined || (entry.state !== "whole" && entry.state !== "partial")) throw error;
        return await this.#open(entry, options);
      }
    };
  }

  async #entryOf({ pod }: LogTarget): Promise<LogEntry | undefined> {
    if (pod?.runUid === undefined) return undefined;
    return (await this.ofRun(pod.runUid)).find(({ podUid }) => podUid === pod.metadata.uid);
  }

  async #open(entry: LogEntry, { lines, container }: LogOptions): Promise<Readable> {
    if (container !== undefined && container !== entry.container && entry.size > 0)
      throw new MissingLog(`of this pod only the log of container ${entry.container} was kept`);
    if (entry.state === "lost" || entry.state === "none") throw new MissingLog(entry.reason ?? "nobody knows why");
    const text = await this.#text(entry);
    return Readable.from([shown(entry, text, lines)]);
  }

  async #text({ podUid }: LogEntry): Promise<Buffer> {
    try {
      const text = await this.#archive?.text(podUid);
      if (text === undefined) throw new MissingLog("it was removed from the store a moment ago");
      return text;
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      this.#logger.error({ err: error.message }, "a kept log cannot be read");
      throw new MissingLog(STORE_DOWN);
    }
  }

  async #tried<T>(read: (archive: LogArchive) => Promise<T>, otherwise: T): Promise<T> {
    if (this.#archive === undefined || performance.now() < this.#restUntilMs) return otherwise;
    try {
      const answer = await storeInTime(read(this.#archive), PATIENCE_MS);
      this.#isDown = false;
      return answer;
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      this.#isDown = true;
      this.#restUntilMs = performance.now() + REST_MS;
      this.#logger.error({ err: error.message }, "the store of logs does not work");
      return otherwise;
    }
  }
}

/** Whether the archive is to be asked rather than the node: the pod is gone, or its whole log is kept. */
function isBest(target: LogTarget): target is LogTarget & { archived: LogEntry } {
  const { archived, pod } = target;
  if (archived === undefined) return false;
  return pod === undefined || (pod.ended && archived.state === "whole");
}

/** The text with what is to be known about it: what is missing at its beginning and at its end. */
function shown({ dropped, reason }: LogEntry, text: Buffer, lines: number | undefined): Buffer {
  const kept = lines === undefined ? text : lastLines(text, lines);
  const before = dropped > 0 && kept.length === text.length ? `(${dropped} earlier bytes were not kept)\n` : "";
  const open = kept.length > 0 && kept[kept.length - 1] !== 0x0a;
  const after = reason === undefined ? "" : `${open ? "\n" : ""}(the log ends here: ${reason})\n`;
  return before + after === "" ? kept : Buffer.concat([Buffer.from(before), kept, Buffer.from(after)]);
}
