/** Any text. */
export const TEXT = { type: "string" } as const;

/** A flag of a cleanup (O-66). */
export const YES_NO = { type: "string", enum: ["Yes", "No"] } as const;

/** `submitTime` and `completionTime`: UTC without a zone, six decimals (O-7). */
export const STATUS_TIME = {
  type: "string",
  pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}$",
} as const;

/** The timestamp of an event: seconds and `+00:00` (O-7). */
export const EVENT_TIME = {
  type: "string",
  pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\+00:00$",
} as const;
