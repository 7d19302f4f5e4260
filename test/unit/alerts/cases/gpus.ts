import type { AlertCase } from "../alert-case.ts";
import { ML } from "../series.ts";

const gpuScrapes = (result: string, values: string): Record<string, string> => ({
  [`odin_gpu_scrapes_total{namespace="ml",node="n1",result="${result}"}`]: values,
});

/** Of the alerts about readings of GPUs. */
export const GPU_CASES: readonly AlertCase[] = [
  {
    alert: "OdinGpuReadingsOld",
    when: "the exporter of a node is gone",
    series: { 'odin_gpu_data_age_seconds{namespace="ml",pod="api-1",node="n1"}': "0+60x60" },
    at: "20m",
    fires: [{ ...ML, node: "n1" }],
  },
  {
    alert: "OdinGpuReadingsOld",
    when: "an exporter never gave anything that could be read",
    series: gpuScrapes("timeout", "0+1x60"),
    at: "30m",
    fires: [{ ...ML, node: "n1" }],
  },
  {
    alert: "OdinGpuReadingsOld",
    when: "one scrape in three fails, and one replica of the API has old readings",
    series: {
      'odin_gpu_data_age_seconds{namespace="ml",pod="api-1",node="n1"}': "15x60",
      'odin_gpu_data_age_seconds{namespace="ml",pod="api-2",node="n1"}': "0+60x60",
      ...gpuScrapes("ok", "0+2x60"),
      ...gpuScrapes("timeout", "0+1x60"),
    },
    at: "30m",
    fires: [],
  },
];
