import { bodyParser } from "@koa/bodyparser";
import type { Middleware } from "koa";
import { ByteBudget } from "./byte-budget.ts";
import { ApiError, invalid, retryAfter } from "./errors.ts";

/** Most bytes of a JSON or form body (O-6). */
export const MAX_BODY_BYTES = 1024 * 1024;

/** What a route takes: JSON, JSON and forms (only the login, O-20), or bytes of any media type (uploads, O-53). */
export type BodyKind = "json" | "jsonOrForm" | "bytes";

const FORM = "application/x-www-form-urlencoded";

/** Reads the body into `ctx.request.body`, in the order of O-5: declared size, media type, then size as read and syntax. */
export function readBody(kind: BodyKind, maxUploadBytes: number): Middleware {
  return kind === "bytes" ? readBytes(maxUploadBytes) : readText(kind);
}

function readText(kind: "json" | "jsonOrForm"): Middleware {
  const forms = kind === "jsonOrForm";
  const parse = bodyParser({
    enableTypes: forms ? ["json", "form"] : ["json"],
    // Anything that is JSON is parsed; that it must be an object is a matter of validation, not of syntax.
    jsonStrict: false,
    jsonLimit: `${MAX_BODY_BYTES}b`,
    formLimit: `${MAX_BODY_BYTES}b`,
  });
  return async (ctx, next) => {
    if ((ctx.request.length ?? 0) > MAX_BODY_BYTES) throw tooLarge(`${ctx.request.length} bytes`, MAX_BODY_BYTES);
    if (!ctx.is("application/json", ...(forms ? [FORM] : []))) {
      throw new ApiError("MediaTypeUnsupported", `send the body as application/json${forms ? ` or ${FORM}` : ""}`);
    }
    if (ctx.get("Expect").toLowerCase() === "100-continue") ctx.res.writeContinue();
    await parse(ctx, async () => {});
    if (ctx.request.body === "") throw new ApiError("MalformedRequest", "the body is empty; JSON is expected");
    await next();
  };
}

/** Uploads of the largest size that all requests together may hold in memory. */
const UPLOADS_AT_ONCE = 8;
const SMALL_UPLOADS_BYTES = 64 * 1024 * 1024;

/**
 * The body as it came, as a Buffer; also none at all. Bytes are counted while they come, since a length need not be declared, and are held against
 * a budget of all uploads until the answer is out.
 */
function readBytes(maxBytes: number): Middleware {
  const budget = new ByteBudget(Math.max(SMALL_UPLOADS_BYTES, UPLOADS_AT_ONCE * maxBytes));
  return async (ctx, next) => {
    if ((ctx.request.length ?? 0) > maxBytes) throw tooLarge(`${ctx.request.length} bytes`, maxBytes);
    if (!["", "identity"].includes(ctx.get("Content-Encoding").toLowerCase())) {
      throw new ApiError("MediaTypeUnsupported", "send the file as it is, without a Content-Encoding");
    }
    if (ctx.get("Expect").toLowerCase() === "100-continue") ctx.res.writeContinue();
    const chunks: Buffer[] = [];
    let bytes = 0;
    ctx.res.once("close", () => budget.release(bytes));
    // Left undestroyed where the loop ends early: the answer goes out by the same connection.
    for await (const chunk of ctx.req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (bytes + chunk.length > maxBytes) throw tooLarge("more", maxBytes);
      if (!budget.take(chunk.length)) {
        throw new ApiError("Busy", "too many files are being uploaded; try again in a moment", {
          headers: retryAfter(5),
        });
      }
      bytes += chunk.length;
      chunks.push(chunk);
    }
    ctx.request.body = Buffer.concat(chunks);
    await next();
  };
}

function tooLarge(size: string, most: number): ApiError {
  return new ApiError("BodyTooLarge", `the body has ${size}; the most is ${most} bytes`);
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
