import type { Sample } from "./exposition.ts";
import { checkedValue, FIELDS, type GpuField, isBlank } from "./field-table.ts";
import { compareRows, type GpuRow, type Holder } from "./gpu-row.ts";

/** Most rows of one node (G-32). */
export const MAX_ROWS = 1024;

/** Most holders of one row that are kept: time slicing goes to some dozens. */
const MAX_HOLDERS = 256;
/** Longest text that is kept; names of pods have up to 253 characters. */
const MAX_TEXT = 256;

/** More rows than a node can have. */
export class TooManyRows extends Error {}

/** Values of one field of one GPU: that of the line without a pod, and those of the lines with one (G-11). */
interface Reading {
  device: number | undefined;
  byHolder: Map<string, number>;
}

interface Building {
  labels: ReadonlyMap<string, string>;
  texts: { pciBusId: string; modelName: string; serial: string; brand: string };
  readings: Map<GpuField, Reading>;
  holders: Map<string, { namespace: string; pod: string; container: string }>;
}

/** Names under which versions of the exporter write one label (G-9, G-10); the first that is not empty counts. */
const LABELS = {
  uuid: ["UUID", "uuid"],
  pciBusId: ["pci_bus_id"],
  modelName: ["modelName"],
  serial: ["DCGM_FI_DEV_SERIAL", "DCGM_FI_DEV_BOARD_SERIAL"],
  brand: ["DCGM_FI_DEV_BRAND", "DCGM_FI_DEV_GPU_BRAND"],
  namespace: ["namespace", "pod_namespace"],
  pod: ["pod", "pod_name"],
  container: ["container", "container_name"],
} as const;

/**
 * Puts the samples of one text together into rows. Neither the order of the samples nor gaps in a family change the
 * result (G-4). Throws `TooManyRows`.
 */
export class RowBuilder {
  /** Values that cannot be true and count as missing (G-14). */
  dropped = 0;
  readonly #rows = new Map<string, Building>();
  /** Where samples with these labels belong: the reader gives the same object for the same labels. */
  readonly #places = new Map<Sample["labels"], { row: Building; holder: string | undefined } | undefined>();

  /** Takes a sample of a family of the field table; one that belongs to no GPU is ignored. */
  add(sample: Sample): void {
    const { labels } = sample;
    if (!this.#places.has(labels)) this.#places.set(labels, this.#place(labels));
    const place = this.#places.get(labels);
    if (place === undefined) return;
    const { row, holder } = place;
    const { field, kind } = FIELDS.get(sample.name) ?? {};
    if (field === undefined || kind === undefined || isBlank(sample.value)) return;
    const value = checkedValue(kind, sample.value, sample.fractional);
    if (value === undefined) this.dropped++;
    else note(row, field, holder, value);
  }

  /** The rows, in order. */
  rows(): GpuRow[] {
    const built = [...this.#rows].map(([identity, building]) => rowOf(identity, building));
    // A GPU in MIG mode is there as its instances only (G-15); some fields are still told of the whole.
    const split = new Set(built.flatMap(({ uuid, instance }) => (instance === undefined ? [] : [uuid])));
    return built.filter(({ uuid, instance }) => instance !== undefined || !split.has(uuid)).sort(compareRows);
  }

  #place(labels: Sample["labels"]): { row: Building; holder: string | undefined } | undefined {
    const gpu = labels.get("gpu") ?? "";
    const uuid = labelOf(labels, "uuid");
    if (gpu === "" && uuid === "") return undefined;
    const row = this.#row(`${uuid || `gpu ${gpu}`}/${labels.get("GPU_I_ID") ?? ""}`, labels);
    for (const text of ["pciBusId", "modelName", "serial", "brand"] as const) row.texts[text] ||= labelOf(labels, text);
    return { row, holder: holderOf(row, labels) };
  }

  #row(identity: string, labels: ReadonlyMap<string, string>): Building {
    let row = this.#rows.get(identity);
    if (row === undefined) {
      if (this.#rows.size >= MAX_ROWS) throw new TooManyRows(`more than ${MAX_ROWS} GPUs`);
      const texts = { pciBusId: "", modelName: "", serial: "", brand: "" };
      row = { labels, texts, readings: new Map(), holders: new Map() };
      this.#rows.set(identity, row);
    }
    return row;
  }
}

function labelOf(labels: ReadonlyMap<string, string>, what: keyof typeof LABELS): string {
  for (const name of LABELS[what]) {
    const value = labels.get(name);
    if (value) return value;
  }
  return "";
}

/** Notes the pod that a line names, if it names one, and returns its key. */
function holderOf(row: Building, labels: ReadonlyMap<string, string>): string | undefined {
  const pod = labelOf(labels, "pod");
  if (pod === "") return undefined;
  const namespace = labelOf(labels, "namespace");
  const container = labelOf(labels, "container");
  const key = `${namespace}/${pod}/${container}`;
  if (!row.holders.has(key) && row.holders.size < MAX_HOLDERS) row.holders.set(key, { namespace, pod, container });
  return key;
}

/** Of several lines for the same thing the largest counts, whatever their order. */
function note(row: Building, field: GpuField, holder: string | undefined, value: number): void {
  let reading = row.readings.get(field);
  if (reading === undefined) {
    reading = { device: undefined, byHolder: new Map() };
    row.readings.set(field, reading);
  }
  if (holder === undefined) reading.device = Math.max(value, reading.device ?? value);
  else reading.byHolder.set(holder, Math.max(value, reading.byHolder.get(holder) ?? value));
}

function rowOf(identity: string, { labels, texts, readings, holders }: Building): GpuRow {
  const gpu = labels.get("gpu") ?? "";
  const instance = labels.get("GPU_I_ID") ?? "";
  const values: Partial<Record<GpuField, number>> = {};
  for (const [field, { device, byHolder }] of readings) values[field] = device ?? Math.max(...byHolder.values());
  return {
    identity: detached(identity),
    uuid: detached(labelOf(labels, "uuid")),
    index: /^\d{1,6}$/.test(gpu) ? Number(gpu) : undefined,
    ...(instance === ""
      ? {}
      : { instance: { id: Number(instance) || 0, profile: detached(labels.get("GPU_I_PROFILE") ?? "") } }),
    pciBusId: detached(texts.pciBusId),
    modelName: detached(texts.modelName),
    serial: detached(texts.serial),
    brand: detached(texts.brand),
    readings: values,
    holders: holdersOf(holders, readings.get("memoryUsed")),
  };
}

/**
 * What each holder uses (G-27): its own line where the device has one too, else the device's value, told once so that the
 * sum is true.
 */
function holdersOf(holders: Building["holders"], used: Reading | undefined): Holder[] {
  const sorted = [...holders].sort(([a], [b]) => (a < b ? -1 : 1));
  const total = used?.device ?? (used === undefined ? undefined : Math.max(...used.byHolder.values()));
  const own = used?.device === undefined || used.byHolder.size === 0 ? undefined : used.byHolder;
  return sorted.map(([key, { namespace, pod, container }], position) => ({
    namespace: detached(namespace),
    pod: detached(pod),
    container: detached(container),
    usedMiB: own === undefined ? (total === undefined || position === 0 ? total : 0) : (own.get(key) ?? 0),
  }));
}

/** A bounded copy that does not keep the piece of the answer alive of which the engine made it a slice. */
function detached(text: string): string {
  return text === "" ? "" : Buffer.from(text.slice(0, MAX_TEXT)).toString();
}
