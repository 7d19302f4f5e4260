import type { AlertCase } from "../alert-case.ts";
import { ML } from "../series.ts";

const waits = (reason: string, values: string): Record<string, string> => ({
  [`odin_pods_waiting_longest_seconds{namespace="ml",reason="${reason}"}`]: values,
});
const losses = (reason: string, values: string): Record<string, string> => ({
  [`odin_pod_restarts_total{namespace="ml",reason="${reason}"}`]: values,
});

/** Of the alerts about runs and their tasks. */
export const RUN_CASES: readonly AlertCase[] = [
  {
    alert: "OdinTasksBlocked",
    when: "an image cannot be pulled",
    series: waits("ImagePullBackOff", "0+60x60"),
    at: "40m",
    fires: [{ ...ML, reason: "ImagePullBackOff" }],
  },
  {
    alert: "OdinTasksBlocked",
    when: "tasks wait for room, and an image was late",
    series: { ...waits("Unschedulable", "0+60x120"), ...waits("ImagePullBackOff", "0+60x20 stale") },
    at: "60m",
    fires: [],
  },
  {
    alert: "OdinTasksWithoutRoom",
    when: "no GPU becomes free for most of a day",
    series: waits("Unschedulable", "0+60x500"),
    at: "400m",
    fires: [{ ...ML, reason: "Unschedulable" }],
  },
  {
    alert: "OdinTasksWithoutRoom",
    when: "tasks wait for five hours",
    series: waits("QuotaExceeded", "0+60x500"),
    at: "300m",
    fires: [],
  },
  {
    alert: "OdinInfrastructureLosses",
    when: "a node is drained with twenty tasks on it, the first losses there ever were",
    series: losses("Evicted", "0x10 20x20"),
    at: "15m",
    fires: [{ ...ML, reason: "Evicted" }],
  },
  {
    alert: "OdinInfrastructureLosses",
    when: "five tasks are preempted, and many fail by themselves",
    series: { ...losses("Preempted", "0x10 5x20"), ...losses("Error", "0+10x30") },
    at: "15m",
    fires: [],
  },
  {
    alert: "OdinRunNearSizeLimit",
    when: "a run has a megabyte",
    series: { 'odin_largest_run_bytes{namespace="ml",pod="operator-1"}': "1000000x60" },
    at: "20m",
    fires: [ML],
  },
  {
    alert: "OdinRunNearSizeLimit",
    when: "a run has half a megabyte",
    series: { 'odin_largest_run_bytes{namespace="ml",pod="operator-1"}': "500000x60" },
    at: "20m",
    fires: [],
  },
];
