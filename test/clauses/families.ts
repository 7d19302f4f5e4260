import { GPU_CLAUSES } from "./gpu.ts";
import { ODIN_CLAUSES } from "./odin.ts";

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
];
