import { Counter, Gauge, type Registry } from "prom-client";
import type { NodeReadings } from "./node-readings.ts";
import { totalPowerWatts, utilisationPercent } from "./readings.ts";
import { SCRAPE_RESULTS, type ScrapeResult } from "./scrape.ts";

/** What is counted of scrapes (G-36), by node: never by run or pod. */
export interface GpuMetrics {
  scraped(node: string, result: ScrapeResult, seconds: number): void;
  skipped(node: string, lines: number, values: number): void;
  /** Ends the series of a node that left the cluster. */
  forget(node: string): void;
}

/**
 * Registers the metrics; those of the GPUs themselves are read from `nodes` when the registry is, and left out where the
 * newest reading is older than `freshMs`.
 */
export function gpuMetrics(registry: Registry, nodes: ReadonlyMap<string, NodeReadings>, freshMs: number): GpuMetrics {
  const registers = [registry];
  const labelNames = ["node"] as const;
  const scrapes = new Counter({
    name: "odin_gpu_scrapes_total",
    help: "Scrapes of GPU exporters, by node and result.",
    labelNames: ["node", "result"],
    registers,
  });
  const duration = new Gauge({
    name: "odin_gpu_scrape_duration_seconds",
    help: "How long the last scrape of a node's GPU exporter took.",
    labelNames,
    registers,
  });
  const skippedLines = new Counter({
    name: "odin_gpu_skipped_lines_total",
    help: "Lines of GPU exporters that could not be read.",
    labelNames,
    registers,
  });
  const droppedValues = new Counter({
    name: "odin_gpu_dropped_values_total",
    help: "Values of GPU exporters that cannot be true.",
    labelNames,
    registers,
  });
  registerReadings(registry, nodes, freshMs);
  return {
    scraped(node, result, seconds) {
      scrapes.inc({ node, result });
      duration.set({ node }, seconds);
    },
    skipped(node, lines, values) {
      skippedLines.inc({ node }, lines);
      droppedValues.inc({ node }, values);
    },
    forget(node) {
      for (const result of SCRAPE_RESULTS) scrapes.remove({ node, result });
      for (const metric of [duration, skippedLines, droppedValues]) metric.remove({ node });
    },
  };
}

function registerReadings(registry: Registry, nodes: ReadonlyMap<string, NodeReadings>, freshMs: number): void {
  const sampled = (name: string, help: string, read: (readings: NodeReadings) => number | undefined): void => {
    new Gauge({
      name,
      help,
      labelNames: ["node"],
      registers: [registry],
      collect() {
        this.reset();
        for (const [node, readings] of nodes) {
          const value = read(readings);
          if (value !== undefined) this.set({ node }, value);
        }
      },
    });
  };
  const whileFresh =
    (read: (readings: NodeReadings) => number | undefined) =>
    (readings: NodeReadings): number | undefined =>
      readings.readAt !== undefined && performance.now() - readings.readAt <= freshMs ? read(readings) : undefined;
  sampled("odin_gpu_data_age_seconds", "Age of the newest reading of a node's GPUs.", ({ readAt }) =>
    readAt === undefined ? undefined : (performance.now() - readAt) / 1_000,
  );
  sampled("odin_gpu_devices", "GPUs of a node, instances of a divided one counted each.", ({ rows }) => rows.length);
  sampled(
    "odin_gpu_allocated",
    "GPUs of a node that pods hold, as far as its exporter names pods.",
    whileFresh(({ rows }) =>
      rows.every(({ attributed }) => attributed) ? rows.filter(({ row }) => row.holders.length > 0).length : undefined,
    ),
  );
  sampled(
    "odin_gpu_utilisation",
    "Mean utilisation of a node's GPUs, 0 to 1.",
    whileFresh(({ rows }) => {
      const known = rows.map(({ row }) => utilisationPercent(row)).filter((percent) => percent !== undefined);
      return known.length === 0 ? undefined : known.reduce((sum, percent) => sum + percent, 0) / known.length / 100;
    }),
  );
  sampled(
    "odin_gpu_power_watts",
    "Power draw of a node's GPUs.",
    whileFresh(({ rows }) => (rows.length === 0 ? undefined : totalPowerWatts(rows.map(({ row }) => row)))),
  );
}
