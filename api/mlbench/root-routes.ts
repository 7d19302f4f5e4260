import type { Context } from "koa";
import { reply } from "./reply.ts";
import type { MlbenchRoute } from "./route.ts";

/** GET /api/: where the lists are (M-11). */
export function rootRoutes(): MlbenchRoute[] {
  return [
    {
      path: "",
      methods: {
        GET: (ctx) => {
          const url = (name: string): string => `${originOf(ctx)}/api/${name}/`;
          reply(ctx, 200, { pods: url("pods"), runs: url("runs"), metrics: url("metrics") });
        },
      },
    },
  ];
}

/** Scheme and host that the request was sent to. Without a Host header, which old clients may leave out, our own address. */
function originOf(ctx: Context): string {
  const { localAddress = "", localPort = 0 } = ctx.req.socket;
  const own = localAddress.includes(":") ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
  return `${ctx.protocol}://${ctx.host || own}`;
}
