import { createHash, timingSafeEqual } from "node:crypto";
import type { Context } from "koa";
import { clientAddress } from "../client-address.ts";
import type { Networks } from "../networks.ts";
import type { AllowList } from "./allow-list.ts";
import { textParameter } from "./parameters.ts";
import { forbidden } from "./vesta-error.ts";

/** What a token is held against. */
export interface TokenParts {
  token: string;
  validNetwork: AllowList;
  trustedProxies: Networks;
}

/** Known to everybody (V-22). */
const PUBLIC_TOKEN = "0000";

/** Throws the 403 of V-22 unless the request's `token` is the one of the settings. The one that everybody knows counts from the allow-list alone. */
export function requireToken(ctx: Context, { token, validNetwork, trustedProxies }: TokenParts): void {
  if (token === "") return;
  if (!equal(textParameter(ctx.query, "token"), token)) throw forbidden();
  if (token !== PUBLIC_TOKEN) return;
  if (!validNetwork.admits(clientAddress(ctx.req, trustedProxies)) || isForeignPage(ctx)) throw forbidden();
}

/** A page of another site can make the browser of somebody on the list send what everybody knows; browsers say where the page came from. */
function isForeignPage(ctx: Context): boolean {
  const origin = ctx.get("Origin");
  return (origin !== "" && origin !== `${ctx.protocol}://${ctx.host}`) || ctx.get("Sec-Fetch-Site") === "cross-site";
}

function equal(given: string, wanted: string): boolean {
  const [one, other] = [given, wanted].map((text) => createHash("sha256").update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
