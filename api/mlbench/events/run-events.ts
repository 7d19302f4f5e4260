import { setTimeout as delay } from "node:timers/promises";
import type { MlbenchMetrics } from "../../../store/mlbench-metrics.ts";
import { type MlbenchOutput, OUTPUT_STREAMS } from "../../../store/mlbench-output.ts";
import { fullEntry } from "../metrics/metric-json.ts";
import type { RunObject } from "../runs/run-object.ts";
import { type EventPosition, eventId, type NumberedEvent } from "./event-position.ts";

/** Where the events of runs come from. */
export interface EventSource {
  /** The run as it is now; undefined once it is gone. */
  run(id: number): RunObject | undefined;
  output: Pick<MlbenchOutput, "readFrom">;
  metrics: Pick<MlbenchMetrics, "newestId" | "arrived">;
}

/** The defaults are what production uses. */
export interface EventTimings {
  /** Between two looks at the store, which other processes write too. */
  lookMs: number;
  /** Longest silence: a comment keeps the connection open then (M-67). */
  silenceMs: number;
}

export const EVENT_TIMINGS: EventTimings = { lookMs: 1_000, silenceMs: 15_000 };

/** Characters that are sent at once where there are as many. */
const PIECE = 64 * 1024;

/**
 * What a reader of a run's events is sent from a position on (M-67), until the run has ended or is gone, or `signal` fires. `position` moves along. A
 * metric is sent a look later than it is seen: one that was numbered before it may be stored after it.
 */
export async function* runEvents(
  source: EventSource,
  id: number,
  position: EventPosition,
  timings: EventTimings,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let shown = "";
  let settledId = position.metric;
  let endedLooks = 0;
  let saidAt = performance.now();
  while (!signal.aborted) {
    const run = source.run(id);
    if (run === undefined) return;
    const hasEnded = run.state === "finished" || run.state === "failed";
    const state = JSON.stringify(run);
    if (!hasEnded && state !== shown) {
      shown = state;
      yield event("state", state, eventId(position, undefined));
      saidAt = performance.now();
    }
    const newestId = await source.metrics.newestId();
    for await (const text of pieces(source, id, position, settledId)) {
      yield text;
      saidAt = performance.now();
    }
    settledId = newestId;
    // What comes with the end may be stored a little later than that is told.
    if (hasEnded && ++endedLooks > 1) {
      position.isEnd = true;
      yield event("state", state, eventId(position, undefined));
      return;
    }
    if (performance.now() - saidAt >= timings.silenceMs) {
      yield ":\n\n";
      saidAt = performance.now();
    }
    await pause(timings.lookMs, signal);
  }
}

/** All lines and metrics that are there, many at a time. */
async function* pieces(
  source: EventSource,
  id: number,
  position: EventPosition,
  upTo: number,
): AsyncGenerator<string, void> {
  let text = "";
  for await (const one of numbered(source, id, position, upTo)) {
    text += one;
    if (text.length < PIECE) continue;
    yield text;
    text = "";
  }
  if (text !== "") yield text;
}

async function* numbered(
  { output, metrics }: EventSource,
  id: number,
  position: EventPosition,
  upTo: number,
): AsyncGenerator<string, void> {
  const moved = (own: NumberedEvent, number: number, data: string): string => {
    position[own] = number;
    return event(own, data, eventId(position, own));
  };
  for (const stream of OUTPUT_STREAMS) {
    for (let page = await output.readFrom(id, stream, position[stream]); page.length > 0; ) {
      for (const { number, text } of page) yield moved(stream, number, text);
      page = await output.readFrom(id, stream, position[stream]);
    }
  }
  while (position.metric < upTo) {
    const page = await metrics.arrived(`run:${id}`, position.metric, upTo);
    for (const { id: number, ...entry } of page) yield moved("metric", number, JSON.stringify(fullEntry(entry)));
    if (page.length === 0) position.metric = upTo;
  }
}

/** A line with a CR in it is sent as several of `data`, which readers join with LF: in the stream either ends a line. */
function event(name: string, data: string, id: string): string {
  return `event: ${name}\nid: ${id}\n${data
    .split(/[\r\n]/)
    .map((line) => `data: ${line}\n`)
    .join("")}\n`;
}

/** Ends early, and without an error, when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
