import type { ClusterView } from "../../cache/cluster-view.ts";
import type { GpuData, Host } from "../hosts/host.ts";
import type { Holding, Holdings } from "./templates/view.ts";

/** What is needed to tell who holds GPUs. */
export interface HoldersParts {
  /** The pods of our tasks, and their namespace. */
  pods: Pick<ClusterView, "pod">;
  namespace: string;
  /** Since when a GPU of a node, by its UUID as shown, has been held and idle, in ms since 1970; undefined: it is not, or nobody knows (G-37). */
  idleSinceMs: (host: Host, uuid: string) => number | undefined;
  /** From so many on it is said (V-54). */
  idleMinutes: number;
}

const MINUTE_MS = 60_000;

/** Tells which runs and tasks hold the GPUs of a host, and which GPUs are held and idle (V-54). Of machines that send nothing is known. */
export function holdingsOf(parts: HoldersParts): (host: Host) => Holdings {
  return (host) => {
    const { source, payload } = host;
    if (source !== "node" || payload === null) return {};
    const entries = Object.entries(payload).map(([key, gpu]) => [key, holdingOf(parts, host, gpu)] as const);
    return Object.fromEntries(entries.filter((entry): entry is readonly [string, Holding] => entry[1] !== undefined));
  };
}

function holdingOf(parts: HoldersParts, host: Host, gpu: GpuData): Holding | undefined {
  const tasks = new Map<string, Holding["tasks"][number]>();
  for (const { name, user } of gpu.processes) {
    if (user !== parts.namespace) continue;
    const [pod = ""] = name.split("/");
    const { runName: run, task = "" } = parts.pods.pod(pod) ?? {};
    if (run !== undefined) tasks.set(`${run}/${task}`, { run, task });
  }
  const since = parts.idleSinceMs(host, gpu.uuid);
  // Up to the reading that is shown: what has happened since then is not known.
  const minutes = since === undefined ? 0 : Math.floor(((host.payloadMs ?? since) - since) / MINUTE_MS);
  const isIdle = since !== undefined && minutes >= parts.idleMinutes;
  if (tasks.size === 0 && !isIdle) return undefined;
  return { tasks: [...tasks.values()], ...(isIdle ? { idleMinutes: minutes } : {}) };
}
