import type { GpuData } from "../hosts/host.ts";
import type { TextVersion } from "../settings/vesta-settings.ts";
import type { HostView } from "./host-view.ts";
import { lengthOf, padRight } from "./padding.ts";
import type { Sheet } from "./sheet.ts";

/** What the two tables of 80 columns differ in. */
export interface Grid {
  /** The right end of the title. */
  title: string;
  /** The line between hosts. */
  border: string;
  header: string;
  /** The line of a GPU; `name` is empty from the second one of a host on. */
  gpuLine(name: string, gpu: GpuData): string;
}

const TOP = `+${"-".repeat(78)}+`;

/** Title, header and hosts (V-38, V-44). */
export function gridSheet(grid: Grid, version: TextVersion): Sheet {
  const body = gridBody(grid);
  return { ...body, top: `${TOP}\n| vesta ver. ${padRight(version, 55)} ${grid.title} |\n${body.top}` };
}

/** Header and hosts, without the title. */
export function gridBody(grid: Grid): Sheet {
  const { border, header } = grid;
  return {
    top: `${border}\n${header}\n${border}\n`,
    ofHost: (host) => `${[...linesOf(grid, host), border].join("\n")}\n`,
  };
}

function linesOf(grid: Grid, { name, ip, status, time, gpus }: HostView): string[] {
  if (gpus.length > 0) return gpus.map(([, gpu], index) => grid.gpuLine(index === 0 ? name : "", gpu));
  return [
    `| status: ${padRight(status, 69)}|`,
    `|   ${padRight(name, 38 - lengthOf(ip))} (${ip}) last update: ${padRight(time, 20)}|`,
  ];
}
