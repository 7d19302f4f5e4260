/** What we read of a GPU, in the units of the exporter: MiB, %, °C, W, MHz; `engineActive` is a ratio from 0 to 1. */
export type GpuField =
  | "memoryTotal"
  | "memoryUsed"
  | "memoryFree"
  | "memoryReserved"
  | "utilisation"
  | "engineActive"
  | "memoryUtilisation"
  | "temperature"
  | "slowdownTemperature"
  | "shutdownTemperature"
  | "memoryClock"
  | "applicationMemoryClock"
  | "maxSmClock"
  | "power"
  | "powerLimit"
  | "enforcedPowerLimit"
  | "minPowerLimit"
  | "maxPowerLimit"
  | "defaultPowerLimit"
  | "performanceState"
  | "computeMode"
  | "eccCurrent"
  | "eccPending"
  | "minorNumber";

/**
 * How a value is checked. `percent`: outside 0–100 it counts as missing. `percentOrRatio`: DCGM has used one name for
 * field 203 (a whole per cent) and for field 1613 (a ratio, printed with decimals). `ratio`: clamped to 0–1. `amount`:
 * not below 0. `presence`: only says that the GPU is there.
 */
export type FieldKind = "percent" | "percentOrRatio" | "ratio" | "amount" | "temperature" | "presence";

/** A family of the exporter's text and what it becomes. */
export interface FieldEntry {
  field: GpuField | undefined;
  kind: FieldKind;
}

const entry = (field: GpuField, kind: FieldKind = "amount"): FieldEntry => ({ field, kind });
const PRESENCE: FieldEntry = { field: undefined, kind: "presence" };

/**
 * The families that are read, one line per name (G-12): the names that shipped lists use, and the newer names of the same
 * fields in the headers of DCGM. Every family may be absent (G-5).
 */
const FAMILIES: Readonly<Record<string, FieldEntry>> = {
  DCGM_FI_DEV_FB_TOTAL: entry("memoryTotal"),
  DCGM_FI_DEV_FB_USED: entry("memoryUsed"),
  DCGM_FI_DEV_FB_FREE: entry("memoryFree"),
  DCGM_FI_DEV_FB_RESERVED: entry("memoryReserved"),
  DCGM_FI_DEV_GPU_UTIL: entry("utilisation", "percent"),
  DCGM_FI_DEV_GPU_UTIL_RATIO: entry("utilisation", "percentOrRatio"),
  DCGM_FI_PROF_GR_ENGINE_ACTIVE: entry("engineActive", "ratio"),
  DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO: entry("engineActive", "ratio"),
  DCGM_FI_DEV_MEM_COPY_UTIL: entry("memoryUtilisation", "percent"),
  DCGM_FI_DEV_MEMORY_UTIL_RATIO: entry("memoryUtilisation", "percentOrRatio"),
  DCGM_FI_DEV_GPU_TEMP: entry("temperature", "temperature"),
  DCGM_FI_DEV_GPU_TEMP_CELSIUS: entry("temperature", "temperature"),
  DCGM_FI_DEV_SLOWDOWN_TEMP: entry("slowdownTemperature", "temperature"),
  DCGM_FI_DEV_GPU_TEMP_SLOWDOWN_CELSIUS: entry("slowdownTemperature", "temperature"),
  DCGM_FI_DEV_SHUTDOWN_TEMP: entry("shutdownTemperature", "temperature"),
  DCGM_FI_DEV_GPU_TEMP_SHUTDOWN_CELSIUS: entry("shutdownTemperature", "temperature"),
  DCGM_FI_DEV_MEM_CLOCK: entry("memoryClock"),
  DCGM_FI_DEV_APP_MEM_CLOCK: entry("applicationMemoryClock"),
  DCGM_FI_DEV_MAX_SM_CLOCK: entry("maxSmClock"),
  DCGM_FI_DEV_POWER_USAGE: entry("power"),
  DCGM_FI_DEV_BOARD_POWER_WATTS: entry("power"),
  DCGM_FI_DEV_POWER_MGMT_LIMIT: entry("powerLimit"),
  DCGM_FI_DEV_BOARD_POWER_LIMIT_REQUESTED_WATTS: entry("powerLimit"),
  DCGM_FI_DEV_ENFORCED_POWER_LIMIT: entry("enforcedPowerLimit"),
  DCGM_FI_DEV_BOARD_POWER_LIMIT_ENFORCED_WATTS: entry("enforcedPowerLimit"),
  DCGM_FI_DEV_POWER_MGMT_LIMIT_MIN: entry("minPowerLimit"),
  DCGM_FI_DEV_BOARD_POWER_LIMIT_MIN_WATTS: entry("minPowerLimit"),
  DCGM_FI_DEV_POWER_MGMT_LIMIT_MAX: entry("maxPowerLimit"),
  DCGM_FI_DEV_BOARD_POWER_LIMIT_MAX_WATTS: entry("maxPowerLimit"),
  DCGM_FI_DEV_POWER_MGMT_LIMIT_DEF: entry("defaultPowerLimit"),
  DCGM_FI_DEV_BOARD_POWER_LIMIT_DEFAULT_WATTS: entry("defaultPowerLimit"),
  DCGM_FI_DEV_PSTATE: entry("performanceState"),
  DCGM_FI_DEV_GPU_PSTATE: entry("performanceState"),
  DCGM_FI_DEV_COMPUTE_MODE: entry("computeMode"),
  DCGM_FI_DEV_GPU_COMPUTE_MODE: entry("computeMode"),
  DCGM_FI_DEV_ECC_CURRENT: entry("eccCurrent"),
  DCGM_FI_DEV_ECC_MODE: entry("eccCurrent"),
  DCGM_FI_DEV_ECC_PENDING: entry("eccPending"),
  DCGM_FI_DEV_MINOR_NUMBER: entry("minorNumber"),
  DCGM_FI_DEV_GPU_MINOR_NUMBER: entry("minorNumber"),
  DCGM_FI_DEV_SM_CLOCK: PRESENCE,
  DCGM_FI_DEV_MEMORY_TEMP: PRESENCE,
  DCGM_FI_DEV_MEMORY_TEMP_CELSIUS: PRESENCE,
  DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION: PRESENCE,
  DCGM_FI_DEV_ENC_UTIL: PRESENCE,
  DCGM_FI_DEV_DEC_UTIL: PRESENCE,
  DCGM_FI_DEV_XID_ERRORS: PRESENCE,
  DCGM_FI_DEV_XID_ERROR: PRESENCE,
  DCGM_FI_DEV_PCIE_REPLAY_COUNTER: PRESENCE,
  DCGM_FI_PROF_PIPE_TENSOR_ACTIVE: PRESENCE,
  DCGM_FI_PROF_DRAM_ACTIVE: PRESENCE,
};

/** What a family of the text is to us; undefined: nothing. */
export const FIELDS: ReadonlyMap<string, FieldEntry> = new Map(Object.entries(FAMILIES));

/** From here on a value is one of DCGM's signs for "no value" (G-7): as doubles they are all 2⁶³. */
const INTEGER_BLANK = 2 ** 63;
/** The same for doubles: 2⁴⁷, and the numbers behind it for "not found", "not supported", "not permitted". */
const DOUBLE_BLANK = 2 ** 47;
const DOUBLE_BLANKS = 16;

/** Whether a value stands for "unknown". */
export function isBlank(value: number): boolean {
  if (!Number.isFinite(value) || value >= INTEGER_BLANK) return true;
  return value >= DOUBLE_BLANK && value < DOUBLE_BLANK + DOUBLE_BLANKS;
}

/** A value as its kind has it, or undefined where it cannot be true. */
export function checkedValue(kind: FieldKind, value: number, fractional: boolean): number | undefined {
  switch (kind) {
    case "ratio":
      return Math.min(1, Math.max(0, value));
    case "percentOrRatio":
      return within(fractional ? value * 100 : value, 0, 100);
    case "percent":
      return within(value, 0, 100);
    case "temperature":
      return within(value, -273, 1000);
    case "amount":
      return within(value, 0, Number.MAX_VALUE);
    case "presence":
      return undefined;
  }
}

function within(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}
