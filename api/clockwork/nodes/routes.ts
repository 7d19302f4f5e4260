import { ClockworkError, echoed } from "../clockwork-error.ts";
import type { GpuSpecs } from "../gpus/gpu-specs.ts";
import { type Parameters, queryOf, text } from "../query.ts";
import { reply, replyList } from "../reply.ts";
import type { ClockworkRoute } from "../route.ts";
import type { ClockworkNode } from "./node-view.ts";

/** What the routes rest on. */
export interface NodeParts {
  nodes: {
    find(wanted: { name?: string | undefined; cluster?: string | undefined }): Promise<ClockworkNode[]>;
  };
  specs: Pick<GpuSpecs, "of">;
}

/** The routes of nodes (C-26 to C-28). */
export function nodeRoutes({ nodes, specs }: NodeParts): ClockworkRoute[] {
  const gpuOfNode: ClockworkRoute["handle"] = async (ctx) => {
    const [node, ...others] = (await found(queryOf(ctx))).nodes;
    const gpu = others.length > 0 ? undefined : node?.cw.gpu.cw_name;
    reply(ctx, (gpu === undefined ? undefined : specs.of(gpu)) ?? {});
  };
  return [
    {
      method: "GET",
      path: "/nodes/list",
      handle: async (ctx) => await replyList(ctx, await nodes.find({ cluster: text(queryOf(ctx), "cluster_name") })),
    },
    {
      method: "GET",
      path: "/nodes/one",
      handle: async (ctx) => {
        const { name, nodes: all } = await found(queryOf(ctx));
        if (all.length > 1) {
          const text = `Found ${all.length} nodes with node_name ${echoed(name)}. Not sure what to do about these cases.`;
          throw new ClockworkError(500, text);
        }
        reply(ctx, all[0] ?? {});
      },
    },
    { method: "GET", path: "/nodes/one/gpu", handle: gpuOfNode },
    // As the document has it in its example.
    { method: "GET", path: "/node/one", handle: gpuOfNode },
  ];

  /** The nodes that a query names: by the client's parameter, else by the document's (C-61). */
  async function found(query: Parameters): Promise<{ name: string; nodes: ClockworkNode[] }> {
    const name = text(query, "node_name") ?? text(query, "name");
    if (name === undefined) throw new ClockworkError(400, "Missing argument node_name.");
    return { name, nodes: await nodes.find({ name, cluster: text(query, "cluster_name") }) };
  }
}
