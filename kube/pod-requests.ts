import { milliCpus, quantity } from "./quantity.ts";

/** What a pod sets aside on its node. */
export interface PodRequests {
  /** Thousandths of a processor. */
  milliCpu: number;
  /** Bytes. */
  memory: number;
  /** `nvidia.com/gpu`, by the limits. */
  gpus: number;
  /** Instances of GPUs in MIG mode, by their profile; absent where none is asked for. */
  migs?: Readonly<Record<string, number>>;
}

type Amounts = Readonly<Record<string, unknown>>;

interface Resources {
  requests?: Amounts;
  limits?: Amounts;
}

interface Container {
  restartPolicy?: string;
  resources?: Resources;
}

/** The part of a pod's spec that says what it asks for. */
export interface RequestingPod {
  containers?: readonly Container[];
  initContainers?: readonly Container[];
  overhead?: Amounts;
  /** For the pod as a whole; goes before what its containers say. */
  resources?: Resources;
}

const GPU = "nvidia.com/gpu";
const MIG = "nvidia.com/mig-";

/**
 * What a pod asks for, as the scheduler counts it: its containers together, or the one step of its start that needs most, with the sidecars that
 * run by then; and the overhead of its runtime. A request that is missing is the limit.
 */
export function podRequests(spec: RequestingPod): PodRequests {
  return {
    milliCpu: total(spec, (resources) => milliCpus(requested(resources, "cpu")), milliCpus(spec.overhead?.cpu), "cpu"),
    memory: total(
      spec,
      (resources) => Math.ceil(quantity(requested(resources, "memory"))),
      Math.ceil(quantity(spec.overhead?.memory)),
      "memory",
    ),
    gpus: total(spec, (resources) => extended(resources, GPU), 0),
    ...migRequests(spec),
  };
}

function migRequests(spec: RequestingPod): Pick<PodRequests, "migs"> {
  const all = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
    Object.keys(resources?.limits ?? resources?.requests ?? {}),
  );
  const names = [...new Set(all)].filter((name) => name.startsWith(MIG)).sort();
  if (names.length === 0) return {};
  const counts = names.map((name) => [name.slice(MIG.length), total(spec, (own) => extended(own, name), 0)] as const);
  return { migs: Object.fromEntries(counts) };
}

/** A resource that is not overcommitted: request and limit are the same. */
function extended(resources: Resources | undefined, name: string): number {
  return quantity(resources?.limits?.[name] ?? resources?.requests?.[name]);
}

function total(
  { containers = [], initContainers = [], resources }: RequestingPod,
  amountOf: (resources: Resources | undefined) => number,
  overhead: number,
  podLevel?: "cpu" | "memory",
): number {
  if (podLevel !== undefined && requested(resources, podLevel) !== undefined) return amountOf(resources) + overhead;
  let sidecars = 0;
  let most = 0;
  for (const { restartPolicy, resources: own } of initContainers) {
    const amount = amountOf(own);
    most = Math.max(most, sidecars + amount);
    if (restartPolicy === "Always") sidecars += amount;
  }
  const together = containers.reduce((sum, { resources: own }) => sum + amountOf(own), sidecars);
  return Math.max(most, together) + overhead;
}

function requested(resources: Resources | undefined, name: string): unknown {
  return resources?.requests?.[name] ?? resources?.limits?.[name];
}
