import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { withFileLock } from "./file-lock.ts";
import { LocalError, systemCode } from "./local-error.ts";
import { isRunning, type ProcessIdentity, processIdentity, signalProcess } from "./process-identity.ts";
import { waitFor } from "./wait.ts";

/** A process of ours that runs beside the cluster (the operator, the API), as the record file keeps it. */
export interface RecordedProcess extends ProcessIdentity {
  name: string;
}

const GRACE_MS = 10_000;

/** Adds a process that was just started to the record; call it before anything that can fail. */
export async function recordProcess(file: string, name: string, pid: number): Promise<void> {
  const identity = processIdentity(pid);
  if (!identity) throw new LocalError(`${name} (process ${pid}) ended as soon as it had started`);
  await withFileLock(`${file}.lock`, {}, async () => {
    const others = (await readRecord(file)).filter(isRunning);
    await writeRecord(file, [...others, { name, ...identity }]);
  });
}

/** The recorded processes that still run. A process that merely has the same id is not one of them. */
export async function runningProcesses(file: string): Promise<RecordedProcess[]> {
  return (await readRecord(file)).filter(isRunning);
}

/** Stops the recorded processes (SIGTERM, after 10 s SIGKILL), removes the record and returns their names. */
export async function stopProcesses(file: string): Promise<string[]> {
  const running = await runningProcesses(file);
  for (const recorded of running) signalProcess(recorded, "SIGTERM");
  const ended = { everyMs: 50, what: `the end of ${running.map((p) => p.name).join(", ")}` };
  try {
    await waitFor(() => !running.some(isRunning), { ...ended, deadlineMs: GRACE_MS });
  } catch {
    for (const recorded of running) signalProcess(recorded, "SIGKILL");
    await waitFor(() => !running.some(isRunning), { ...ended, deadlineMs: GRACE_MS });
  }
  await rm(file, { force: true });
  return running.map((p) => p.name);
}

async function readRecord(file: string): Promise<RecordedProcess[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && parsed.every(isRecorded)) return parsed;
  } catch {
    // Answered below.
  }
  throw new LocalError(`${file} is damaged; stop the processes it named by hand, then delete it`);
}

function isRecorded(value: unknown): value is RecordedProcess {
  if (typeof value !== "object" || value === null) return false;
  const { pid, startTime, name } = value as Record<string, unknown>;
  // Signals to 0, 1 and negative ids reach far more than one process.
  return Number.isInteger(pid) && Number(pid) > 1 && typeof startTime === "string" && typeof name === "string";
}

async function writeRecord(file: string, processes: RecordedProcess[]): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(processes, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
