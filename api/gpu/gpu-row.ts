import type { GpuField } from "./field-table.ts";

/** A container that has the GPU, as the exporter's pod labels say. */
export interface Holder {
  namespace: string;
  pod: string;
  /** Empty where the exporter does not say. */
  container: string;
  /** MiB that it uses (G-27); undefined where the GPU's own use is unknown. */
  usedMiB: number | undefined;
}

/** A GPU, or an instance of one in MIG mode, as one scrape of an exporter showed it. Texts are empty where unknown. */
export interface GpuRow {
  /** What tells it from the others of its node (G-15). */
  identity: string;
  /** Of an instance: the UUID of the GPU that it is a part of. */
  uuid: string;
  /** DCGM's index of the GPU. */
  index: number | undefined;
  instance?: { id: number; profile: string };
  pciBusId: string;
  modelName: string;
  serial: string;
  brand: string;
  /** Values of the device; what the exporter did not say is absent. */
  readings: Readonly<Partial<Record<GpuField, number>>>;
  /** Sorted by namespace, pod and container; empty: free, or nobody knows (G-6). */
  holders: readonly Holder[];
}

/** A row with the number under which its host shows it. */
export interface NumberedRow {
  row: GpuRow;
  number: number;
}

/** Order of the rows of a host (G-18): by GPU, then by instance. */
export function compareRows(a: GpuRow, b: GpuRow): number {
  return (
    (a.index ?? Number.MAX_SAFE_INTEGER) - (b.index ?? Number.MAX_SAFE_INTEGER) ||
    (a.instance?.id ?? -1) - (b.instance?.id ?? -1) ||
    (a.identity < b.identity ? -1 : Number(a.identity > b.identity))
  );
}

/** Numbers the rows of a host: DCGM's own where it has whole GPUs only, else counted in order (G-18). */
export function numbered(rows: readonly GpuRow[]): NumberedRow[] {
  const sorted = [...rows].sort(compareRows);
  const counted = sorted.some(({ instance, index }) => instance !== undefined || index === undefined);
  return sorted.map((row, position) => ({ row, number: counted ? position : (row.index ?? position) }));
}

/** The UUID as shown: of an instance with its id (G-18). */
export function shownUuid({ uuid, instance }: GpuRow): string {
  return instance === undefined ? uuid : `${uuid}/${instance.id}`;
}

/** The model's name as shown: of an instance with its profile (G-18). */
export function shownName({ modelName, instance }: GpuRow): string {
  return instance === undefined ? modelName : `${modelName} MIG ${instance.profile}`;
}
