import type { GpuRow } from "./gpu-row.ts";

/** Labels of a node, as far as they are about GPUs. */
export type GpuLabels = Readonly<Record<string, string>>;

/** Utilisation in whole per cent (G-14, G-17); undefined: unknown. */
export function utilisationPercent({ readings }: GpuRow): number | undefined {
  if (readings.utilisation !== undefined) return Math.round(readings.utilisation);
  return readings.engineActive === undefined ? undefined : Math.round(100 * readings.engineActive);
}

/**
 * Total memory in MiB (G-13): what the exporter says, else the sum of its parts, else what the node's labels say of this
 * model, else used and free without the reserved part. Undefined: unknown.
 */
export function totalMiB(row: GpuRow, labels: GpuLabels): number | undefined {
  const { memoryTotal, memoryUsed, memoryFree, memoryReserved } = row.readings;
  if (memoryTotal !== undefined) return memoryTotal;
  const visible = memoryUsed === undefined || memoryFree === undefined ? undefined : memoryUsed + memoryFree;
  if (visible !== undefined && memoryReserved !== undefined) return visible + memoryReserved;
  return labelledMiB(row, labels) ?? visible;
}

/** Power of all GPUs in W, each counted once: instances repeat the value of their GPU (G-16). */
export function totalPowerWatts(rows: readonly GpuRow[]): number {
  const byGpu = new Map<string, number>();
  for (const { uuid, identity, readings } of rows) {
    if (readings.power !== undefined) byGpu.set(uuid || identity, readings.power);
  }
  return [...byGpu.values()].reduce((sum, watts) => sum + watts, 0);
}

/** What the labels say of the memory of such a GPU or instance; they may be about another model of the node (G-21). */
function labelledMiB({ modelName, instance }: GpuRow, labels: GpuLabels): number | undefined {
  const product = labels["nvidia.com/gpu.product"];
  const [, ofInstance] = /-MIG-(.+?)(?:-SHARED)?$/.exec(product ?? "") ?? [];
  if (instance === undefined) {
    return ofInstance === undefined && isProduct(modelName, product)
      ? mebibytes(labels["nvidia.com/gpu.memory"])
      : undefined;
  }
  // A label cannot hold the plus sign of profiles such as 1g.10gb+me.
  const profile = instance.profile.replaceAll("+", ".");
  const mixed = labels[`nvidia.com/mig-${profile}.memory`];
  if (mixed !== undefined) {
    const itsProduct = labels[`nvidia.com/mig-${profile}.product`];
    if (itsProduct === undefined || isProduct(modelName, itsProduct)) return mebibytes(mixed);
  }
  // With the strategy "single" the node's only labels are about an instance.
  return ofInstance === profile && isProduct(modelName, product)
    ? mebibytes(labels["nvidia.com/gpu.memory"])
    : undefined;
}

/** Whether a product label names this model (G-20). */
export function isProduct(modelName: string, product: string | undefined): boolean {
  if (product === undefined || modelName === "") return false;
  return labelled(modelName) === labelled(product.replace(/-SHARED$/, "").replace(/-MIG-.+$/, ""));
}

/** A name as GPU Feature Discovery makes it fit for a label. */
function labelled(name: string): string {
  return name.replace(/[^A-Za-z0-9\-_. ]/g, "").replace(/[ -]+/g, "-");
}

function mebibytes(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}
