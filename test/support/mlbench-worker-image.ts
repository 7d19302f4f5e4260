import { join } from "node:path";
import { ROOT } from "./documents.ts";
import type { PackagesImage } from "./python-packages-image.ts";

/** What its containers do, as the images of the project have it: they idle, and a command is executed in them. */
export const MLBENCH_WORKER_COMMAND =
  "python3 /usr/local/lib/mlbench/worker.py --run_id {run_id} --rank {rank} --hosts {hosts} --backend {backend}";

/** An image for workers of MLBench, with the published client. */
export const MLBENCH_WORKER: PackagesImage = {
  name: "docker.io/library/odin-mlbench-worker:test",
  place: "/usr/local/lib/mlbench",
  files: { "worker.py": join(ROOT, "test/support/odin-clients/mlbench-worker.py") },
  command: ["/bin/sleep", "infinity"],
};
