import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What a process has used since it began, as the kernel counts it. */
export interface ProcessUsage {
  /** User and system time of all its threads, in seconds; the kernel counts in steps of 10 ms. */
  cpuSeconds: number;
  rssBytes: number;
  /** Most memory that was resident at a time. */
  peakRssBytes: number;
  /** Bytes it read from and wrote to sockets, files and pipes. */
  readBytes: number;
  writtenBytes: number;
}

const TICKS_PER_SECOND = 100;

/** The counters of a running process; undefined when it is gone. */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the command in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const io = readFileSync(`/proc/${pid}/io`, "latin1");
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      rssBytes: 1024 * numberOf(status, "VmRSS"),
      peakRssBytes: 1024 * numberOf(status, "VmHWM"),
      readBytes: numberOf(io, "rchar"),
      writtenBytes: numberOf(io, "wchar"),
    };
  } catch {
    return undefined;
  }
}

/** Open sockets of a process; 0 when it is gone. */
export function openSockets(pid: number): number {
  return descriptors(pid).filter((target) => target.startsWith("socket:")).length;
}

function descriptors(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

/** What the descriptor stands for; empty when it was closed meanwhile. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function numberOf(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
}
