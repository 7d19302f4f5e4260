import { type ErrorCategory, isKubeError, type KubeError } from "../kube/errors.ts";
import { ApiError, ERRORS, type FieldError, retryAfter } from "./errors.ts";

/** Media type of every error (O-3, RFC 9457). */
export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

/** The body of an error (O-3). It never has a `message` key: old clients would store it as their token (O-21). */
export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance?: string;
  errors?: { path: string; detail: string }[];
}

/** The body that tells a caller of an error; `instance` is the request's id. */
export function problemDetails(error: ApiError, instance?: string): ProblemDetails {
  const kind = ERRORS[error.code];
  return {
    type: `urn:odin:error:${error.code}`,
    title: kind.title,
    status: kind.status,
    detail: error.message,
    ...(instance === undefined ? {} : { instance }),
    ...(error.errors.length > 0 ? { errors: error.errors.map(({ path, detail }) => ({ path, detail })) } : {}),
  };
}

/** The one place that turns what was thrown into an error of the table. What it does not know is a fault of ours: `Internal`. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (isKubeError(thrown)) return fromKubernetes(thrown);
  const status = httpStatus(thrown);
  switch (status) {
    case 400:
      return new ApiError("MalformedRequest", "the body is not JSON, was cut off, or has a key named __proto__", {
        cause: thrown,
      });
    case 401:
      return unauthorized("the credential is malformed, expired, wrongly signed, or of a user who no longer exists");
    case 413:
      return new ApiError("BodyTooLarge", "the body is larger than the limit", { cause: thrown });
    case 415:
      return new ApiError("MediaTypeUnsupported", "the body's encoding or character set cannot be read", {
        cause: thrown,
      });
    default:
      return new ApiError("Internal", "internal error", { cause: thrown });
  }
}

/** The one answer to a missing or bad credential: only this makes a client drop its token and ask again (O-25). */
export function unauthorized(detail: string): ApiError {
  return new ApiError("CredentialNeeded", detail, { headers: { "WWW-Authenticate": "Bearer" } });
}

/** Seconds after which a caller may retry when the API server did not say. */
const RETRY_SECONDS = 5;

const MAX_CAUSES = 20;
const MAX_CAUSE_LENGTH = 500;

const UNAVAILABLE: ReadonlySet<ErrorCategory> = new Set(["transient", "throttled", "quota", "aborted"]);

function fromKubernetes(error: KubeError): ApiError {
  if (UNAVAILABLE.has(error.category) || error.code === 0) {
    const wait = error.retryAfterMs === undefined ? RETRY_SECONDS : error.retryAfterMs / 1000;
    const detail =
      error.category === "quota"
        ? "the namespace's quota is used up; remove old pipelines or raise the quota, then try again"
        : "the Kubernetes API did not answer; try again later";
    return new ApiError("KubernetesUnavailable", detail, { headers: retryAfter(wait), cause: error });
  }
  if (error.category === "invalid") {
    return new ApiError("Invalid", "Kubernetes refused the object", { errors: causesOf(error), cause: error });
  }
  if (error.category === "tooLarge") {
    return new ApiError("Invalid", "the object is too large to be stored; move large values to files", {
      cause: error,
    });
  }
  // What is left (forbidden, unauthorized, a conflict nobody expected) is a fault of the installation, not of the caller.
  return new ApiError("Internal", "internal error", { cause: error });
}

/** The fields that the API server complains of, from the `details.causes` of its Status. */
function causesOf(error: KubeError): FieldError[] {
  const causes = (error.statusDetails as { causes?: { field?: string; message?: string }[] } | undefined)?.causes ?? [];
  return causes.slice(0, MAX_CAUSES).map(({ field, message }) => ({
    path: field ?? "",
    detail: (message ?? "").slice(0, MAX_CAUSE_LENGTH),
  }));
}

/** The status that a library put on an error it threw (koa-jwt, the body parser). */
function httpStatus(thrown: unknown): number | undefined {
  if (thrown === null || typeof thrown !== "object" || !("status" in thrown)) return undefined;
  return typeof thrown.status === "number" ? thrown.status : undefined;
}
