import type { TextVersion } from "../settings/vesta-settings.ts";
import { type Grid, gridBody, gridSheet } from "./grid.ts";
import { digits, padLeft, padRight } from "./padding.ts";
import type { Sheet } from "./sheet.ts";

const GRID: Grid = {
  title: "gpu info.",
  border: `+${[18, 24, 17, 8, 7].map((width) => "-".repeat(width)).join("+")}+`,
  header: "| host             | gpu                    | memory usage    | volat. | temp. |",
  gpuLine(name, gpu) {
    const model = `${digits(gpu.device_num, 2)}:${gpu.gpu_name}`;
    const memory = `${digits(gpu.used_memory, 6)} / ${digits(gpu.total_memory, 6)}`;
    const columns = [
      padRight(name, 18),
      padRight(model, 24),
      ` ${padRight(memory, 16)}`,
      ` ${padLeft(`${digits(gpu.gpu_volatile, 0)} %`, 7)}`,
      ` ${padLeft(`${digits(gpu.temperature, 0)} °C`, 6)}`,
    ];
    return `|${columns.join("|")}|`;
  },
};

/** The table of all GPUs in 80 columns (V-38). */
export function tableSheet(version: TextVersion): Sheet {
  return gridSheet(GRID, version);
}

/** The same from its header on, as the bot shows it (V-61). */
export function tableBody(): Sheet {
  return gridBody(GRID);
}
