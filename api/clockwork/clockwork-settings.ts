import type { CLOCKWORK_SETTINGS, VISIBILITIES } from "../../settings/clockwork.ts";
import type { Values } from "../../settings/settings.ts";

/** The settings of the Clockwork API in the form in which its parts take them (C-95). */
export interface ClockworkSettings {
  /** Name of jobs' and nodes' cluster where no label names another. */
  cluster: string;
  visibility: (typeof VISIBILITIES)[number];
  /** Absent: all but those of Kubernetes itself (C-70). */
  namespaces?: readonly string[];
  pageSize: number;
  /** 0: for ever. */
  retentionDays: number;
  propsQuotaMib: number;
  /** File that replaces the table of GPUs. */
  gpuSpecs?: string;
  /** Of times in ISO 8601 (C-38). */
  timeZone: string;
}

/** Takes what is Clockwork's out of the values of all settings. */
export function clockworkSettings(values: Values<typeof CLOCKWORK_SETTINGS>): ClockworkSettings {
  const { clockworkNamespaces: namespaces, clockworkGpuSpecs: gpuSpecs } = values;
  return {
    cluster: values.clockworkCluster,
    visibility: values.clockworkVisibility,
    ...(namespaces === undefined ? {} : { namespaces }),
    pageSize: values.clockworkPageSize,
    retentionDays: values.clockworkRetentionDays,
    propsQuotaMib: values.clockworkPropsQuotaMib,
    ...(gpuSpecs === undefined ? {} : { gpuSpecs }),
    timeZone: values.timeZone,
  };
}
