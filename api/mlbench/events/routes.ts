import { Readable } from "node:stream";
import type { RouterContext } from "@koa/router";
import { unavailable } from "../mlbench-error.ts";
import { reply } from "../reply.ts";
import type { MlbenchRoute } from "../route.ts";
import { runNotFound } from "../runs/runs.ts";
import { positionOf } from "./event-position.ts";
import { EVENT_TIMINGS, type EventSource, type EventTimings, runEvents } from "./run-events.ts";

/** What the route needs. */
export interface EventRouteParts {
  source: EventSource;
  timings?: Partial<EventRouteTimings>;
}

/** The defaults are what production uses. */
export interface EventRouteTimings extends EventTimings {
  /** A reader for whom 1 MiB waits, and who takes nothing of it for so long, is cut off. */
  stalledMs: number;
}

/** Bytes that may wait for one reader; the rest stays in the store (M-67). */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Streams at a time: each one looks at the store every second. */
const MAX_READERS = 200;

/** GET /api/runs/<id>/events/: what happens to a run, as server-sent events (M-67). */
export function eventRoutes({ source, timings }: EventRouteParts): MlbenchRoute[] {
  const all = { ...EVENT_TIMINGS, stalledMs: 15_000, ...timings };
  let readers = 0;
  const get = async (ctx: RouterContext): Promise<void> => {
    const id = idOf(ctx.params.key);
    if (source.run(id) === undefined) throw runNotFound();
    const position = positionOf(ctx.get("Last-Event-ID"));
    // A browser asks again whenever a stream ends; this answer tells it not to.
    if (position.isEnd) return reply(ctx, 204, undefined);
    ctx.status = 200;
    ctx.set("Content-Type", "text/event-stream");
    ctx.set("X-Accel-Buffering", "no");
    if (ctx.method === "HEAD") {
      ctx.body = "";
      ctx.remove("Content-Length");
      return;
    }
    if (readers >= MAX_READERS) throw unavailable("Too many readers of events; try again later");
    readers += 1;
    const gone = new AbortController();
    const stream = Readable.from(watched(runEvents(source, id, position, all, gone.signal), ctx, all.stalledMs), {
      objectMode: false,
      highWaterMark: MAX_WAITING_BYTES,
    });
    stream.once("error", () => ctx.res.destroy());
    stream.once("close", () => {
      readers -= 1;
      gone.abort();
    });
    ctx.res.once("close", () => stream.destroy());
    ctx.body = stream;
  };
  return [{ path: "/runs/:key/events", methods: { GET: get }, stream: true }];
}

/** Cuts a reader off who takes nothing for too long. */
async function* watched(
  events: AsyncGenerator<string, void>,
  { res }: RouterContext,
  stalledMs: number,
): AsyncGenerator<Buffer, void> {
  for await (const text of events) {
    const timer = setTimeout(() => res.destroy(), stalledMs);
    try {
      yield Buffer.from(text);
    } finally {
      clearTimeout(timer);
    }
  }
}

function idOf(key: string | undefined): number {
  return key !== undefined && /^[0-9]{1,15}$/.test(key) ? Number(key) : Number.NaN;
}
