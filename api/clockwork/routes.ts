import { type GpuParts, gpuRoutes } from "./gpus/routes.ts";
import { type JobParts, jobRoutes } from "./jobs/routes.ts";
import { type KeyParts, keyRoutes } from "./keys/routes.ts";
import { type NodeParts, nodeRoutes } from "./nodes/routes.ts";
import type { ClockworkRoute } from "./route.ts";
import { type UserDataParts, userDataRoutes } from "./user-data/routes.ts";

/** What the routes of the Clockwork API rest on. */
export interface ClockworkParts {
  jobs: JobParts;
  keys: KeyParts;
  userData: UserDataParts;
  nodes: NodeParts;
  gpus: GpuParts;
}

/** Every route of the Clockwork API. */
export function clockworkRoutes({ jobs, keys, userData, nodes, gpus }: ClockworkParts): ClockworkRoute[] {
  return [
    ...jobRoutes(jobs),
    ...userDataRoutes(userData),
    ...nodeRoutes(nodes),
    ...gpuRoutes(gpus),
    ...keyRoutes(keys),
  ];
}
