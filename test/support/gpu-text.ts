import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ExpositionReader } from "../../api/gpu/exposition.ts";
import { FIELDS } from "../../api/gpu/field-table.ts";
import type { GpuRow } from "../../api/gpu/gpu-row.ts";
import { RowBuilder } from "../../api/gpu/row-builder.ts";
import { ROOT } from "./documents.ts";

/** A text as an exporter sends it: four whole GPUs, or one GPU in three instances. The values are invented. */
export function sampleText(name: "dcgm-4gpu" | "dcgm-mig"): string {
  return readFileSync(join(ROOT, "test/fixtures/gpu", `${name}.prom`), "utf8");
}

/** What a text becomes: its rows, and how much of it was unusable. */
export function readText(text: string): { rows: GpuRow[]; malformed: number; dropped: number } {
  const rows = new RowBuilder();
  const reader = new ExpositionReader(
    (name) => FIELDS.has(name),
    (sample) => rows.add(sample),
  );
  reader.push(text);
  reader.end();
  return { rows: rows.rows(), malformed: reader.malformed, dropped: rows.dropped };
}

/** A line of a text: family (without `DCGM_FI_`), labels, value. */
export function line(family: string, labels: Record<string, string>, value: number | string): string {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}="${text}"`);
  return `DCGM_FI_${family}{${pairs.join(",")}} ${value}\n`;
}

/** Labels of a whole GPU. */
export function gpu(index: number, more: Record<string, string> = {}): Record<string, string> {
  return { gpu: String(index), UUID: `GPU-${index}`, modelName: "NVIDIA A100-SXM4-80GB", ...more };
}

/** Lines with the memory of a GPU, in MiB. */
export function memory(labels: Record<string, string>, used: number, free: number): string {
  return line("DEV_FB_USED", labels, used) + line("DEV_FB_FREE", labels, free);
}
