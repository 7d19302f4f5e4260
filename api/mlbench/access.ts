import type { RouterContext } from "@koa/router";
import type { Context, Middleware } from "koa";
import type { CredentialState } from "../auth/credential.ts";
import { clientAddress } from "../client-address.ts";
import { ApiError } from "../errors.ts";
import type { Networks } from "../networks.ts";
import type { MlbenchCaller } from "./caller.ts";
import { ApplicationError } from "./mlbench-error.ts";
import type { WorkerObject } from "./pods/worker-object.ts";

/** What tells callers apart. */
export interface AccessParts {
  /** Whoever asks from there needs no credential. */
  network: Networks;
  /** Their `X-Forwarded-For` is believed. */
  trustedProxies: Networks;
  /** The live pod whose address that is, where it is a run's own worker; what its labels say is not enough. */
  workerAt(address: string): WorkerObject | undefined;
  /** Lets only credentials of the Odin view pass (O-24). */
  requireCredential: Middleware;
  isAdmin(username: string): boolean;
}

/**
 * Who asks (M-14). A credential that is presented has to be good, wherever it comes from. Without one, an address of the configured networks is enough,
 * and that of a run's worker for reading and for posting metrics. Throws the 401 or 403 for everybody else. The address is that of the TCP connection, or what a
 * configured proxy says.
 */
export function authenticator(parts: AccessParts): (ctx: Context) => Promise<MlbenchCaller> {
  return async (ctx) => {
    if (ctx.get("Authorization") !== "") return await userOf(ctx, parts);
    const isRead = ctx.method === "GET" || ctx.method === "HEAD";
    if (!isRead) refuseForeignOrigin(ctx);
    const address = clientAddress(ctx.req, parts.trustedProxies);
    if (parts.network.has(address)) return { kind: "local", admin: false };
    const pod = parts.workerAt(address);
    if (pod?.run !== undefined && (isRead || isMetricPost(ctx))) {
      return { kind: "worker", podUid: pod.metadata.uid, runId: pod.run, admin: false };
    }
    throw credentialsRequired();
  };
}

/**
 * A page of another site can make a browser send what needs no credential, a form for one; browsers say then where the page came from. Behind a
 * port-forward that would be the user's own right.
 */
function refuseForeignOrigin(ctx: Context): void {
  const origin = ctx.get("Origin");
  if (origin === "" || origin === `${ctx.protocol}://${ctx.host}`) return;
  throw new ApplicationError(403, "A page of another site may not do this without credentials");
}

function isMetricPost(ctx: Context): boolean {
  return ctx.method === "POST" && ctx._matchedRoute === "/api/metrics";
}

async function userOf(ctx: Context, { requireCredential, isAdmin }: AccessParts): Promise<MlbenchCaller> {
  try {
    await requireCredential(ctx as RouterContext, async () => {});
  } catch (error) {
    // koa-jwt and the login throw errors of their own kinds for what is all the same to the caller.
    if (statusOf(error) === 401) throw credentialsRequired();
    throw error;
  }
  const { username } = (ctx.state as CredentialState).user ?? {};
  if (username === undefined) throw credentialsRequired();
  return { kind: "user", username, admin: isAdmin(username) };
}

function credentialsRequired(): ApplicationError {
  const headers = { "WWW-Authenticate": "Bearer" };
  return new ApplicationError(401, "Credentials required", {}, { headers });
}

function statusOf(error: unknown): unknown {
  if (error instanceof ApiError) return error.code === "CredentialNeeded" ? 401 : undefined;
  return error instanceof Error && "status" in error ? error.status : undefined;
}
