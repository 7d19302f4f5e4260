import { readdirSync, readFileSync } from "node:fs";
import { processUsage } from "./engine/process-usage.ts";

const LOOK_EVERY_MS = 50;

/** Resident memory of a process and those that it started, in MB: before something, and the most that was seen meanwhile. */
export interface MemorySeen {
  beforeMb: number;
  mostMb: number;
}

/** Does something, and says what it did to the memory of a process. */
export async function watchMemory<T>(pid: number, act: () => Promise<T>): Promise<T & MemorySeen> {
  const beforeMb = residentMb(pid);
  let mostMb = beforeMb;
  const timer = setInterval(() => {
    mostMb = Math.max(mostMb, residentMb(pid));
  }, LOOK_EVERY_MS);
  try {
    return { ...(await act()), beforeMb, mostMb };
  } finally {
    clearInterval(timer);
  }
}

function residentMb(pid: number): number {
  // One that is just ending has none.
  const bytes = [pid, ...childrenOf(pid)].map((one) => processUsage(one)?.rssBytes || 0);
  return bytes.reduce((sum, one) => sum + one, 0) / 1e6;
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
