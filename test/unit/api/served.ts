import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { Registry } from "prom-client";
import { requireCredential } from "../../../api/auth/credential.ts";
import { Logins } from "../../../api/auth/logins.ts";
import { hashPassword } from "../../../api/auth/password.ts";
import { authRoutes } from "../../../api/auth/routes.ts";
import { type TokenSettings, Tokens } from "../../../api/auth/tokens.ts";
import type { StoredUser } from "../../../api/auth/user.ts";
import { type Listener, listen } from "../../../api/listener.ts";
import { httpMetrics } from "../../../api/metrics.ts";
import type { Route } from "../../../api/route.ts";
import { buildApp } from "../../../api/server.ts";

/** A server without Kubernetes: login, and routes of the test's own. */
export interface Served {
  listener: Listener;
  port: number;
  tokens: Tokens;
  users: Map<string, StoredUser>;
  logLines: Record<string, unknown>[];
  registry: Registry;
}

export const TOKENS: TokenSettings = {
  algorithm: "HS256",
  issuer: "com.interactions",
  durationSeconds: 3600,
  secret: "a secret of the tests, long enough for anything",
};
export const PASSWORD = "correct horse";

/** A user with `PASSWORD`, whose tokens count from the beginning of time. */
export async function user(username: string): Promise<StoredUser> {
  const passwordHash = await hashPassword(PASSWORD);
  return { metadata: { name: username, uid: username, resourceVersion: "1" }, username, passwordHash, validFrom: 1 };
}

/** Starts the server; `notReady` is asked at each request. */
export async function serve(
  routes: readonly Route[],
  more: {
    users?: StoredUser[];
    tokens?: TokenSettings;
    publicReads?: "none" | "status" | "all";
    corsOrigins?: string[];
    maxUploadBytes?: number;
    notReady?: () => string[];
  } = {},
): Promise<Served> {
  const users = new Map((more.users ?? []).map((one) => [one.username, one]));
  const tokens = new Tokens(more.tokens ?? TOKENS, { find: (name) => users.get(name) });
  const registry = new Registry();
  const logins = new Logins({ find: (name) => users.get(name) }, registry);
  const logLines: Record<string, unknown>[] = [];
  const log = (level: string) => (fields: object, msg: string) => void logLines.push({ level, ...fields, msg });
  const app = buildApp({
    routes: [...authRoutes(logins, tokens), ...routes],
    publicReads: more.publicReads ?? "all",
    corsOrigins: more.corsOrigins ?? [],
    tls: false,
    maxUploadBytes: more.maxUploadBytes ?? 10 * 1024 * 1024,
    requireCredential: requireCredential(tokens, logins),
    notReady: more.notReady ?? (() => []),
    observe: httpMetrics(registry),
    logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
  });
  const listener = await listen(app.callback(), { host: "127.0.0.1", port: 0 });
  return { listener, port: Number(new URL(listener.url).port), tokens, users, logLines, registry };
}

/** An answer, with its body as text and, where it is JSON, parsed. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  json: Record<string, unknown>;
}

/** Sends one request with the path exactly as given. */
export function send(
  port: number,
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: "127.0.0.1", port, method, path, headers: options.headers ?? {}, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          let json: Record<string, unknown> = {};
          try {
            json = JSON.parse(text) as Record<string, unknown>;
          } catch {
            // Not every answer is JSON; a test that expects it fails on the empty object.
          }
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      },
    );
    request.on("error", reject);
    request.end(options.body);
  });
}

/** Sends a JSON body. */
export function sendJson(
  port: number,
  method: string,
  path: string,
  value: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return send(port, method, path, {
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(value),
  });
}

/** Sends bytes as they are and returns what came back until the server closed. `onData` may write more. */
export function raw(
  port: number,
  text: string | Buffer,
  onOpen: (socket: import("node:net").Socket) => void = () => {},
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(text);
      onOpen(socket);
    });
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("error", () => resolve(answer));
    socket.on("close", () => resolve(answer));
  });
}

/** Whether an answer is a problem document as O-3 wants it. */
export function isProblem({ status, headers, json }: Answer): boolean {
  return (
    headers["content-type"] === "application/problem+json; charset=utf-8" &&
    json.status === status &&
    typeof json.title === "string" &&
    typeof json.detail === "string" &&
    typeof json.type === "string" &&
    !("message" in json) &&
    !("stack" in json)
  );
}
