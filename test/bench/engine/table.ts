import { totalOf } from "./figures.ts";
import { sustainedRate } from "./ramp.ts";
import type { Outcome } from "./scenario.ts";

/** One line with what matters most of one measurement. */
export function summaryLine(id: string, outcome: Outcome): string {
  const { measurement: m, steps, recoverySeconds, readySeconds } = outcome;
  const perTask = (value: number, digits = 2): string => (value / m.tasks).toFixed(digits);
  const perThousand = (value: number | undefined): string => (((value ?? Number.NaN) * 1000) / m.tasks).toFixed(1);
  const level =
    m.levelUs === undefined ? "" : `level ${milliseconds(m.levelUs.p50)}/${milliseconds(m.levelUs.p99)} ms, `;
  const bytes = Object.values(m.usage.sentBytes).reduce((sum, count) => sum + count, 0);
  return [
    `${id}: ${m.tasksPerSecond.toFixed(1)} tasks/s, ${level}${perTask(totalOf(m.requests))} requests/task`,
    ` (${Object.entries(m.requests)
      .map(([name, count]) => `${name} ${perTask(count)}`)
      .join(", ")})`,
    `, ${perTask(bytes, 0)} body bytes/task, CPU-s/1000: controller ${perThousand(m.usage.cpuSeconds.controller)}`,
    `, API server ${perThousand(m.usage.cpuSeconds["kube-apiserver"])}`,
    `, peak RSS ${(m.usage.peakRss / 1e6).toFixed(0)} MB, lost ${m.lost.length}, doubled ${m.doubled.length}`,
    readySeconds === undefined ? "" : `, ready after ${readySeconds.toFixed(1)} s`,
    recoverySeconds === undefined ? "" : `, recovered after ${recoverySeconds.toFixed(2)} s`,
    steps === undefined ? "" : `, sustains ${sustainedRate(steps)} runs/s`,
    m.unfinished.length === 0 ? "" : `, NOT FINISHED ${m.unfinished.length}`,
  ].join("");
}

/** Microseconds as milliseconds with one digit. */
export function milliseconds(us: number): string {
  return (us / 1000).toFixed(1);
}
