import type { AlertCase } from "../alert-case.ts";
import { ML } from "../series.ts";

const archiveErrors = (kind: string, values: string): Record<string, string> => ({
  [`odin_archive_errors_total{namespace="ml",kind="${kind}"}`]: values,
});

/** Of the alerts about what is kept of ended runs. */
export const ARCHIVE_CASES: readonly AlertCase[] = [
  {
    alert: "OdinArchiveLag",
    when: "a log waits for a quarter of an hour and longer",
    series: { 'odin_log_archive_lag_seconds{namespace="ml",pod="a"}': "0+60x60" },
    at: "30m",
    fires: [ML],
  },
  {
    alert: "OdinArchiveLag",
    when: "the store was away for five minutes",
    series: { 'odin_log_archive_lag_seconds{namespace="ml",pod="a"}': "0+60x5 0x30" },
    at: "6m",
    fires: [],
  },
  {
    alert: "OdinArchiveLosses",
    when: "ten logs are lost, the first ones ever",
    series: { 'odin_archived_logs_total{namespace="ml",outcome="lost"}': "0x10 10x60" },
    at: "20m",
    fires: [ML],
  },
  {
    alert: "OdinArchiveLosses",
    when: "one ended run is lost",
    series: { 'odin_archived_runs_total{namespace="ml",outcome="lost"}': "0x10 1x60" },
    at: "20m",
    fires: [ML],
  },
  {
    alert: "OdinArchiveLosses",
    when: "logs are stored, some of them in part, and one is lost",
    series: {
      'odin_archived_logs_total{namespace="ml",outcome="whole"}': "0+100x60",
      'odin_archived_logs_total{namespace="ml",outcome="partial"}': "0+10x60",
      'odin_archived_logs_total{namespace="ml",outcome="lost"}': "0x10 1x60",
      'odin_archived_runs_total{namespace="ml",outcome="lost"}': "0x60",
    },
    at: "20m",
    fires: [],
  },
  {
    alert: "OdinStoreFailing",
    when: "the database cannot be reached",
    series: archiveErrors("unavailable", "0+1x60"),
    at: "40m",
    fires: [{ ...ML, kind: "unavailable" }],
  },
  {
    alert: "OdinStoreFailing",
    when: "it was restarted, and an hour ago somebody filled its disk",
    series: { ...archiveErrors("unavailable", "0x10 3x50"), ...archiveErrors("full", "0+1x60") },
    at: "40m",
    fires: [],
  },
  {
    alert: "OdinStoreFull",
    when: "the disk is full",
    series: archiveErrors("full", "0x10 1x60"),
    at: "12m",
    fires: [ML],
  },
  {
    alert: "OdinStoreFull",
    when: "there has been room again for twenty minutes",
    series: archiveErrors("full", "0x10 5x60"),
    at: "40m",
    fires: [],
  },
];
