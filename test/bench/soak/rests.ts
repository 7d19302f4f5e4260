import { setTimeout as delay } from "node:timers/promises";
import { Interrupted } from "../../../local/local-error.ts";
import type { BenchCluster } from "../engine/cluster.ts";
import type { OdinSystem } from "../engine/odin-system.ts";
import { processUsage } from "../engine/process-usage.ts";
import { type OperatorProbe, objectsLeft } from "./probes.ts";
import type { SoakRest } from "./samples.ts";

/** Objects go one after the other: pods when the garbage collector has seen that their run is gone. */
const GONE_WITHIN_MS = 300_000;
const LOOK_EVERY_MS = 1_000;
/** The operator closes connections that nobody has used for a minute. */
const IDLE_SOCKETS_GO_MS = 65_000;
/** What the first collection finds unused may be let go by the second only. */
const COLLECTIONS = 3;
const COLLECTION_MS = 300;

/**
 * Waits until nothing of any run is left and unused connections are closed, has the operator collect its garbage, and says what it holds then: the same
 * nothing to do each time, however fast the machine was before.
 */
export async function rest(
  cluster: BenchCluster,
  operator: OdinSystem,
  probe: OperatorProbe,
  finished: number,
  signal: AbortSignal,
): Promise<SoakRest> {
  const deadline = performance.now() + GONE_WITHIN_MS;
  let left = await objectsLeft(cluster, operator);
  while (left.total > 0 && performance.now() < deadline) {
    if (signal.aborted) throw new Interrupted();
    operator.check();
    await delay(LOOK_EVERY_MS);
    left = await objectsLeft(cluster, operator);
  }
  await delay(IDLE_SOCKETS_GO_MS, undefined, { signal }).catch(() => {
    throw new Interrupted();
  });
  for (let i = 0; i < COLLECTIONS; i++) {
    process.kill(operator.pid(), "SIGUSR2");
    await delay(COLLECTION_MS);
  }
  const { heapMb, rssMb, sockets } = await probe(finished);
  const { leftInCluster, leftInCaches } = left;
  return { finished, heapMb, rssMb, sockets, leftInCluster, leftInCaches };
}

/** Processor time in seconds that the operator and the API server have used since they were started. */
export function processorTime(cluster: BenchCluster, operator: OdinSystem): { operator: number; apiServer: number } {
  const secondsOf = (pid: number): number => processUsage(pid)?.cpuSeconds ?? Number.NaN;
  return { operator: secondsOf(operator.pid()), apiServer: secondsOf(cluster.component("kube-apiserver").pid) };
}
