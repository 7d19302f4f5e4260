import { type PostToSlack, postToSlack, type SlackReply } from "./slack-http.ts";
import { SlackProblem } from "./slack-problem.ts";

/** Where Slack is and how it is entered. */
export interface SlackAccess {
  /** Base of the Web API, `https://slack.com/api`. */
  apiUrl: string;
  /** Address of the incoming webhook, a secret; `""`: there is none. */
  webhook: string;
  /** `""`: there is no bot. */
  botToken: string;
}

/** What a method of the Web API answers when it succeeds. */
export type SlackAnswer = Readonly<Record<string, unknown>>;

const JSON_TYPE = "application/json; charset=utf-8";
const FORM_TYPE = "application/x-www-form-urlencoded";
/** Slack's words for troubles of its own, which pass. */
const PASSING = new Set([
  "ratelimited",
  "rate_limited",
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "request_timeout",
  "team_added_to_org",
]);
/** Of these, those in which something may have been done. */
const PERHAPS_DONE = new Set(["internal_error", "fatal_error", "request_timeout"]);

/** Calls of Slack. Each rejects with a `SlackProblem`. */
export class SlackClient {
  readonly #access: SlackAccess;
  readonly #post: PostToSlack;

  constructor(access: SlackAccess, post: PostToSlack = postToSlack) {
    this.#access = access;
    this.#post = post;
  }

  /** Posts a text to the incoming webhook, which answers 2xx if it takes it (V-57); anything else may change, and be it by an administrator. */
  async webhook(text: string, signal?: AbortSignal): Promise<void> {
    const request = { type: "application/json", body: JSON.stringify({ text }) };
    const reply = await this.#post(this.#access.webhook, request, signal);
    if (reply.status >= 200 && reply.status < 300) return;
    throw httpProblem("the webhook", reply);
  }

  /** Calls a method of the Web API with arguments as a form, which every method takes. */
  form(method: string, values: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<SlackAnswer> {
    return this.#call(method, FORM_TYPE, new URLSearchParams(values).toString(), signal);
  }

  /** Calls a method that takes JSON, as those that write do. */
  json(method: string, body: object, signal?: AbortSignal): Promise<SlackAnswer> {
    return this.#call(method, JSON_TYPE, JSON.stringify(body), signal);
  }

  /** Sends the bytes of a file to the address that was given for it. The token stays here: the address is its own permission. */
  async upload(address: unknown, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const reply = await this.#post(
      this.#uploadAddress(address),
      { type: "application/octet-stream", body: bytes },
      signal,
    );
    if (reply.status !== 200) throw httpProblem("the upload", reply);
  }

  #uploadAddress(address: unknown): string {
    const { protocol } = new URL(this.#access.apiUrl);
    if (typeof address === "string" && URL.canParse(address)) {
      const url = new URL(address);
      if (url.protocol === "https:" || url.protocol === protocol) return address;
    }
    throw new SlackProblem("retry", "files.getUploadURLExternal: Slack gave no address that a file may be sent to");
  }

  async #call(method: string, type: string, body: string, signal: AbortSignal | undefined): Promise<SlackAnswer> {
    const { apiUrl, botToken: token } = this.#access;
    const reply = await this.#post(`${apiUrl}/${method}`, { type, body, token }, signal);
    if (reply.status < 200 || reply.status > 299) throw httpProblem(method, reply);
    const answer = parsed(reply.body);
    if (answer?.ok === true) return answer;
    if (answer === undefined) {
      throw new SlackProblem("retry", `${method}: the answer is not Slack's (HTTP ${reply.status})`, { unsure: true });
    }
    const code = typeof answer.error === "string" ? answer.error.slice(0, 100) : "unknown_error";
    throw new SlackProblem(PASSING.has(code) ? "retry" : "refused", `${method}: ${code}${needed(answer)}`, {
      code,
      unsure: PERHAPS_DONE.has(code),
      retryAfterMs: reply.retryAfterMs,
    });
  }
}

/** A scope that the token has not is named by Slack. */
function needed({ needed: scope }: SlackAnswer): string {
  return typeof scope === "string" ? ` (the bot needs the scope ${scope.slice(0, 100)})` : "";
}

function parsed(body: string): SlackAnswer | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && "ok" in value ? (value as SlackAnswer) : undefined;
  } catch {
    return undefined;
  }
}

/** An answer that is none of success. What Slack's webhook says is a word; a page of somebody in between is not shown. */
function httpProblem(what: string, { status, body, retryAfterMs }: SlackReply): SlackProblem {
  const word = /^[a-z_]{1,60}$/.test(body.trim()) ? `, ${body.trim()}` : "";
  return new SlackProblem("retry", `${what}: HTTP ${status}${word}`, { unsure: status >= 500, retryAfterMs });
}
