import { HELD_FROM_MIB } from "../gpu/gpu-requests.ts";
import { type GpuRow, shownName, shownUuid } from "../gpu/gpu-row.ts";
import type { ReadRow } from "../gpu/node-readings.ts";
import { type GpuLabels, totalMiB, utilisationPercent } from "../gpu/readings.ts";

/** What stands for an unknown value in the reply (O-232). */
const UNKNOWN = "N/A";
type Known<T> = T | typeof UNKNOWN;

/** A pod that holds a GPU, in the form of a process (O-233). */
interface Process {
  process_name: string;
  pid: typeof UNKNOWN;
  /** MiB. */
  used_memory: number;
}

/** A GPU of the reply of GET /nodes (O-232). */
export interface GpuView {
  id: string;
  pci: { pciBusId: string };
  uuid: Known<string>;
  productName: Known<string>;
  productBrand: Known<string>;
  serial: Known<string>;
  minorNumber: Known<string>;
  performanceState: Known<string>;
  computeMode: Known<string>;
  fbMemoryUsage: { total: Known<number>; used: Known<number>; free: Known<number>; unit: "MiB" };
  utilization: { gpuUtil: Known<number>; memoryUtil: Known<number>; unit: "%" };
  eccMode: { currentEcc: Known<string>; pendingEcc: Known<string> };
  temperature: {
    gpuTemp: Known<number>;
    gpuTempMaxThreshold: Known<number>;
    gpuTempSlowThreshold: Known<number>;
    unit: "C";
  };
  powerReadings: {
    powerManagement: Known<string>;
    powerDraw: number;
    powerLimit: number;
    defaultPowerLimit: Known<number>;
    minPowerLimit: Known<number>;
    maxPowerLimit: Known<number>;
    powerState: Known<string>;
    unit: "W";
  };
  clocks: { memClock: Known<number>; unit: "MHz" };
  applicationsClocks: { memClock: Known<number>; unit: "MHz" };
  maxClocks: { smClock: Known<number>; unit: "MHz" };
  processes: Process[];
}

/** Meaning of DCGM's numbers. */
const COMPUTE_MODES = ["Default", "Exclusive Thread", "Prohibited", "Exclusive_Process"];
const ECC_MODES = ["Disabled", "Enabled"];
const LOWEST_PERFORMANCE_STATE = 15;
/** Brands by what model names hold, the more telling first. */
const BRANDS = ["GeForce", "Quadro", "Tesla", "Titan", "NVIDIA"];

/**
 * A GPU as the document shows it. `labels` are its node's, for what the exporter does not say; of a `stale` row only what
 * does not change is shown, and its holders as last known (G-35). Draw and limit of the power are numbers even where they
 * are unknown: the client cannot live with anything else (O-233).
 */
export function gpuView({ row, attributed }: ReadRow, labels: GpuLabels, stale: boolean): GpuView {
  const { readings } = row;
  const id = pciId(row);
  const measured = <T>(value: T | undefined): Known<T> => (stale ? UNKNOWN : (value ?? UNKNOWN));
  const performance = measured(performanceState(readings.performanceState));
  const limit =
    readings.powerLimit ?? readings.enforcedPowerLimit ?? readings.defaultPowerLimit ?? readings.maxPowerLimit;
  return {
    id,
    pci: { pciBusId: id },
    uuid: shownUuid(row) || UNKNOWN,
    productName: (row.modelName === "" ? labels["nvidia.com/gpu.product"] : shownName(row)) || UNKNOWN,
    productBrand: row.brand || (BRANDS.find((brand) => includes(row.modelName, brand)) ?? UNKNOWN),
    serial: row.serial || UNKNOWN,
    minorNumber: readings.minorNumber === undefined ? UNKNOWN : String(readings.minorNumber),
    performanceState: performance,
    computeMode: nameOf(COMPUTE_MODES, readings.computeMode),
    fbMemoryUsage: {
      total: rounded(totalMiB(row, labels)) ?? UNKNOWN,
      used: measured(rounded(readings.memoryUsed)),
      free: measured(rounded(readings.memoryFree)),
      unit: "MiB",
    },
    utilization: {
      gpuUtil: measured(utilisationPercent(row)),
      memoryUtil: measured(rounded(readings.memoryUtilisation)),
      unit: "%",
    },
    eccMode: {
      currentEcc: nameOf(ECC_MODES, readings.eccCurrent),
      pendingEcc: nameOf(ECC_MODES, readings.eccPending),
    },
    temperature: {
      gpuTemp: measured(readings.temperature),
      gpuTempMaxThreshold: readings.shutdownTemperature ?? UNKNOWN,
      gpuTempSlowThreshold: readings.slowdownTemperature ?? UNKNOWN,
      unit: "C",
    },
    powerReadings: {
      powerManagement: limit === undefined ? UNKNOWN : "Supported",
      powerDraw: stale ? 0 : (readings.power ?? 0),
      powerLimit: limit ?? 0,
      defaultPowerLimit: readings.defaultPowerLimit ?? UNKNOWN,
      minPowerLimit: readings.minPowerLimit ?? UNKNOWN,
      maxPowerLimit: readings.maxPowerLimit ?? UNKNOWN,
      powerState: performance,
      unit: "W",
    },
    clocks: { memClock: measured(readings.memoryClock), unit: "MHz" },
    applicationsClocks: { memClock: readings.applicationMemoryClock ?? UNKNOWN, unit: "MHz" },
    maxClocks: { smClock: readings.maxSmClock ?? UNKNOWN, unit: "MHz" },
    processes: processes(row, attributed),
  };
}

/**
 * The address on the bus with a domain of four digits, as NVML once wrote it. It always holds a colon: the client takes
 * what follows the first one for the number of the card (G-23).
 */
function pciId({ pciBusId, index }: GpuRow): string {
  if (pciBusId.includes(":")) return /^0000[0-9A-Fa-f]{4}:/.test(pciBusId) ? pciBusId.slice(4) : pciBusId;
  return `0000:${(index ?? 0).toString(16).toUpperCase().padStart(2, "0")}:00.0`;
}

/** One entry for each pod; a GPU in use whose holders nobody knows has one for all of them (O-233, G-25). */
function processes({ holders, readings }: GpuRow, attributed: boolean): Process[] {
  const byPod = new Map<string, Process>();
  for (const { namespace, pod, usedMiB } of holders) {
    const name = `${namespace}/${pod}`;
    const process = byPod.get(name) ?? { process_name: name, pid: UNKNOWN, used_memory: 0 };
    process.used_memory += Math.round(usedMiB ?? 0);
    byPod.set(name, process);
  }
  if (byPod.size > 0 || attributed) return [...byPod.values()];
  const used = readings.memoryUsed;
  if (used !== undefined && used < HELD_FROM_MIB) return [];
  return [{ process_name: "unknown", pid: UNKNOWN, used_memory: Math.round(used ?? 0) }];
}

function performanceState(state: number | undefined): string | undefined {
  return state !== undefined && Number.isInteger(state) && state <= LOWEST_PERFORMANCE_STATE ? `P${state}` : undefined;
}

function nameOf(names: readonly string[], value: number | undefined): string {
  return (value === undefined ? undefined : names[value]) ?? UNKNOWN;
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value);
}

function includes(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase());
}
