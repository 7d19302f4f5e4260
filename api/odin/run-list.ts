import type { Pipeline, Task } from "../../crds/generated/types.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import type { HistoryPage, HistoryPiece } from "./history-pages.ts";
import { pipelineView } from "./pipeline-view.ts";
import { searchTest } from "./search.ts";

/** A reply of GET /pipelines as it is sent. */
export interface RunListReply {
  body: Buffer;
  /** Runs that `q` matches, of which the body may hold fewer. */
  total: number;
}

/** Bytes of finished replies that are kept, all together. */
const MOST_KEPT_BYTES = 16 * 1024 * 1024;
/** A reply costs this much to keep, however small its body. */
const ENTRY_BYTES = 1024;

/**
 * The replies of GET /pipelines (O-48, O-90, O-91). Many clients poll the same lists of the same runs, so a run is turned into
 * text once for each of its versions, the order is kept, and a whole reply is kept until anything that it shows has changed.
 */
export class RunList {
  readonly #view: ClusterView;
  /** All runs, the newest first. */
  #order: readonly Pipeline[] = [];
  #places: ReadonlyMap<string, number> = new Map();
  readonly #pieces = new WeakMap<Pipeline, { tasks: readonly Task[]; bytes: Buffer }>();
  #replies = new Map<string, { reply: RunListReply; history: HistoryPage }>();
  #keptBytes = 0;
  /** Version of the view that all of the above is of. */
  #version = -1;

  constructor(view: ClusterView) {
    this.#view = view;
  }

  /** The reply if it is at hand, which costs nothing. */
  kept(q: string | undefined, limit: number, history: HistoryPage = NO_HISTORY): RunListReply | undefined {
    if (this.#version !== this.#view.runsVersion) return undefined;
    const kept = this.#replies.get(keyOf(q, limit));
    return kept?.history === history ? kept.reply : undefined;
  }

  /** The reply for the runs whose id `q` matches, at most `limit` of them; `history` are those among them that have no object any more. */
  reply(q: string | undefined, limit: number, history: HistoryPage = NO_HISTORY): RunListReply {
    const kept = this.kept(q, limit, history);
    if (kept !== undefined) return kept;
    this.#refresh();
    const matches = searchTest(q);
    const found = this.#order.filter(({ metadata }) => matches(metadata.name));
    const older = history.pieces.filter(({ name }) => this.#view.run(name) === undefined);
    const pieces = merged(found, older, limit).map((one) => ("bytes" in one ? one.bytes : this.#pieceOf(one)));
    const hidden = history.pieces.length - older.length;
    const reply = { body: joined(pieces), total: found.length + history.total - hidden };
    this.#keep(keyOf(q, limit), reply, history);
    return reply;
  }

  #refresh(): void {
    if (this.#version === this.#view.runsVersion) return;
    this.#version = this.#view.runsVersion;
    this.#replies = new Map();
    this.#keptBytes = 0;
    const pipelines = this.#view.pipelines();
    const known = this.#inKnownOrder(pipelines);
    this.#order = known ?? pipelines.sort(newestFirst);
    if (known === undefined) this.#places = new Map(this.#order.map(({ metadata }, index) => [metadata.name, index]));
  }

  /** The runs in the order of the last time, if they are the same ones: what orders them never changes in a run's life. */
  #inKnownOrder(pipelines: readonly Pipeline[]): Pipeline[] | undefined {
    if (pipelines.length !== this.#order.length) return undefined;
    const ordered: Pipeline[] = [...this.#order];
    for (const pipeline of pipelines) {
      const place = this.#places.get(pipeline.metadata.name);
      if (place === undefined || this.#order[place]?.metadata.uid !== pipeline.metadata.uid) return undefined;
      ordered[place] = pipeline;
    }
    return ordered;
  }

  #pieceOf(pipeline: Pipeline): Buffer {
    const run = this.#view.runOf(pipeline);
    const known = this.#pieces.get(pipeline);
    // The tasks of a run come from objects of their own, which may arrive after it.
    if (known?.tasks === run.tasks) return known.bytes;
    const bytes = Buffer.from(JSON.stringify(pipelineView(run)));
    this.#pieces.set(pipeline, { tasks: run.tasks, bytes });
    return bytes;
  }

  #keep(key: string, reply: RunListReply, history: HistoryPage): void {
    const before = this.#replies.get(key)?.reply;
    if (before !== undefined) this.#keptBytes -= before.body.length + key.length + ENTRY_BYTES;
    this.#replies.delete(key);
    const bytes = reply.body.length + key.length + ENTRY_BYTES;
    if (this.#keptBytes + bytes > MOST_KEPT_BYTES) return;
    this.#keptBytes += bytes;
    this.#replies.set(key, { reply, history });
  }
}

const NO_HISTORY: HistoryPage = { pieces: [], total: 0 };

/** The newest of both, which are in this order each. */
function merged(
  runs: readonly Pipeline[],
  older: readonly HistoryPiece[],
  limit: number,
): readonly (Pipeline | HistoryPiece)[] {
  if (older.length === 0) return runs.slice(0, limit);
  const both: (Pipeline | HistoryPiece)[] = [];
  let nextOlder = 0;
  for (const run of runs) {
    const createdAt = Date.parse(run.metadata.creationTimestamp ?? "") || 0;
    for (let piece = older[nextOlder]; piece !== undefined && piece.createdAt > createdAt; piece = older[nextOlder]) {
      both.push(piece);
      nextOlder += 1;
    }
    both.push(run);
    if (both.length >= limit) break;
  }
  return [...both, ...older.slice(nextOlder)].slice(0, limit);
}

const OPENING = Buffer.from('{"pipelines":[');
const COMMA = Buffer.from(",");
const CLOSING = Buffer.from("]}");

function joined(pieces: readonly Buffer[]): Buffer {
  const parts = pieces.flatMap((piece, index) => (index === 0 ? [piece] : [COMMA, piece]));
  return Buffer.concat([OPENING, ...parts, CLOSING]);
}

function keyOf(q: string | undefined, limit: number): string {
  return `${limit} ${q ?? ""}`;
}

/** Creation times have seconds; runs of one second are told apart by name only so that the order is stable (O-91). */
function newestFirst(a: Pipeline, b: Pipeline): number {
  return (
    compare(b.metadata.creationTimestamp ?? "", a.metadata.creationTimestamp ?? "") ||
    compare(a.metadata.name, b.metadata.name)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
