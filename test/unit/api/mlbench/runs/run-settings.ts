import { MPI_LAUNCHER } from "../../../../../api/mlbench/runs/command.ts";
import { BENCHMARK_IMAGES } from "../../../../../api/mlbench/runs/image-table.ts";
import type { RunSettings } from "../../../../../api/mlbench/runs/run-settings.ts";

/** Settings of runs as they are where nothing is set. */
export const RUN_SETTINGS: RunSettings = {
  release: "rel",
  namespace: "default",
  maxWorkers: 128,
  maxGpuPerWorker: 0,
  singleRun: false,
  defaultImage: "mlbench/pytorch-cifar10-resnet20-all-reduce:latest",
  images: BENCHMARK_IMAGES,
  mpiCommand: MPI_LAUNCHER,
  spread: "required",
  privileged: false,
};
