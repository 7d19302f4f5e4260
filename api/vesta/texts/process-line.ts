import type { GpuProcess } from "../hosts/host.ts";
import type { TextVersion } from "../settings/vesta-settings.ts";
import { digits, lengthOf, padRight } from "./padding.ts";

/** Code points of a process's name that are shown. */
const NAME_WIDTH = 25;

/** The lines of a GPU's processes, each in `width` code points: name, memory and user, the last one with another branch (V-42). */
export function processLines(processes: readonly GpuProcess[], width: number, version: TextVersion): string[] {
  return processes.map(({ name, used_memory, user }, index) => {
    const branch = index === processes.length - 1 ? "└──" : "├──";
    const memory = digits(used_memory, version === "1.0.0" ? 6 : 5);
    return padRight(`${branch} ${lastOf(name)} ${memory}MiB ${user}`, width);
  });
}

/** The end of a name, which tells more than its beginning. */
function lastOf(name: string): string {
  if (lengthOf(name) <= NAME_WIDTH) return padRight(name, NAME_WIDTH);
  return `…${[...name].slice(-(NAME_WIDTH - 1)).join("")}`;
}
