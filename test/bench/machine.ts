import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { binarySet } from "../../local/binary-set.ts";
import { run } from "../../local/command.ts";
import { ROOT } from "../support/documents.ts";

/** What the numbers were measured on; they mean nothing without it. */
export interface Machine {
  processor: string;
  processors: number;
  memoryGib: number;
  kernel: string;
  node: string;
  kubernetes: string;
  simulator: string;
  /** Revision of the checkout, with `+` where it had changes that were not committed. */
  revision: string;
  date: string;
  /** Processes that wanted to run, a minute's average, before the measurement began. */
  loadBefore: number;
}

export async function describeMachine(): Promise<Machine> {
  const [kubernetes, kwok] = await Promise.all([binarySet("kubernetes"), binarySet("kwok")]);
  return {
    processor: processorModel(),
    processors: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()}`,
    node: process.versions.node,
    kubernetes: kubernetes.versionOf("k8s.io/kubernetes"),
    simulator: kwok.versionOf("sigs.k8s.io/kwok"),
    revision: await revision(),
    date: new Date().toISOString().slice(0, 10),
    loadBefore: loadavg()[0] ?? Number.NaN,
  };
}

/** One sentence for people. */
export function machineText(m: Machine): string {
  return (
    `${m.date}, revision ${m.revision}: ${m.processors} processors (${m.processor}), ${m.memoryGib} GiB, ${m.kernel}, Node ${m.node}, ` +
    `Kubernetes ${m.kubernetes}, KWOK ${m.simulator}; load average before the start ${m.loadBefore.toFixed(1)}.`
  );
}

function processorModel(): string {
  // Some virtual machines name no model there, only in what the kernel says.
  const named = cpus()[0]?.model.trim() ?? "";
  if (named !== "" && named !== "unknown") return named;
  return /^model name\s*: (.+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "unnamed model";
}

async function revision(): Promise<string> {
  const git = (...args: string[]): Promise<string> => run("git", ["-C", ROOT, ...args]);
  const [head, changes] = await Promise.all([git("rev-parse", "--short=10", "HEAD"), git("status", "--porcelain")]);
  return `${head.trim()}${changes.trim() === "" ? "" : "+"}`;
}
