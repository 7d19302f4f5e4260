import { Agent, request } from "node:https";
import { createInterface } from "node:readline";
import { LocalError } from "./local-error.ts";
import type { KeyPair } from "./x509.ts";

/** Where and as whom `AdminApi` speaks to an API server. */
export interface AdminApiOptions {
  server: string;
  /** The authority's certificate, PEM. */
  authority: string;
  credentials: KeyPair;
}

const TIMEOUT_MS = 10_000;

/** The few requests that bringing up a cluster needs, as its administrator. */
export class AdminApi {
  readonly #server: string;
  readonly #agent: Agent;

  constructor(o: AdminApiOptions) {
    this.#server = o.server;
    this.#agent = new Agent({ ca: o.authority, cert: o.credentials.certificate, key: o.credentials.key });
  }

  /** The parsed answer. Any status but 2xx is an `AdminApiError` that quotes the server's message. */
  async request<T>(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<T> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return JSON.parse(await this.#succeed(method, path, payload, contentType));
  }

  /** Whether the server says that it is ready; throws like `request` where it says why not. */
  async isReady(): Promise<boolean> {
    return (await this.#succeed("GET", "/readyz", undefined, "text/plain")) === "ok";
  }

  /** Hands each whole line of a watch's answer to `onLine` until the server ends it; throws if it breaks off or `onLine` does. */
  lines(path: string, onLine: (line: string) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = request(`${this.#server}${path}`, { agent: this.#agent });
      call.on("error", reject);
      call.on("response", (response) => {
        if (response.statusCode !== 200) call.destroy(new AdminApiError(response.statusCode ?? 0, `GET ${path}`));
        const reader = createInterface({ input: response });
        response.on("error", reject);
        reader.on("line", (line) => {
          try {
            onLine(line);
          } catch (error) {
            call.destroy(error instanceof Error ? error : new Error(String(error)));
          }
        });
        reader.on("close", resolve);
      });
      call.end();
    });
  }

  /** Creates the object unless it exists already. */
  async ensure(path: string, object: unknown): Promise<void> {
    try {
      await this.request("POST", path, object);
    } catch (error) {
      if (!(error instanceof AdminApiError && error.status === 409)) throw error;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #succeed(method: string, path: string, payload: string | undefined, contentType: string): Promise<string> {
    const { status, text } = await this.#exchange(method, path, payload, contentType);
    if (status < 200 || status > 299)
      throw new AdminApiError(status, `${method} ${path}: ${status} ${messageIn(text)}`);
    return text;
  }

  #exchange(method: string, path: string, payload: string | undefined, contentType: string) {
    return new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = payload === undefined ? {} : { "content-type": contentType };
      const call = request(`${this.#server}${path}`, { method, agent: this.#agent, headers, timeout: TIMEOUT_MS });
      call.on("timeout", () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      call.on("error", reject);
      call.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
      });
      call.end(payload);
    });
  }
}

/** An answer of the API server with a status other than 2xx. */
export class AdminApiError extends LocalError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function messageIn(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "message" in parsed) return String(parsed.message);
  } catch {
    // Not a Status object.
  }
  // A health check lists everything that it looked at, what is well first.
  const failed = text.split("\n").filter((line) => line.startsWith("[-]"));
  return (failed.length > 0 ? failed.join(" ") : text).slice(0, 300);
}
