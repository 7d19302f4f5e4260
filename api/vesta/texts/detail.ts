import type { GpuData } from "../hosts/host.ts";
import type { TextVersion } from "../settings/vesta-settings.ts";
import type { HostView } from "./host-view.ts";
import { digits, lengthOf, padRight, share } from "./padding.ts";
import { processLines } from "./process-line.ts";
import type { Sheet } from "./sheet.ts";

/** How the detail is printed. */
export interface DetailForm {
  version: TextVersion;
  /** W: columns, at least 40. */
  width: number;
}

const TITLES = "     memory used  memory available  gpu volatile  temperature";

/** All about each host (V-41). */
export function detailSheet(form: DetailForm): Sheet {
  return { top: `vesta ver. ${form.version}\n`, ofHost: (host) => `${blockOf(host, form).join("\n")}\n` };
}

function blockOf(host: HostView, form: DetailForm): string[] {
  const { width } = form;
  return [
    "",
    headingOf(`${host.name} :: ${host.ip}`, width),
    padRight(`  last update: ${host.time}`, width),
    "-".repeat(width),
    ...(host.gpus.length === 0 ? boxOf(host, width) : host.gpus.flatMap(([key, gpu]) => gpuLines(key, gpu, form))),
    "_".repeat(width),
  ];
}

function headingOf(title: string, width: number): string {
  const shown = lengthOf(title) > width - 4 ? `${[...title].slice(0, width - 6).join("")}…` : title;
  const left = width - 5 - lengthOf(shown);
  return `#### ${shown}${left < 2 ? "" : ` ${"#".repeat(left - 1)}`}`;
}

/** A GPU and an empty line (V-42). */
function gpuLines(key: string, gpu: GpuData, { width, version }: DetailForm): string[] {
  const { used_memory: used, total_memory: total, available_memory: available } = gpu;
  const gap = " ".repeat(10);
  const figures =
    `${digits(used, 5)} / ${digits(total, 5)}MiB${gap}${digits(available, 5)}MiB` +
    `${gap}${digits(gpu.gpu_volatile, 3)}%${" ".repeat(8)}${digits(gpu.temperature, 3)}°C`;
  return [
    `  ┌${ruled(`[ ${key} ${gpu.gpu_name} ${gpu.timestamp} ]`, width - 6)}┐`,
    `  │ ${padRight(TITLES, width - 7)}│`,
    `  │ ${padRight(figures, width - 7)}│`,
    emptyLine(width),
    `  │ mem [${barOf(used, total, width - 19)}] ${digits(share(used, total, 100), 3)}% │`,
    ...processLines(gpu.processes, width - 9, version).map((line) => `  │  ${line} │`),
    `  └${"─".repeat(width - 6)}┘`,
    "",
  ];
}

/** In place of GPUs: the status (V-43). */
function boxOf({ status }: HostView, width: number): string[] {
  const line = "─".repeat(width - 6);
  return [
    `  ┌${line}┐`,
    emptyLine(width),
    `  │  ${padRight(`status: ${status}`, width - 8)}│`,
    emptyLine(width),
    `  └${line}┘`,
  ];
}

function emptyLine(width: number): string {
  return `  │${" ".repeat(width - 6)}│`;
}

/** A title in a frame's upper line. */
function ruled(title: string, width: number): string {
  const length = lengthOf(title);
  if (length > width) return `${[...title].slice(0, width - 1).join("")}…`;
  return title + "─".repeat(width - length);
}

function barOf(used: number, total: number, width: number): string {
  const full = Math.max(0, Math.min(width, share(used, total, width)));
  return "/".repeat(full) + " ".repeat(width - full);
}
