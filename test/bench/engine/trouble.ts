import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { waitFor } from "../../../local/wait.ts";
import type { BenchCluster } from "./cluster.ts";
import type { LogFigures } from "./figures.ts";
import type { OdinSystem } from "./odin-system.ts";
import { bind, type Placement, processorsOf } from "./placement.ts";
import type { Trouble } from "./workloads.ts";

/** Makes the trouble and returns when it began, in µs since the epoch. What was killed has been started again then, but need not be ready. */
export async function makeTrouble(
  trouble: Trouble,
  cluster: BenchCluster,
  operator: OdinSystem,
  placement: Placement,
): Promise<number> {
  const beganUs = Date.now() * 1000;
  if (trouble === "API server killed") await restartApiServer(cluster, placement);
  else await operator.restart(trouble === "operator killed" ? undefined : "another");
  return beganUs;
}

/**
 * Seconds from the trouble to the first pod that was created after it; undefined if none was. What a killed operator had sent is received after its death,
 * so only what follows the first list of the next one counts.
 */
export function recoverySeconds(
  trouble: Trouble,
  { podCreationsUs, listsUs }: Pick<LogFigures, "podCreationsUs" | "listsUs">,
  beganUs: number,
): number | undefined {
  const after = (at: number): boolean => at > beganUs;
  const sinceUs = trouble === "API server killed" ? beganUs : Math.min(...listsUs.filter(after));
  const later = podCreationsUs.filter((at) => at > sinceUs);
  return later.length === 0 ? undefined : (Math.min(...later) - beganUs) / 1e6;
}

async function restartApiServer(cluster: BenchCluster, placement: Placement): Promise<void> {
  const { pid } = cluster.component("kube-apiserver");
  const [command = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  process.kill(pid, "SIGKILL");
  // The last of its threads may hold the port for a moment after the first has ended.
  const port = Number(args.find((arg) => arg.startsWith("--secure-port="))?.split("=")[1]);
  await waitFor(() => canListen(port), { deadlineMs: 10_000, everyMs: 10, what: `the release of port ${port}` });
  const server = await cluster.plane.addComponent("kube-apiserver", command, args);
  await bind(server.pid, processorsOf(placement).others);
  cluster.replace(server);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
