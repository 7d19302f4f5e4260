import type { MlbenchSettings } from "../mlbench-settings.ts";

/** What the installation says about runs (M-73). */
export type RunSettings = Pick<
  MlbenchSettings,
  | "release"
  | "namespace"
  | "maxWorkers"
  | "maxGpuPerWorker"
  | "singleRun"
  | "images"
  | "defaultImage"
  | "mpiCommand"
  | "spread"
  | "privileged"
  | "hostPort"
>;
