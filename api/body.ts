import { bodyParser } from "@koa/bodyparser";
import type { Middleware } from "koa";
import { bodyBytes } from "./body-bytes.ts";
import { ByteBudget } from "./byte-budget.ts";
import { ApiError, invalid, retryAfter } from "./errors.ts";

/** Most bytes of a JSON or form body (O-6). */
export const MAX_BODY_BYTES = 1024 * 1024;

/** What a route takes: JSON, JSON and forms (only the login, O-20), or bytes of any media type (uploads, O-53). */
export type BodyKind = "json" | "jsonOrForm" | "bytes";

const FORM = "application/x-www-form-urlencoded";

/** Of JSON and forms, what all requests together may hold in memory; what is read of a megabyte may be twenty. */
const TEXTS_BYTES = 12 * MAX_BODY_BYTES;
/** Uploads of the largest size that all requests together may hold in memory. */
const UPLOADS_AT_ONCE = 8;
const SMALL_UPLOADS_BYTES = 64 * 1024 * 1024;
/** Texts up to this do not count, so that nobody is kept from logging in. */
const SMALL_TEXT = 16 * 1024;

/** What all requests together may hold of their bodies; one for all routes of a server. */
export interface BodyMemory {
  /** JSON and forms. */
  texts: ByteBudget;
  uploads: ByteBudget;
}

/** Makes it, for uploads of at most so many bytes. */
export function bodyMemory(maxUploadBytes: number): BodyMemory {
  const uploads = Math.max(SMALL_UPLOADS_BYTES, UPLOADS_AT_ONCE * maxUploadBytes);
  return { texts: new ByteBudget(TEXTS_BYTES), uploads: new ByteBudget(uploads) };
}

/** Reads the body into `ctx.request.body`, in the order of O-5: declared size, media type, then size as read and syntax. */
export function readBody(kind: BodyKind, maxUploadBytes: number, memory: BodyMemory): Middleware {
  return kind === "bytes" ? readBytes(maxUploadBytes, memory.uploads) : readText(kind, memory.texts);
}

function readText(kind: "json" | "jsonOrForm", budget: ByteBudget): Middleware {
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
    // A length that is not declared, or is that of a packed body, may become any.
    const plain = ["", "identity"].includes(ctx.get("Content-Encoding").toLowerCase());
    const most = (plain ? ctx.request.length : undefined) ?? MAX_BODY_BYTES;
    if (most > SMALL_TEXT) {
      if (!budget.take(most)) throw tooManyBodies();
      ctx.res.once("close", () => budget.release(most));
    }
    if (ctx.get("Expect").toLowerCase() === "100-continue") ctx.res.writeContinue();
    await parse(ctx, async () => {});
    if (ctx.request.body === "") throw new ApiError("MalformedRequest", "the body is empty; JSON is expected");
    await next();
  };
}

/**
 * The body as it came, as a Buffer; also none at all. Bytes are counted while they come, since a length need not be declared, and are held against
 * a budget of all uploads until the answer is out.
 */
function readBytes(maxBytes: number, budget: ByteBudget): Middleware {
  const limits = {
    most: maxBytes,
    budget,
    tooLarge: (size: string) => tooLarge(size, maxBytes),
    busy: () =>
      new ApiError("Busy", "too many files are being uploaded; try again in a moment", { headers: retryAfter(5) }),
  };
  return async (ctx, next) => {
    // Before the encoding, as O-5 has it; what is read is measured again.
    if ((ctx.request.length ?? 0) > maxBytes) throw limits.tooLarge(`${ctx.request.length} bytes`);
    if (!["", "identity"].includes(ctx.get("Content-Encoding").toLowerCase())) {
      throw new ApiError("MediaTypeUnsupported", "send the file as it is, without a Content-Encoding");
    }
    ctx.request.body = await bodyBytes(ctx, limits);
    await next();
  };
}

function tooManyBodies(): ApiError {
  return new ApiError("Busy", "too much is being sent at once; try again in a moment", { headers: retryAfter(5) });
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
