import { bodyParser } from "@koa/bodyparser";
import type { Middleware } from "koa";
import { ApiError, invalid } from "./errors.ts";

/** Most bytes of a JSON or form body (O-6). */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Media types a route takes: JSON, or JSON and forms (only the login, O-20). */
export type BodyKind = "json" | "jsonOrForm";

const FORM = "application/x-www-form-urlencoded";

/** Reads the body into `ctx.request.body`, in the order of O-5: declared size, media type, then size as read and syntax. */
export function readBody(kind: BodyKind): Middleware {
  const forms = kind === "jsonOrForm";
  const parse = bodyParser({
    enableTypes: forms ? ["json", "form"] : ["json"],
    // Anything that is JSON is parsed; that it must be an object is a matter of validation, not of syntax.
    jsonStrict: false,
    jsonLimit: `${MAX_BODY_BYTES}b`,
    formLimit: `${MAX_BODY_BYTES}b`,
  });
  return async (ctx, next) => {
    if ((ctx.request.length ?? 0) > MAX_BODY_BYTES) {
      throw new ApiError("BodyTooLarge", `the body has ${ctx.request.length} bytes; the most is ${MAX_BODY_BYTES}`);
    }
    if (!ctx.is("application/json", ...(forms ? [FORM] : []))) {
      throw new ApiError("MediaTypeUnsupported", `send the body as application/json${forms ? ` or ${FORM}` : ""}`);
    }
    if (ctx.get("Expect").toLowerCase() === "100-continue") ctx.res.writeContinue();
    await parse(ctx, async () => {});
    if (ctx.request.body === "") throw new ApiError("MalformedRequest", "the body is empty; JSON is expected");
    await next();
  };
}

/** A JSON object from a request; throws a 422 for anything else. */
export function objectAt(path: string, value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid(path, "must be an object");
  return value as Record<string, unknown>;
}

/** A text from a request, by its key; throws a 422 if it is missing or no text. Keys that objects inherit do not count. */
export function textAt(path: string, holder: Record<string, unknown>, key: string): string {
  const value = Object.hasOwn(holder, key) ? holder[key] : undefined;
  if (value === undefined || value === null) throw invalid(`${path}${key}`, "is missing");
  if (typeof value !== "string") throw invalid(`${path}${key}`, "must be a string");
  return value;
}
