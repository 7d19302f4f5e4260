import { readdirSync, readFileSync } from "node:fs";

/** One process of this boot: a process id alone is reused, together with its start time it is not. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after boot (field 22 of /proc/PID/stat), prefixed with the boot's id. */
  startTime: string;
}

/** The identity of a running process, or undefined if there is none with that id (or only its zombie). */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const fields = statFields(pid);
  if (!fields || fields.state === "Z" || fields.state === "X") return undefined;
  return { pid, startTime: `${bootId()}:${fields.startTime}` };
}

/** Whether that very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.startTime === identity.startTime;
}

/** Sends a signal to that very process; false if it is gone or belongs to someone else. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** The processes whose environment holds exactly `name=value`: children inherit it, and nobody else has it. */
export function processesMarked(name: string, values: ReadonlySet<string>): ProcessIdentity[] {
  return allProcesses().filter(({ pid }) => {
    const value = environmentOf(pid)?.find((entry) => entry.startsWith(`${name}=`));
    return value !== undefined && values.has(value.slice(name.length + 1));
  });
}

/** The processes started by `pid` that still run. */
export function childrenOf(pid: number): ProcessIdentity[] {
  return allProcesses().filter((child) => statFields(child.pid)?.parent === pid);
}

function allProcesses(): ProcessIdentity[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processIdentity(Number(name)))
    .filter((identity) => identity !== undefined);
}

function environmentOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return undefined; // ended meanwhile, or another user's
  }
}

function statFields(pid: number): { state: string; parent: number; startTime: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent] = fields;
  const startTime = fields[19];
  if (state === undefined || parent === undefined || startTime === undefined) return undefined;
  return { state, parent: Number(parent), startTime };
}

let bootIdRead: string | undefined;

function bootId(): string {
  bootIdRead ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim().slice(0, 8);
  return bootIdRead;
}
