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

const SEGMENT = "[A-Za-z0-9](_?[A-Za-z0-9.-])*";

/** The id of a job in a body (O-10). */
export const JOB_ID = {
  type: "string",
  pattern: `^${SEGMENT}((/|__|%2[Ff])${SEGMENT}){0,7}$`,
  maxLength: 200,
  description: "Id of the job; __ stands for /.",
} as const;

/** The name of a file of a job (O-11). */
export const FILE_NAME = {
  type: "string",
  pattern: '^[^-.<>:;,?"*|/\\\\\\x00-\\x1f][^<>:;,?"*|/\\\\\\x00-\\x1f]*$',
  description: "One segment of at most 255 bytes.",
} as const;
