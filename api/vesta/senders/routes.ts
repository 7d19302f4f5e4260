import type { Context } from "koa";
import { bodyBytes } from "../../body-bytes.ts";
import { ByteBudget } from "../../byte-budget.ts";
import { clientAddress } from "../../client-address.ts";
import { hostText } from "../hosts/host-text.ts";
import { type Hosts, NoRoom } from "../hosts/hosts.ts";
import { MAX_PAYLOAD_BYTES, readPayload, tooLarge } from "../hosts/payload.ts";
import { textParameter } from "../parameters.ts";
import { replyJson } from "../reply.ts";
import type { VestaRoute } from "../route.ts";
import { requireToken, type TokenParts } from "../token.ts";
import { badRequest, notFound, unavailable, VestaError } from "../vesta-error.ts";

/** What the routes of senders need. */
export interface SenderParts extends TokenParts {
  hosts: Pick<Hosts, "register" | "update" | "find" | "remove" | "isSynced">;
}

/** Bodies that all requests together hold in memory. */
const HELD_BYTES = 64 * MAX_PAYLOAD_BYTES;
const OK = { status: "OK", status_code: 200 };
const FULL_SECONDS = 60;

/** The routes by which machines outside the cluster report (V-23 to V-28), and the one by which they are forgotten. */
export function senderRoutes(parts: SenderParts): VestaRoute[] {
  return [registerRoute(parts), updateRoute(parts)];
}

/** `DELETE /states/<host>/`: forgets a machine and its history. */
export async function forgetHost(ctx: Context & { params: Record<string, string> }, parts: SenderParts): Promise<void> {
  requireToken(ctx, parts);
  const host = parts.hosts.find(ctx.params.host ?? "");
  if (host === undefined) throw notFound();
  if (host.source === "node") {
    throw badRequest("host: this is a node of the cluster, which is forgotten when its Node object is deleted");
  }
  await parts.hosts.remove(host);
  replyJson(ctx, OK);
}

function registerRoute(parts: SenderParts): VestaRoute {
  return {
    path: "/register",
    guard: "none",
    alwaysOk: true,
    methods: {
      async GET(ctx) {
        // HEAD must change nothing.
        if (ctx.method !== "GET") throw new VestaError(405, "method not allowed", { headers: { Allow: "GET" } });
        requireToken(ctx, parts);
        const hostName = textParameter(ctx.query, "host_name");
        if (hostName === "") throw badRequest("host_name is missing");
        const { id, name } = await orNoRoom(parts.hosts.register(hostName, addressOf(ctx, parts)));
        replyJson(ctx, { id, register_name: name, ...OK });
      },
    },
  };
}

function updateRoute(parts: SenderParts): VestaRoute {
  const limits = {
    most: MAX_PAYLOAD_BYTES,
    budget: new ByteBudget(HELD_BYTES),
    tooLarge: () => new VestaError(tooLarge.status, tooLarge.message),
    busy: () => unavailable("too much is being posted at once; try again in a moment"),
  };
  return {
    path: "/update/host/:id",
    guard: "none",
    alwaysOk: true,
    methods: {
      async POST(ctx) {
        requireToken(ctx, parts);
        const read = readPayload(await bodyBytes(ctx, limits));
        if ("message" in read) throw new VestaError(read.status, read.message);
        const outcome = await orNoRoom(parts.hosts.update(ctx.params.id ?? "", read.payload));
        if (outcome === "unknown") throw new VestaError(404, "not in known list");
        replyJson(ctx, OK);
      },
    },
  };
}

/** The address that a machine registers from (V-10). */
function addressOf(ctx: Context, { trustedProxies }: TokenParts): string {
  return hostText(clientAddress(ctx.req, trustedProxies));
}

async function orNoRoom<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof NoRoom) throw unavailable(error.message, FULL_SECONDS);
    throw error;
  }
}
