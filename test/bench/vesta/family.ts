import { readdirSync, readFileSync } from "node:fs";
import { processUsage } from "../engine/process-usage.ts";

/** What a process and those that it started use together. */
export interface FamilyUsage {
  cpuSeconds: number;
  residentMb: number;
}

/** The API keeps its embedded database in a process of its own, which counts as well. */
export function familyUsage(pid: number): FamilyUsage {
  const found = [pid, ...childrenOf(pid)].flatMap((one) => processUsage(one) ?? []);
  const sum = (values: number[]): number => values.reduce((total, value) => total + (value || 0), 0);
  return {
    cpuSeconds: sum(found.map(({ cpuSeconds }) => cpuSeconds)),
    residentMb: sum(found.map(({ rssBytes }) => rssBytes)) / 1e6,
  };
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
