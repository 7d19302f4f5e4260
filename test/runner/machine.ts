import { readFileSync } from "node:fs";

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

/** Why this machine cannot run a real node; undefined where it can. Only what no configuration of ours could change counts. */
export function whyNoNode(): string | undefined {
  if (process.platform !== "linux") return `a real node needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "a real node needs root";
  const missing = missingCapabilities();
  if (missing.length > 0) return `a real node needs ${missing.join(" and ")}, which this container withholds`;
  return undefined;
}

function missingCapabilities(): string[] {
  let status: string;
  try {
    status = readFileSync("/proc/self/status", "utf8");
  } catch {
    return [];
  }
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (mask === undefined) return [];
  const held = BigInt(`0x${mask}`);
  const needed: [string, bigint][] = [
    ["CAP_NET_ADMIN", CAP_NET_ADMIN],
    ["CAP_SYS_ADMIN", CAP_SYS_ADMIN],
  ];
  return needed.filter(([, bit]) => ((held >> bit) & 1n) === 0n).map(([name]) => name);
}
