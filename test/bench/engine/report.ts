import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Machine, machineText } from "../machine.ts";
import { limitText } from "./limit.ts";
import type { BenchOptions } from "./options.ts";
import { PLACEMENT_TEXT } from "./placement.ts";
import type { Outcome } from "./scenario.ts";
import { summarize } from "./summary.ts";
import { barChart, cumulative, lineChart } from "./svg.ts";
import { requestTable, resultTable, targetTable } from "./table.ts";
import { type Summaries, type TargetRow, targetRows } from "./targets.ts";
import { WORKLOAD_IDS, type WorkloadId, workload } from "./workloads.ts";

/** One workload run once. */
export interface Result {
  workload: WorkloadId;
  repeat: number;
  outcome: Outcome;
}

/** The report of a benchmark: its text and its plots by file name. */
export interface Report {
  markdown: string;
  plots: Record<string, string>;
  targets: TargetRow[];
}

const MEDIANS = "Where a workload was run more than once (the number before its name), medians are shown.";

/** Makes the report; `plotDirectory` is where its links point to. */
export function makeReport(
  results: readonly Result[],
  options: BenchOptions,
  machine: Machine,
  plotDirectory: string,
): Report {
  const summaries = summariesOf(results);
  const targets = targetRows(summaries);
  const plots = plotsOf(results, summaries, options.scale);
  const markdown = [
    `${machineText(machine)} ${capital(PLACEMENT_TEXT[options.placement])}. ${MEDIANS}`,
    resultTable(summaries, options.scale),
    targetTable(targets),
    ...limitText(summaries),
    "Requests of the controller for each task:",
    requestTable(summaries),
    `The figures of each single run: [engine.json](${plotDirectory}/engine.json).`,
    ...Object.keys(plots).map(
      (name) => `![${name.replace(".svg", "").replaceAll("-", " ")}](${plotDirectory}/${name})`,
    ),
  ].join("\n\n");
  return { markdown, plots, targets };
}

/** Writes the report and the raw data into a directory. */
export async function writeReport(
  directory: string,
  report: Report,
  raw: { machine: Machine; options: BenchOptions; results: readonly Result[] },
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "engine.json"), `${JSON.stringify(raw, null, 1)}\n`);
  await writeFile(join(directory, "engine.md"), `${report.markdown}\n`);
  await writePlots(directory, report.plots);
}

/** Writes the plots, and the figures of each single run without the samples that they were made from. */
export async function writeFigures(directory: string, report: Report, results: readonly Result[]): Promise<void> {
  await writePlots(directory, report.plots);
  const samples = new Set(["levelsUs", "startsUs", "podCreationsUs", "listsUs", "rssSamples"]);
  const figures = JSON.stringify(results, (key, value) => (samples.has(key) ? undefined : value), 1);
  await writeFile(join(directory, "engine.json"), `${figures}\n`);
}

async function writePlots(directory: string, plots: Record<string, string>): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries(plots)) await writeFile(join(directory, name), text);
}

function summariesOf(results: readonly Result[]): Summaries {
  const summaries: Summaries = {};
  for (const id of WORKLOAD_IDS) {
    const outcomes = results.filter(({ workload }) => workload === id).map(({ outcome }) => outcome);
    if (outcomes.length > 0) summaries[id] = summarize(outcomes);
  }
  return summaries;
}

function plotsOf(results: readonly Result[], summaries: Summaries, scale: number): Record<string, string> {
  const measured = WORKLOAD_IDS.flatMap((id) => {
    const summary = summaries[id];
    return summary === undefined ? [] : [{ id, summary }];
  });
  const levels = measured.flatMap(({ id }) => {
    const values = results.filter(({ workload }) => workload === id).flatMap((one) => one.outcome.measurement.levelsUs);
    return values.length === 0 ? [] : [{ name: id, points: cumulative(values.map((us) => us / 1000)) }];
  });
  const memory = results
    .filter(({ repeat, workload: id }) => repeat === 1 && workload(id, scale).system === "odin")
    .map(({ workload, outcome }) => ({
      name: workload,
      points: outcome.measurement.usage.rssSamples.map(({ seconds, bytes }) => ({ x: seconds, y: bytes / 1e6 })),
    }));
  return {
    "tasks-per-second.svg": barChart(
      "Tasks per second",
      "tasks/s",
      measured
        .filter(({ id }) => id !== "W0" && id !== "W4")
        .map(({ id, summary }) => ({ name: id, value: summary.tasksPerSecond })),
    ),
    ...(levels.length === 0
      ? {}
      : {
          "level-overhead.svg": lineChart(
            "Level overhead: last parent ended to child created",
            { x: "ms", y: "% of levels", logarithmic: true },
            levels,
          ),
        }),
    "memory.svg": lineChart("Resident memory of the operator", { x: "seconds", y: "MB" }, memory),
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
