import { printout } from "../printout.ts";
import { reply } from "../reply.ts";
import type { MlbenchHandler, MlbenchRoute } from "../route.ts";
import type { WorkerObject } from "./worker-object.ts";
import type { WorkerPods } from "./worker-pods.ts";

/** GET /api/pods/ and, by its older name, /api/nodes/ (M-15). */
export function podRoutes(pods: Pick<WorkerPods, "live">): MlbenchRoute[] {
  const list: MlbenchHandler = (ctx) => reply(ctx, 200, pods.live().map(shown));
  return ["/pods", "/nodes"].map((path) => ({ path, methods: { GET: list } }));
}

function shown({ metadata, labels, phase, ip }: WorkerObject): Record<string, string> {
  return { name: metadata.name, labels: printout(labels), phase, ip };
}
