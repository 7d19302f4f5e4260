interface VestaErrorOptions {
  headers?: Readonly<Record<string, string>>;
  /** What lies behind it; it is logged and never shown. */
  cause?: unknown;
}

/** An error of vesta; its message is for the caller's eyes. Answered as `{"status":"ERROR","status_code","message"}` (V-19). */
export class VestaError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, { headers = {}, cause }: VestaErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "VestaError";
    this.status = status;
    this.headers = headers;
  }

  get body(): Readonly<Record<string, unknown>> {
    return { status: "ERROR", status_code: this.status, message: this.message };
  }
}

/** The address or the token is not one that may do this (V-20 to V-22). */
export function forbidden(): VestaError {
  return new VestaError(403, "forbidden");
}

/** The path, the host or the file is not there (V-20). */
export function notFound(): VestaError {
  return new VestaError(404, "not found");
}

/** What the caller sent is wrong; `message` names the field (V-20). */
export function badRequest(message: string): VestaError {
  return new VestaError(400, message);
}

/** Something that the answer rests on is out of reach; `what` is a sentence for the caller. */
export function unavailable(what: string, seconds = 5, cause?: unknown): VestaError {
  return new VestaError(503, what, { headers: { "Retry-After": String(Math.max(1, Math.ceil(seconds))) }, cause });
}
