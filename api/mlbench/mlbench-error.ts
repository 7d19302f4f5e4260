import { STATUS_CODES } from "node:http";

interface MlbenchErrorOptions {
  headers?: Readonly<Record<string, string>>;
  /** What lies behind it; it is logged and never shown. */
  cause?: unknown;
}

/** An error of the MLBench API; `bodyText` is what is answered, as JSON, and it is for the caller's eyes. */
export abstract class MlbenchError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  abstract readonly bodyText: string;

  constructor(status: number, text: string, { headers = {}, cause }: MlbenchErrorOptions = {}) {
    super(text, cause === undefined ? undefined : { cause });
    this.status = status;
    this.headers = headers;
  }
}

/** An error about the request as such: unknown path, method, media type, syntax, size. Answered as `{"detail"}` (M-9). */
export class TransportError extends MlbenchError {
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, detail: string, options: MlbenchErrorOptions = {}) {
    super(status, detail, options);
    this.name = "TransportError";
    this.body = { detail };
  }

  override get bodyText(): string {
    return JSON.stringify(this.body);
  }
}

/** An error about what was asked for. Answered as `{"status": <reason phrase>, "message"}`, followed by the keys of `more` (M-10). */
export class ApplicationError extends MlbenchError {
  readonly body: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    message: string,
    more: Readonly<Record<string, unknown>> = {},
    options: MlbenchErrorOptions = {},
  ) {
    super(status, message, options);
    this.name = "ApplicationError";
    this.body = { status: STATUS_CODES[status] ?? "Error", message, ...more };
  }

  override get bodyText(): string {
    return JSON.stringify(this.body);
  }
}

/** One of the errors above about a body that was read elsewhere, with its answer made there. */
export class RefusedBody extends MlbenchError {
  readonly bodyText: string;

  constructor(status: number, bodyText: string) {
    super(status, "the body is refused");
    this.name = "RefusedBody";
    this.bodyText = bodyText;
  }
}

/** The path is nobody's, or the format is not offered there (M-8, M-9). */
export function notFound(): TransportError {
  return new TransportError(404, "Not found.");
}

/** Something that the answer rests on is out of reach; `what` is in the way, as a sentence (M-10). */
export function unavailable(what: string, seconds = 5, cause?: unknown): ApplicationError {
  const headers = { "Retry-After": String(Math.max(1, Math.ceil(seconds))) };
  return new ApplicationError(503, what, {}, { headers, cause });
}

/** Characters of a value that an error repeats. */
const MOST_ECHOED = 200;

/** A value of the caller's as an error's text repeats it: as JSON, cut where it is long. */
export function echoed(value: unknown): string {
  // The values of fields know the text of what is structured.
  const isText = value !== null && typeof value === "object" && "json" in value;
  const text = isText ? String(value.json) : (JSON.stringify(value) ?? String(value));
  return text.length <= MOST_ECHOED ? text : `${text.slice(0, MOST_ECHOED)}…`;
}
