import type { TextVersion } from "../settings/vesta-settings.ts";
import type { HostView } from "./host-view.ts";
import { padRight } from "./padding.ts";
import { processLines } from "./process-line.ts";

/** Columns of a process's line below its GPU. */
const LINE_WIDTH = 80;

/** A host in short, as the bot answers (V-62): whether it is alive, and what its GPUs do. */
export function hostSummary({ name, bad, gpus }: HostView, version: TextVersion): string {
  const lines = [`${padRight(name, 16)} : ${bad ? "DEAD" : "Alive"}`];
  for (const [key, { gpu_name, timestamp, processes }] of gpus) {
    if (processes.length === 0) continue;
    lines.push(`    [${key} (${gpu_name})] ${timestamp}`);
    lines.push(...processLines(processes, LINE_WIDTH, version).map((line) => `        ${line}`));
  }
  return `${lines.join("\n")}\n`;
}

/** Where a host is and when it was last heard of (V-63). */
export function hostInfo({ name, ip, time, status }: HostView): string {
  const rows = [
    ["Host name", name],
    ["IP address", ip],
    ["Last update", time],
    ["Status", status],
  ] as const;
  return `Info:\n${rows.map(([title, value]) => `    ${title.padEnd(12)}: ${value}\n`).join("")}`;
}
