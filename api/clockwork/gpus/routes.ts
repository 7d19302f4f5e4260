import { ClockworkError } from "../clockwork-error.ts";
import { queryOf, text } from "../query.ts";
import { reply } from "../reply.ts";
import type { ClockworkRoute } from "../route.ts";
import type { GpuSpecs } from "./gpu-specs.ts";

/** What the routes rest on. */
export interface GpuParts {
  specs: Pick<GpuSpecs, "of" | "list">;
}

/** The routes of the specifications of GPUs (C-29, C-30, C-65). */
export function gpuRoutes({ specs }: GpuParts): ClockworkRoute[] {
  return [
    {
      method: "GET",
      path: "/gpu/one",
      handle: (ctx) => {
        const name = text(queryOf(ctx), "gpu_name");
        if (name === undefined) throw new ClockworkError(400, "Missing argument gpu_name.");
        reply(ctx, specs.of(name) ?? {});
      },
    },
    { method: "GET", path: "/gpu/list", handle: (ctx) => reply(ctx, [...specs.list()]) },
  ];
}
