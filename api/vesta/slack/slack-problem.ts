/** Why a call of Slack did not succeed. The message holds neither an address nor a token. */
export class SlackProblem extends Error {
  /** `retry`: the same may work later. `refused`: it never will, until somebody changes something. */
  readonly kind: "retry" | "refused";
  /** Slack's own word for it, or `""`. */
  readonly code: string;
  /** Whether Slack may have done what it was asked for all the same. */
  readonly unsure: boolean;
  /** How long Slack wants to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: "retry" | "refused",
    message: string,
    {
      code = "",
      unsure = false,
      retryAfterMs,
    }: { code?: string; unsure?: boolean; retryAfterMs?: number | undefined } = {},
  ) {
    super(message);
    this.name = "SlackProblem";
    this.kind = kind;
    this.code = code;
    this.unsure = unsure;
    this.retryAfterMs = retryAfterMs;
  }
}
