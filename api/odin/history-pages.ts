import type { RunRecord } from "../../store/run-archive.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import { pipelineView } from "./pipeline-view.ts";
import type { RunHistory } from "./run-history.ts";
import { searchParts } from "./search.ts";

/** A run without an object, as lists show it. */
export interface HistoryPiece {
  uid: string;
  name: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  bytes: Buffer;
}

/** What the archive adds to a list. */
export interface HistoryPage {
  /** Newest first. */
  pieces: readonly HistoryPiece[];
  /** Runs without an object that match, of which the page may hold fewer. */
  total: number;
}

/** How old what is shown may be: a run whose object went is listed again after that time at the latest. */
const FRESH_MS = 1_000;
/** Counting costs more than looking at a page, and matters less. */
const COUNT_EVERY_MS = 10_000;
/** Lists that are kept, and bytes of the runs in them. */
const MOST_PAGES = 64;
const MOST_BYTES = 32 * 1024 * 1024;
/** Documents read from the store in one go. */
const READ_AT_ONCE = 50;

interface Kept {
  page: HistoryPage;
  readMs: number;
  countedMs: number;
  reading?: Promise<HistoryPage>;
}

const NOTHING: HistoryPage = { pieces: [], total: 0 };

/**
 * The runs without an object in the form in which lists show them. The store is asked once a second at most for each list; of a run it is asked once,
 * for it does not change any more. A store that does not answer adds nothing.
 */
export class HistoryPages {
  readonly #history: RunHistory;
  readonly #view: ClusterView;
  readonly #kept = new Map<string, Kept>();
  /** By UID, the one that was used last at the end. */
  readonly #bytes = new Map<string, Buffer>();
  #size = 0;

  constructor(history: RunHistory, view: ClusterView) {
    this.#history = history;
    this.#view = view;
  }

  /** The page if it is at hand and new enough. The same object as before means the same runs. */
  fresh(q: string | undefined, limit: number): HistoryPage | undefined {
    const kept = this.#kept.get(keyOf(q, limit));
    return kept !== undefined && performance.now() - kept.readMs < FRESH_MS ? kept.page : undefined;
  }

  /** The page; requests that come together share one look. */
  async page(q: string | undefined, limit: number): Promise<HistoryPage> {
    const fresh = this.fresh(q, limit);
    if (fresh !== undefined) return fresh;
    const key = keyOf(q, limit);
    const kept = this.#kept.get(key) ?? {
      page: NOTHING,
      readMs: Number.NEGATIVE_INFINITY,
      countedMs: Number.NEGATIVE_INFINITY,
    };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= MOST_PAGES) break;
      this.#kept.delete(oldest);
    }
    kept.reading ??= this.#read(kept, searchParts(q), limit).finally(() => {
      delete kept.reading;
    });
    kept.page = await kept.reading;
    kept.readMs = performance.now();
    return kept.page;
  }

  async #read(kept: Kept, parts: readonly string[], limit: number): Promise<HistoryPage> {
    const { page: before } = kept;
    const records = await this.#records(parts, limit);
    if (records === undefined) return NOTHING;
    const isSame =
      records.length === before.pieces.length && records.every(({ uid }, index) => before.pieces[index]?.uid === uid);
    if (isSame && performance.now() - kept.countedMs < COUNT_EVERY_MS) return before;
    const total = records.length < limit ? records.length : ((await this.#history.count(parts)) ?? records.length);
    kept.countedMs = performance.now();
    if (isSame && total === before.total) return before;
    const pieces: HistoryPiece[] = [];
    for (let at = 0; at < records.length; at += READ_AT_ONCE) {
      const some = records.slice(at, at + READ_AT_ONCE);
      await this.#write(some.filter(({ uid }) => !this.#bytes.has(uid)));
      for (const { uid, name, createdAt } of some) {
        const bytes = this.#bytes.get(uid);
        if (bytes !== undefined) pieces.push({ uid, name, createdAt, bytes });
      }
    }
    this.#trim();
    return { pieces, total };
  }

  /** As many as the page holds; of several of one name the newest, and none whose name or object is in the cluster. */
  async #records(parts: readonly string[], limit: number): Promise<RunRecord[] | undefined> {
    const found = new Map<string, RunRecord>();
    for (let after: RunRecord | undefined; found.size < limit; ) {
      const page = await this.#history.list({ parts, limit, ...(after === undefined ? {} : { after }) });
      if (page === undefined) return undefined;
      for (const record of page) {
        if (found.size < limit && !found.has(record.name) && this.#view.run(record.name) === undefined)
          found.set(record.name, record);
      }
      after = page.at(-1);
      if (page.length < limit) break;
    }
    return [...found.values()];
  }

  async #write(records: readonly RunRecord[]): Promise<void> {
    for (const run of await this.#history.load(records)) {
      const bytes = Buffer.from(JSON.stringify(pipelineView(run)));
      this.#bytes.set(run.pipeline.metadata.uid, bytes);
      this.#size += bytes.length;
    }
  }

  #trim(): void {
    for (const [oldest, bytes] of this.#bytes) {
      if (this.#size <= MOST_BYTES) break;
      this.#bytes.delete(oldest);
      this.#size -= bytes.length;
    }
  }
}

function keyOf(q: string | undefined, limit: number): string {
  return `${limit} ${q ?? ""}`;
}
