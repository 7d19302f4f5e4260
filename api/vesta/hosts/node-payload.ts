import { type GpuRow, type Holder, numbered, shownName, shownUuid } from "../../gpu/gpu-row.ts";
import type { ReadRow } from "../../gpu/node-readings.ts";
import { type GpuLabels, totalMiB, utilisationPercent } from "../../gpu/readings.ts";
import type { GpuData, GpuProcess, Payload } from "./host.ts";
import { hostText } from "./host-text.ts";
import { MAX_PAYLOAD_BYTES } from "./payload.ts";

/** What a payload of a node is made of. */
export interface NodeReading {
  labels: GpuLabels;
  rows: readonly ReadRow[];
}

/** Holders of one GPU that are named where all of them would make the payload larger than one may be. */
const FEW_HOLDERS = 8;

/** The payload of a node from what its exporter said (V-13, V-14). `stamp` prints the moment of a reading, which is on the clock of `performance.now()`. */
export function nodePayload(reading: NodeReading, stamp: (readAt: number) => string): Payload {
  const whole = payloadOf(reading, stamp, Number.POSITIVE_INFINITY);
  // An exporter that names thousands of holders is not to fill memory and store.
  if (Buffer.byteLength(JSON.stringify(whole)) <= MAX_PAYLOAD_BYTES) return whole;
  return payloadOf(reading, stamp, FEW_HOLDERS);
}

function payloadOf({ labels, rows }: NodeReading, stamp: (readAt: number) => string, mostHolders: number): Payload {
  const byRow = new Map(rows.map((read) => [read.row, read]));
  const inOrder = numbered(rows.map(({ row }) => row));
  // Two that say that they have the same number: one of them has been replaced a moment ago.
  const distinct = new Set(inOrder.map(({ number }) => number)).size === inOrder.length;
  return Object.fromEntries(
    inOrder.map(({ row, number: own }, position) => {
      const number = distinct ? own : position;
      const timestamp = stamp(byRow.get(row)?.readAt ?? 0);
      return [`gpu:${number}`, gpuData(row, { number, timestamp, labels, mostHolders })];
    }),
  );
}

function gpuData(
  row: GpuRow,
  place: { number: number; timestamp: string; labels: GpuLabels; mostHolders: number },
): GpuData {
  const { readings, holders } = row;
  const modelName = row.modelName || place.labels["nvidia.com/gpu.product"] || "GPU";
  return {
    device_num: place.number,
    uuid: hostText(shownUuid(row)),
    gpu_name: hostText(shownName({ ...row, modelName })),
    timestamp: place.timestamp,
    temperature: whole(readings.temperature),
    total_memory: whole(totalMiB(row, place.labels)),
    available_memory: whole(readings.memoryFree),
    used_memory: whole(readings.memoryUsed),
    gpu_volatile: whole(utilisationPercent(row)),
    ...(readings.power === undefined ? {} : { power_usage: whole(readings.power) }),
    processes: holders.slice(0, place.mostHolders).map(processOf),
  };
}

/** DCGM knows no processes: who holds the device stands in their place (V-14). */
function processOf({ namespace, pod, container, usedMiB }: Holder): GpuProcess {
  const name = container === "" ? pod : `${pod}/${container}`;
  return { pid: "N/A", name: hostText(name), user: hostText(namespace), used_memory: whole(usedMiB) };
}

/** What is unknown is 0 here (V-14): those who read it calculate with it. */
function whole(value: number | undefined): number {
  return value === undefined ? 0 : Math.round(value) + 0;
}
