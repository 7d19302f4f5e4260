import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** A person of the workspace. */
export interface SlackMember {
  id: string;
  displayName?: string;
  realName?: string;
  email?: string;
  deleted?: boolean;
  isBot?: boolean;
}

/** A message or a file that a conversation holds. */
export interface SlackEntry {
  channel: string;
  thread?: string;
  ts: string;
  text: string;
  metadata?: unknown;
  /** Whether a request to unfold links or media was not declined. */
  unfurls?: boolean;
  file?: { id: string; title: string; name: string; content: string };
}

/**
 * How the next request of a method goes wrong: an answer in place of the right one; `cut` breaks the connection before anything is done, `cutAfter` does
 * what was asked and then breaks it; `hang` never answers.
 */
export type SlackFault =
  | { status: number; body?: string; headers?: Record<string, string> }
  | { error: string }
  | "cut"
  | "cutAfter"
  | "hang";

/** The token that the workspace knows the bot by. */
export const BOT_TOKEN = "xoxb-the-bot-token";
/** The secret that events are signed with. */
export const SIGNING_SECRET = "the-signing-secret";
const WEBHOOK_PATH = "/services/T000/B000/webhook-secret";
const BOT_USER = "UBOT";
/** Bodies are JSON with these methods, or forms; with all others forms alone. */
const JSON_METHODS = new Set(["chat.postMessage", "conversations.open", "files.completeUploadExternal", "auth.test"]);

/** A workspace as its apps see it, on loopback: incoming webhook, Web API and uploads, with what goes wrong there. */
export class SlackServer {
  /** What the webhook has taken, in order. */
  readonly webhookTexts: string[] = [];
  /** What conversations hold, in order. */
  readonly entries: SlackEntry[] = [];
  /** The requests in their order: `webhook`, `upload` or the method. */
  readonly requests: string[] = [];
  readonly members: SlackMember[] = [];
  readonly channels: { id: string; name: string }[] = [];
  /** Entries of one page of a list. */
  pageSize = 2;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #faults = new Map<string, SlackFault[]>();
  readonly #uploads = new Map<string, { name: string; length: number; content?: string }>();
  #count = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Starts one. */
  static async open(): Promise<SlackServer> {
    const http = createServer((request, response) => {
      slack.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    const slack = new SlackServer(http);
    http.on("connection", (socket) => {
      slack.#sockets.add(socket);
      socket.once("close", () => slack.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    return slack;
  }

  get #base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Base of the Web API. */
  get apiUrl(): string {
    return `${this.#base}/api`;
  }

  /** Address of the incoming webhook. */
  get webhookUrl(): string {
    return this.#base + WEBHOOK_PATH;
  }

  /** The next requests of a method, or of `webhook` or `upload`, go wrong like this, one after the other. */
  fail(what: string, ...faults: SlackFault[]): void {
    this.#faults.set(what, [...(this.#faults.get(what) ?? []), ...faults]);
  }

  /** Everything goes right from now on. */
  mend(): void {
    this.#faults.clear();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "", method = "" } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const what = url === WEBHOOK_PATH ? "webhook" : url.startsWith("/upload/") ? "upload" : url.replace("/api/", "");
    this.requests.push(what);
    const fault = this.#faults.get(what)?.shift();
    if (fault === "cut") return void response.destroy();
    if (fault === "hang") return;
    if (fault !== undefined && fault !== "cutAfter") {
      if ("error" in fault) return json(response, { ok: false, error: fault.error });
      response.writeHead(fault.status, fault.headers);
      return void response.end(fault.body ?? "");
    }
    const settle = (answer: () => void): void => {
      if (fault === "cutAfter") response.destroy();
      else answer();
    };
    if (method !== "POST") return json(response, { ok: false, error: "invalid_post_type" });
    if (what === "webhook") return this.#webhook(request, body, response, settle);
    if (what === "upload") {
      const upload = this.#uploads.get(url.slice("/upload/".length));
      if (upload === undefined || Buffer.byteLength(body) !== upload.length || request.headers.authorization) {
        response.writeHead(400);
        return void response.end("bad upload");
      }
      upload.content = body;
      return settle(() => response.end(`OK - ${upload.length}`));
    }
    const answer = this.#method(what, request, body);
    settle(() => json(response, answer));
  }

  #webhook(
    request: IncomingMessage,
    body: string,
    response: ServerResponse,
    settle: (answer: () => void) => void,
  ): void {
    const values = readObject(body);
    if (request.headers["content-type"] !== "application/json" || typeof values?.text !== "string") {
      response.writeHead(400);
      return void response.end("invalid_payload");
    }
    this.webhookTexts.push(values.text);
    settle(() => response.end("ok"));
  }

  #method(method: string, request: IncomingMessage, body: string): object {
    const { authorization, "content-type": type = "" } = request.headers;
    if (authorization === undefined) return { ok: false, error: "not_authed" };
    if (authorization !== `Bearer ${BOT_TOKEN}`) return { ok: false, error: "invalid_auth" };
    const isJson = type.startsWith("application/json");
    if (isJson && !JSON_METHODS.has(method)) return { ok: false, error: "invalid_arguments" };
    const values = isJson ? readObject(body) : Object.fromEntries(new URLSearchParams(body));
    if (values === undefined) return { ok: false, error: "invalid_json" };
    switch (method) {
      case "auth.test":
        return { ok: true, user_id: BOT_USER, bot_id: "BBOT", user: "gpus", team: "T000" };
      case "chat.postMessage":
        return this.#post(values);
      case "conversations.open": {
        const member = this.members.find(({ id }) => id === values.users);
        return member ? { ok: true, channel: { id: `D${member.id}` } } : { ok: false, error: "user_not_found" };
      }
      case "conversations.list":
        return this.#page("channels", this.channels, values);
      case "conversations.history":
      case "conversations.replies":
        return this.#history(values);
      case "users.lookupByEmail": {
        const member = this.members.find(({ email, deleted }) => email === values.email && !deleted);
        return member ? { ok: true, user: shown(member) } : { ok: false, error: "users_not_found" };
      }
      case "users.list":
        return this.#page("members", this.members.map(shown), values);
      case "files.getUploadURLExternal": {
        const length = Number(values.length);
        if (!(length > 0) || typeof values.filename !== "string") return { ok: false, error: "invalid_arguments" };
        const id = `F${++this.#count}`;
        this.#uploads.set(id, { name: values.filename, length });
        return { ok: true, upload_url: `${this.#base}/upload/${id}`, file_id: id };
      }
      case "files.completeUploadExternal":
        return this.#complete(values);
      default:
        return { ok: false, error: "unknown_method" };
    }
  }

  #post({ channel, text, thread_ts: thread, metadata, unfurl_links: unfurls }: Record<string, unknown>): object {
    if (typeof text !== "string" || text === "") return { ok: false, error: "no_text" };
    if (!this.#hasChannel(channel)) return { ok: false, error: "channel_not_found" };
    const ts = this.#ts();
    const place = { channel: String(channel), ...(typeof thread === "string" ? { thread } : {}) };
    this.entries.push({ ...place, ts, text, metadata, unfurls: unfurls !== false });
    return { ok: true, channel, ts };
  }

  #complete({
    files,
    channel_id: channel,
    thread_ts: thread,
    initial_comment: text = "",
  }: Record<string, unknown>): object {
    const [file] = Array.isArray(files) ? (files as { id: string; title: string }[]) : [];
    const upload = this.#uploads.get(file?.id ?? "");
    if (file === undefined || upload?.content === undefined) return { ok: false, error: "file_not_found" };
    // By its id alone: a channel's name does not do here.
    if (typeof channel !== "string" || !/^[CD]/.test(channel) || !this.#hasChannel(channel)) {
      return { ok: false, error: "channel_not_found" };
    }
    this.#uploads.delete(file.id);
    const { name, content } = upload;
    const place = { channel, ...(typeof thread === "string" ? { thread } : {}) };
    this.entries.push({ ...place, ts: this.#ts(), text: String(text), file: { ...file, name, content } });
    return { ok: true, files: [{ id: file.id, title: file.title }] };
  }

  #history({ channel, ts: thread, oldest, include_all_metadata: all }: Record<string, unknown>): object {
    const messages = this.entries
      .filter((entry) => entry.channel === channel && entry.thread === thread && Number(entry.ts) >= Number(oldest))
      .map(({ ts, text, metadata, file }) => ({
        ...{ type: "message", ts, text, user: BOT_USER },
        ...(file === undefined ? {} : { files: [{ id: file.id, title: file.title, name: file.name }] }),
        ...(all === "true" && metadata !== undefined ? { metadata } : {}),
      }));
    return { ok: true, messages: messages.reverse() };
  }

  #page(key: string, items: readonly object[], { cursor, limit }: Record<string, unknown>): object {
    if (limit === undefined) return { ok: false, error: "limit_required" };
    const from = typeof cursor === "string" ? Number(Buffer.from(cursor, "base64").toString()) : 0;
    const to = from + Math.min(this.pageSize, Number(limit));
    const next = to < items.length ? Buffer.from(String(to)).toString("base64") : "";
    return { ok: true, [key]: items.slice(from, to), response_metadata: { next_cursor: next } };
  }

  #hasChannel(channel: unknown): boolean {
    if (typeof channel !== "string") return false;
    if (channel.startsWith("D")) return this.members.some(({ id }) => channel === `D${id}`);
    return this.channels.some(({ id, name }) => channel === id || channel.replace("#", "") === name);
  }

  #ts(): string {
    return `${Math.floor(Date.now() / 1_000)}.${String(++this.#count).padStart(6, "0")}`;
  }
}

/** The headers that Slack signs an event with. */
export function slackSignature(body: string, seconds = Math.floor(Date.now() / 1_000), secret = SIGNING_SECRET) {
  const signature = createHmac("sha256", secret).update(`v0:${seconds}:${body}`).digest("hex");
  return { "X-Slack-Request-Timestamp": String(seconds), "X-Slack-Signature": `v0=${signature}` };
}

function shown({ id, displayName = "", realName = "", email, deleted = false, isBot = false }: SlackMember): object {
  const profile = { display_name: displayName, real_name: realName, ...(email === undefined ? {} : { email }) };
  return { id, deleted, is_bot: isBot, profile };
}

function readObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function json(response: ServerResponse, value: object): void {
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.end(JSON.stringify(value));
}
