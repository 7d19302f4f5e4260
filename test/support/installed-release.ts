import * as assert from "uvu/assert";
import type { Pipeline } from "../../crds/generated/types.ts";
import { until } from "./deadline.ts";
import { kubectl } from "./kubectl.ts";
import { podsMade } from "./made-pods.ts";

const RUN_MS = 300_000;
/** Where the pages install. */
const SPACE = "odin";

/** A pod of Odin, as far as tests look at it. */
export interface OdinPod {
  metadata: { name: string; uid: string; annotations?: Record<string, string> };
  spec: { nodeName?: string };
  status: { podIP?: string; containerStatuses?: { ready: boolean; restartCount: number }[] };
}

/** The pods of one part of the release `odin`: `operator` or `api`. */
export async function podsOf(part: string, namespace = SPACE): Promise<OdinPod[]> {
  const selector = `app.kubernetes.io/instance=odin,app.kubernetes.io/component=${part}`;
  return JSON.parse(await kubectl("get", "pods", "-n", namespace, "-l", selector, "-o", "json")).items;
}

/** The name of the operator's pod that works. */
export async function leader(): Promise<string> {
  return await kubectl("get", "lease", "odin-operator", "-n", SPACE, "-o", "jsonpath={.spec.holderIdentity}");
}

/** A run, once it has ended. */
export async function ended(name: string, namespace = SPACE): Promise<Pipeline> {
  const look = async (): Promise<Pipeline> =>
    JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace, "-o", "json"));
  const accept = ({ status }: Pipeline): boolean => status?.completionTime !== undefined;
  return await until(look, RUN_MS, { describe: `end of ${name}`, accept, everyMs: 500 });
}

/** Waits until so many tasks of a run have ended well. */
export function progressed(name: string, executed: number): Promise<string> {
  return until(
    () => kubectl("get", "pipeline", name, "-n", SPACE, "-o", "jsonpath={.status.counts.executed}"),
    RUN_MS,
    {
      describe: `${executed} tasks of ${name} have run`,
      accept: (text) => Number(text) >= executed,
      everyMs: 200,
    },
  );
}

/** The run is DONE, and the API server made exactly one pod for each of its tasks. */
export async function assertOncePerTask(name: string, tasks: number, namespace = SPACE): Promise<void> {
  const { status } = await ended(name, namespace);
  assert.is(status?.phase, "DONE", JSON.stringify(status));
  const names = await podsMade(namespace, `${name}--`);
  assert.is(names.length, tasks, `${names}`);
  assert.is(new Set(names).size, tasks, `${names}`);
}
