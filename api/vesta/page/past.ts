import type { HistorySpan, StoredHistoryRow } from "../../../store/vesta-history.ts";
import type { GpuData, Payload } from "../hosts/host.ts";
import { memoryPercent, powerOf } from "./templates/view.ts";

/** Figures of a GPU, one for each time; null where it was not there or did not say. */
export interface PastFigures {
  utilisation: (number | null)[];
  memory: (number | null)[];
  temperature: (number | null)[];
  power: (number | null)[];
}

/** What the charts of a host are drawn from: utilisation and memory in per cent, °C, W. */
export interface Past {
  /** In seconds since 1970, ascending. */
  times: number[];
  gpus: Record<string, PastFigures>;
}

/** What the past is read from. Rejects with a `StoreProblem`. */
export interface SampledHistory {
  /** Rows of the host of that id from a span of time, no more than so many, ascending in time, read as they are taken. */
  sample(host: string, most: number, span: HistorySpan): AsyncGenerator<StoredHistoryRow, void>;
}

/** Points of a GPU in one answer: at one row a minute those of a day. */
export const MOST_POINTS = 1_440;

/** The figures of a host from a span of time. Of the rows themselves few are held at a time, and of a long time few are read. */
export async function pastOf(history: SampledHistory, host: string, span: HistorySpan): Promise<Past> {
  const times: number[] = [];
  const gpus = new Map<string, PastFigures>();
  for await (const { timeMs, data } of history.sample(host, MOST_POINTS, span)) {
    for (const [key, gpu] of Object.entries(JSON.parse(data) as Payload)) add(gpus, key, times.length, gpu);
    times.push(timeMs / 1000);
  }
  for (const figures of gpus.values()) fill(figures, times.length);
  return { times, gpus: Object.fromEntries(gpus) };
}

function add(gpus: Map<string, PastFigures>, key: string, index: number, gpu: GpuData): void {
  const figures = gpus.get(key) ?? { utilisation: [], memory: [], temperature: [], power: [] };
  gpus.set(key, figures);
  fill(figures, index);
  figures.utilisation.push(gpu.gpu_volatile);
  figures.memory.push(memoryPercent(gpu));
  figures.temperature.push(gpu.temperature);
  figures.power.push(powerOf(gpu) ?? null);
}

/** Notes that nothing was said of a GPU up to a row. */
function fill(figures: PastFigures, rows: number): void {
  for (const values of Object.values(figures) as (number | null)[][]) {
    while (values.length < rows) values.push(null);
  }
}
