/** What a kind of error means to the caller: its HTTP status, a short title, and whether the same request may work later. */
export interface ErrorKind {
  status: number;
  title: string;
  retryable: boolean;
}

/** Every error the facade answers with (O-4); the code appears in `type` as `urn:odin:error:<code>`. */
export const ERRORS = {
  MalformedRequest: { status: 400, title: "The request is malformed", retryable: false },
  UpgradeRefused: { status: 400, title: "The protocol cannot be changed", retryable: false },
  CredentialNeeded: { status: 401, title: "A valid credential is needed", retryable: false },
  LoginFailed: { status: 401, title: "The login failed", retryable: false },
  Forbidden: { status: 403, title: "The right to do this is missing", retryable: false },
  RouteUnknown: { status: 404, title: "There is no such route", retryable: false },
  JobUnknown: { status: 404, title: "There is no such job", retryable: false },
  FileUnknown: { status: 404, title: "There is no such file", retryable: false },
  PipelineUnknown: { status: 404, title: "There is no such pipeline", retryable: false },
  ResourceUnknown: { status: 404, title: "There is no such resource", retryable: false },
  UserUnknown: { status: 404, title: "There is no such user", retryable: false },
  MethodNotAllowed: { status: 405, title: "The route does not take this method", retryable: false },
  RequestTimeout: { status: 408, title: "The request took too long to arrive", retryable: true },
  JobExists: { status: 409, title: "There is such a job already", retryable: false },
  JobElsewhere: { status: 409, title: "The job is not kept in the jobs repository", retryable: false },
  PipelineEnded: { status: 409, title: "The pipeline has ended", retryable: false },
  RepositoryConflict: { status: 409, title: "The jobs repository refuses the change", retryable: false },
  UserExists: { status: 409, title: "The user exists already", retryable: false },
  UserChanged: { status: 409, title: "The user was changed by somebody else", retryable: false },
  UserProtected: { status: 409, title: "The user cannot be deleted", retryable: false },
  BodyTooLarge: { status: 413, title: "The body is too large", retryable: false },
  MediaTypeUnsupported: { status: 415, title: "The body has the wrong media type", retryable: false },
  Invalid: { status: 422, title: "The request is not valid", retryable: false },
  TooManyLogins: { status: 429, title: "Too many failed logins", retryable: true },
  HeadersTooLarge: { status: 431, title: "The header is too large", retryable: false },
  Internal: { status: 500, title: "Internal error", retryable: false },
  KubernetesUnavailable: { status: 503, title: "The Kubernetes API is not available", retryable: true },
  RepositoryUnavailable: { status: 503, title: "The jobs repository is not available", retryable: true },
  StoreUnavailable: { status: 503, title: "The store of ended runs is not available", retryable: true },
  NotReady: { status: 503, title: "The server is starting", retryable: true },
  NodesUnreadable: { status: 503, title: "The nodes cannot be read", retryable: true },
  Busy: { status: 503, title: "The server is busy", retryable: true },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** One thing wrong with a request: where in it, and what. */
export interface FieldError {
  path: string;
  detail: string;
}

interface ApiErrorOptions {
  errors?: readonly FieldError[];
  headers?: Readonly<Record<string, string>>;
  cause?: unknown;
}

/** An error of the table, thrown anywhere below the error middleware. `message` becomes `detail`: it is for the caller's eyes. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, detail: string, options: ApiErrorOptions = {}) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "ApiError";
    this.code = code;
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
  }
}

/** A 422 for one field or query value. */
export function invalid(path: string, detail: string): ApiError {
  return new ApiError("Invalid", `${path}: ${detail}`, { errors: [{ path, detail }] });
}

/** Seconds after which a caller may try again, as the header that says so. */
export function retryAfter(seconds: number): Record<string, string> {
  return { "Retry-After": String(Math.max(1, Math.ceil(seconds))) };
}
