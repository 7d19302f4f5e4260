/**
 * What a caller can do about a failed request:
 * - `notFound`: the object, its namespace or its resource does not exist, or its namespace is being deleted
 *   (reason `NamespaceTerminating`): creating there can never succeed;
 * - `alreadyExists`: a create met an object of that name: look at its UID before adopting it;
 * - `conflict`: a precondition failed (resourceVersion, UID, a JSON Patch `test`): read again, decide again;
 * - `gone`: the resourceVersion or continue token has expired: list again;
 * - `invalid`: the server refuses the content (400, 422): the same request will never succeed;
 * - `forbidden`: RBAC or admission refuses; `quota`: a ResourceQuota is exhausted, waiting helps;
 * - `unauthorized`: no valid credentials, also after they were read again;
 * - `tooLarge`: the object exceeds a limit of etcd or of the API server: never retry it unchanged;
 * - `throttled`: obey `retryAfterMs`; `transient`: network, time-out or server trouble, the write may have happened;
 * - `aborted`: the caller's signal or `close()`; `other`: everything else, such as the write guard's `NotLeader`.
 */
export type ErrorCategory =
  | "notFound"
  | "alreadyExists"
  | "conflict"
  | "gone"
  | "invalid"
  | "forbidden"
  | "quota"
  | "unauthorized"
  | "tooLarge"
  | "throttled"
  | "transient"
  | "aborted"
  | "other";

/** The API server's `metav1.Status`, as far as we read it. */
export interface ApiStatus {
  code?: number;
  reason?: string;
  message?: string;
  details?: {
    kind?: string;
    name?: string;
    uid?: string;
    retryAfterSeconds?: number;
    causes?: { reason?: string; message?: string; field?: string }[];
  };
}

interface KubeErrorFields {
  code: number;
  reason: string;
  category: ErrorCategory;
  message: string;
  retryAfterMs?: number | undefined;
  statusDetails?: unknown;
  cause?: unknown;
}

/**
 * The one error of this layer. `code` is the HTTP status, or 0 where no answer came. The message names verb, path and
 * the server's words, cut to a bound; it never holds headers, query or body. Compare with `isKubeError`, which works by
 * shape and so across copies of this module.
 */
export class KubeError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly category: ErrorCategory;
  declare readonly retryAfterMs?: number;
  /** The `details` of the server's Status. Not of that name: test runners take `details` of an error for a text of theirs. */
  declare readonly statusDetails?: unknown;

  constructor(fields: KubeErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = "KubeError";
    this.code = fields.code;
    this.reason = fields.reason;
    this.category = fields.category;
    if (fields.retryAfterMs !== undefined) this.retryAfterMs = fields.retryAfterMs;
    if (fields.statusDetails !== undefined) this.statusDetails = fields.statusDetails;
  }
}

/** Whether `error` is a KubeError, of one of `categories` if any are named. */
export function isKubeError(error: unknown, ...categories: ErrorCategory[]): error is KubeError {
  if (typeof error !== "object" || error === null) return false;
  const { name, category, code } = error as Partial<KubeError>;
  if (name !== "KubeError" || typeof category !== "string" || typeof code !== "number") return false;
  return categories.length === 0 || categories.includes(category);
}

/** Reason of a `throttled` error that concerns one resource and not the server: everything else may be sent. */
export const STORAGE_NOT_READY = "StorageNotReady";

/** Longest server message kept in an error. */
const MESSAGE_LIMIT = 1_000;
/** Longest piece of an answer that is not a `Status` (a proxy's error page) kept in an error. */
const FOREIGN_BODY_LIMIT = 200;
/** A server that names a longer wait than this is not believed. */
const RETRY_AFTER_LIMIT_MS = 10 * 60_000;

/** The error for an HTTP answer outside 2xx. `what` names the request, such as `GET /api/v1/pods`. */
export function errorFromAnswer(what: string, code: number, retryAfter: string | undefined, body: string): KubeError {
  const status = parseStatus(body);
  const message = status?.message ?? (cut(body, FOREIGN_BODY_LIMIT) || "no message");
  const reason = status?.reason ?? "";
  const terminating = code === 403 && isNamespaceTerminating(status, message);
  const unfit = code === 422 && isUnfitPatch(message);
  const unready = code === 429 && isStorageUnready(message);
  const said = unfit ? "the patch does not apply to the object as it is now: read it again" : message;
  return new KubeError({
    code,
    reason: terminating
      ? "NamespaceTerminating"
      : unfit
        ? "PatchDoesNotApply"
        : unready
          ? STORAGE_NOT_READY
          : reason || `HTTP${code}`,
    category: terminating ? "notFound" : unfit ? "conflict" : categoryOf(code, reason, message, status?.details),
    message: `${what}: ${cut(said, MESSAGE_LIMIT)} (HTTP ${code}${reason ? ` ${reason}` : ""})`,
    retryAfterMs: retryAfterMs(retryAfter, status?.details?.retryAfterSeconds),
    statusDetails: status?.details,
  });
}

/** The error for an `ERROR` event inside a watch, whose object is a `Status`. */
export function errorFromWatchStatus(what: string, status: ApiStatus): KubeError {
  const code = status.code ?? 500;
  return errorFromAnswer(what, code, undefined, JSON.stringify({ kind: "Status", ...status }));
}

/** Codes with which Node reports that the peer's certificate or ours was not accepted: retrying alone cannot help. */
const CERTIFICATE_ERROR = /^(?:CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH)/;

/** Whether a network error means that certificates do not fit, as after a rotation that we have not read yet. */
export function isCertificateError(cause: unknown): boolean {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" && CERTIFICATE_ERROR.test(code);
}

/** The error for a request that got no complete answer. It is unknown whether the server carried it out. */
export function errorFromNetwork(what: string, cause: unknown): KubeError {
  const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown };
  const certificate = isCertificateError(cause);
  const text = cut(typeof message === "string" && message ? message : String(code ?? cause), FOREIGN_BODY_LIMIT);
  const advice = certificate ? "; check the certificate authority and the client certificate of the kubeconfig" : "";
  return new KubeError({
    code: 0,
    reason: typeof code === "string" ? code : "NetworkError",
    category: certificate ? "other" : "transient",
    message: `${what}: no answer from the API server: ${text}${advice}`,
    cause,
  });
}

/** The error for a request whose whole answer did not come in time. */
export function errorFromTimeout(what: string, timeoutMs: number): KubeError {
  return new KubeError({
    code: 0,
    reason: "Timeout",
    category: "transient",
    message: `${what}: no complete answer from the API server within ${timeoutMs} ms`,
  });
}

/** The error for a request that its caller gave up. */
export function errorFromAbort(what: string, cause?: unknown): KubeError {
  return new KubeError({ code: 0, reason: "Aborted", category: "aborted", message: `${what}: aborted`, cause });
}

function categoryOf(code: number, reason: string, message: string, details: ApiStatus["details"]): ErrorCategory {
  if (isTooLarge(code, message)) return "tooLarge";
  switch (code) {
    case 400:
    case 422:
      return "invalid";
    case 401:
      return "unauthorized";
    case 403:
      return /exceeded quota/i.test(message) ? "quota" : "forbidden";
    case 404:
      return "notFound";
    case 409:
      if (reason === "AlreadyExists") return "alreadyExists";
      // Two creates that charge the same ResourceQuota race on its status: the create itself was fine.
      return details?.kind === "resourcequotas" ? "transient" : "conflict";
    case 410:
      return "gone";
    case 429:
      return "throttled";
    default:
      return code === 408 || code >= 500 ? "transient" : "other";
  }
}

/** etcd and its gRPC limits refuse an oversize object with a plain 500: only the message tells that retrying is useless. */
function isTooLarge(code: number, message: string): boolean {
  if (code === 413) return true;
  return code === 500 && /request is too large|message larger than max/i.test(message);
}

function isNamespaceTerminating(status: ApiStatus | undefined, message: string): boolean {
  if (status?.details?.causes?.some((cause) => cause.reason === "NamespaceTerminating")) return true;
  return /because it is being terminated/i.test(message);
}

/**
 * A JSON Patch that does not apply to the object as it is, such as a `test` that does not hold, is a 422 with this one
 * sentence and nothing else. To the writer it is a lost race.
 */
function isUnfitPatch(message: string): boolean {
  return message.startsWith("the server rejected our request due to an error in our request");
}

/**
 * The watch cache of one resource is being filled, as after its definition changed, or for ever while its conversion webhook is down. The wait that
 * comes with it grows with that time, to half a minute, and is about this resource alone.
 */
function isStorageUnready(message: string): boolean {
  return /storage is \(re\)initializing/i.test(message);
}

function parseStatus(body: string): ApiStatus | undefined {
  if (!body.startsWith("{")) return undefined;
  try {
    const parsed = JSON.parse(body) as ApiStatus & { kind?: unknown };
    return parsed.kind === "Status" ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function retryAfterMs(header: string | undefined, seconds: number | undefined): number | undefined {
  const fromHeader = header === undefined ? Number.NaN : headerDelayMs(header);
  const ms = Number.isFinite(fromHeader) ? fromHeader : (seconds ?? 0) * 1_000;
  return ms > 0 ? Math.min(ms, RETRY_AFTER_LIMIT_MS) : undefined;
}

/** Retry-After is either seconds or an HTTP date (RFC 9110, 10.2.3). */
function headerDelayMs(header: string): number {
  return /^\s*\d+\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
}

/** Bounded, on one line, and without anything that looks like a bearer token. */
function cut(text: string, limit: number): string {
  const line = text
    .slice(0, limit + 200)
    .replace(/\bBearer\s+\S+/gi, "Bearer …")
    .replace(/[\u0000-\u001f\u007f]+/g, " ")
    .trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
}
