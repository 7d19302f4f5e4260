import { sustainedRate } from "./ramp.ts";
import type { Outcome } from "./scenario.ts";
import { type Summary, summarize } from "./summary.ts";
import type { Summaries, TargetRow } from "./targets.ts";
import { WORKLOAD_IDS, workload } from "./workloads.ts";

/** One line with what matters most of one measurement. */
export function summaryLine(id: string, outcome: Outcome): string {
  const s = summarize([outcome]);
  const named = Object.entries(s.requestsByName).map(([name, count]) => `${name} ${count.toFixed(2)}`);
  return [
    `${id}: ${s.tasksPerSecond.toFixed(1)} tasks/s`,
    part(s.levelP50Ms, () => `level ${s.levelP50Ms.toFixed(1)}/${s.levelP99Ms.toFixed(1)} ms`),
    `${s.requestsPerTask.toFixed(2)} requests/task (${named.join(", ")})`,
    `${s.bodyBytesPerTask.toFixed(0)} body bytes/task`,
    `CPU-s/1000: controller ${s.controllerCpu.toFixed(1)}, API server ${s.apiServerCpu.toFixed(1)}`,
    `peak RSS ${s.peakRssMb.toFixed(0)} MB`,
    part(s.readySeconds, () => `ready after ${s.readySeconds.toFixed(1)} s`),
    part(s.recoverySeconds, () => `recovered after ${s.recoverySeconds.toFixed(2)} s`),
    outcome.steps === undefined ? "" : `sustains ${sustainedRate(outcome.steps)} runs/s`,
    `lost ${s.lost}, doubled ${s.doubled}`,
    s.unfinished === 0 ? "" : `NOT FINISHED ${s.unfinished}`,
  ]
    .filter((text) => text !== "")
    .join(", ");
}

function part(value: number, text: () => string): string {
  return Number.isNaN(value) ? "" : text();
}

/** What each workload showed, as a Markdown table. */
export function resultTable(summaries: Summaries, scale: number): string {
  const columns: [string, (summary: Summary) => string][] = [
    ["tasks/s", (s) => number(s.tasksPerSecond, 1)],
    ["level overhead p50 / p99 ms", (s) => pair(s.levelP50Ms, s.levelP99Ms, 1)],
    ["start p50 / p99 ms", (s) => pair(s.startP50Ms, s.startP99Ms, 0)],
    ["requests per task", (s) => number(s.requestsPerTask, 2)],
    ["body bytes per task", (s) => (s.bodyBytesPerTask === 0 ? "–" : number(s.bodyBytesPerTask, 0))],
    ["bytes written / read per task", (s) => pair(s.writtenBytesPerTask, s.readBytesPerTask, 0)],
    ["CPU-s for 1,000 tasks: controller / API server / others", (s) => cpu(s)],
    ["peak RSS MB", (s) => number(s.peakRssMb, 0)],
    ["lost / doubled", (s) => `${s.lost + s.unfinished} / ${s.doubled}`],
  ];
  const rows = WORKLOAD_IDS.flatMap((id) => {
    const summary = summaries[id];
    if (summary === undefined) return [];
    const times = summary.repeats === 1 ? "" : `${summary.repeats} × `;
    const title = `${times}**${id}** ${workload(id, scale).title}${further(summary)}`;
    return [row([title, ...columns.map(([, show]) => show(summary))])];
  });
  return [row(["workload", ...columns.map(([name]) => name)]), row(["", ...columns].map(() => "---")), ...rows].join(
    "\n",
  );
}

function further(s: Summary): string {
  return [
    part(s.recoverySeconds, () => `: recovered after ${s.recoverySeconds.toFixed(2)} s`),
    part(s.sustainedRunsPerSecond, () => `: ${s.sustainedRunsPerSecond.toFixed(0)} runs/s are sustained`),
  ].join("");
}

function cpu(s: Summary): string {
  return [s.controllerCpu, s.apiServerCpu, s.othersCpu].map((value) => number(value, 1)).join(" / ");
}

/** Every target beside its measured value, as a Markdown table. */
export function targetTable(rows: readonly TargetRow[]): string {
  const verdict = ({ met }: TargetRow): string => (met === undefined ? "not measured" : met ? "met" : "**missed**");
  return [
    row(["", "target", "wanted", "measured", ""]),
    row(["---", "---", "---", "---", "---"]),
    ...rows.map((one) => row([one.id, one.what, one.wanted, one.measured, verdict(one)])),
  ].join("\n");
}

/** Requests for each task and bytes of their bodies, by what was asked, as a Markdown table. */
export function requestTable(summaries: Summaries): string {
  const measured = WORKLOAD_IDS.filter((id) => summaries[id] !== undefined);
  const names = [...new Set(measured.flatMap((id) => Object.keys(summaries[id]?.requestsByName ?? {})))].sort();
  const cell = (id: (typeof measured)[number], name: string): string => {
    const count = summaries[id]?.requestsByName[name];
    return count === undefined ? "" : count.toFixed(2);
  };
  return [
    row(["request", ...measured]),
    row(["---", ...measured.map(() => "---")]),
    ...names.map((name) => row([`\`${name}\``, ...measured.map((id) => cell(id, name))])),
  ].join("\n");
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function number(value: number, digits: number): string {
  return Number.isNaN(value) ? "–" : value.toFixed(digits);
}

function pair(a: number, b: number, digits: number): string {
  return Number.isNaN(a) ? "–" : `${a.toFixed(digits)} / ${b.toFixed(digits)}`;
}
