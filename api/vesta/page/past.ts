import type { GpuData, Payload } from "../hosts/host.ts";
import type { StoredHistory } from "../states/state-source.ts";
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

/** Rows that are looked at: at one in a minute the last twelve hours. */
const ROWS = 720;

/** The figures of a host's newest rows. Of the rows themselves no more than one is held at a time. */
export async function pastOf(history: StoredHistory, host: string): Promise<Past> {
  const times: number[] = [];
  const gpus = new Map<string, PastFigures>();
  for await (const { timeMs, data } of history.rows(host, ROWS)) {
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
