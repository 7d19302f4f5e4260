/** An error of the Clockwork API: its text is the whole body, as a JSON string (C-6). It is for the caller's eyes. */
export class ClockworkError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, text: string, headers: Readonly<Record<string, string>> = {}, cause?: unknown) {
    super(text, cause === undefined ? undefined : { cause });
    this.name = "ClockworkError";
    this.status = status;
    this.headers = headers;
  }
}

const MOST_ECHOED = 200;

/** A value of the caller's as an error's text may repeat it: cut after 200 characters (C-6). */
export function echoed(text: string): string {
  // Twice as many code units hold that many characters, whatever they are; the rest need not be looked at.
  return [...text.slice(0, 2 * MOST_ECHOED)].slice(0, MOST_ECHOED).join("");
}

/** The one answer to every missing or bad credential (C-12). */
export function unauthorized(): ClockworkError {
  return new ClockworkError(401, "Authorization error.");
}

/** Something that the answer rests on is not there now (C-6). */
export function unavailable(seconds: number, cause?: unknown): ClockworkError {
  return new ClockworkError(503, "Service unavailable.", after(seconds), cause);
}

/** Too many failed credentials; seconds until they are counted anew (C-16). */
export function tooManyAttempts(seconds: number): ClockworkError {
  return new ClockworkError(429, "Too many failed attempts.", after(seconds));
}

function after(seconds: number): Record<string, string> {
  return { "Retry-After": String(Math.max(1, Math.ceil(seconds))) };
}
