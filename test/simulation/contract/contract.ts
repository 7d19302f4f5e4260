import { DELETES } from "./deletes.ts";
import type { Promised } from "./ground.ts";
import { READS } from "./reads.ts";
import { WRITES } from "./writes.ts";

/** Everything that the simulated API server is believed for; checked against a real one too, by the same code. */
export const CONTRACT: readonly Promised[] = [...WRITES, ...DELETES, ...READS];
