import { CLOCKWORK_CLAUSES } from "./clockwork.ts";
import { GPU_CLAUSES } from "./gpu.ts";
import { MLBENCH_CLAUSES } from "./mlbench.ts";
import { ODIN_CLAUSES } from "./odin.ts";
import { VESTA_CLAUSES } from "./vesta.ts";

/** One numbered list of what the product promises. */
export interface Family {
  /** The letter before its numbers. */
  letter: string;
  title: string;
  clauses: Readonly<Record<string, string>>;
}

/** The lists whose clauses the tests cite. Letters that are not here are no citations. */
export const FAMILIES: readonly Family[] = [
  { letter: "O", title: "Odin: REST API, engine and clients", clauses: ODIN_CLAUSES },
  { letter: "G", title: "GPU readings", clauses: GPU_CLAUSES },
  { letter: "C", title: "Clockwork: jobs, nodes, GPUs and notes", clauses: CLOCKWORK_CLAUSES },
  { letter: "M", title: "MLBench: runs, workers and metrics", clauses: MLBENCH_CLAUSES },
  { letter: "V", title: "vesta: all GPUs at a glance", clauses: VESTA_CLAUSES },
];
