import type { TextVersion } from "../settings/vesta-settings.ts";
import { type Grid, gridSheet } from "./grid.ts";
import { digits, padLeft, padRight } from "./padding.ts";
import type { Sheet } from "./sheet.ts";

const GRID: Grid = {
  title: "gpu table",
  border: `+${[30, 27, 19].map((width) => "-".repeat(width)).join("+")}+`,
  header: "| host name                    | gpu name                  | memory usage (MiB)|",
  gpuLine(name, gpu) {
    const model = `${digits(gpu.device_num, 2)}:${gpu.gpu_name}`;
    const memory = `${digits(gpu.used_memory, 7)} / ${digits(gpu.total_memory, 7)}`;
    return `|${padRight(name, 30)}|${padRight(model, 27)}| ${padLeft(memory, 17)} |`;
  },
};

/** The table of models and memory in 80 columns (V-44). */
export function gpuTableSheet(version: TextVersion): Sheet {
  return gridSheet(GRID, version);
}
