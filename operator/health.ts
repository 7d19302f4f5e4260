import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export interface HealthOptions {
  host: string;
  port: number;
  registry: Registry;
  /** Undefined while ready; else what is missing. */
  notReady: () => string | undefined;
  /** What does not work although the process is ready; undefined: nothing. */
  degraded?: () => string | undefined;
}

/** Serves /metrics, /healthz (the process answers) and /readyz (the caches are filled and kept, and nothing keeps it from standing for its lease); resolves when it listens. */
export async function startHealth({
  host,
  port,
  registry,
  notReady,
  degraded = () => undefined,
}: HealthOptions): Promise<{ port: number; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    const send = (status: number, type: string, body: string): void => {
      response
        .writeHead(status, { "content-type": type, "x-content-type-options": "nosniff" })
        .end(request.method === "HEAD" ? undefined : body);
    };
    if (request.method !== "GET" && request.method !== "HEAD")
      return send(405, "text/plain", "only GET is served here\n");
    if (path === "/healthz") return send(200, "text/plain", "ok\n");
    if (path === "/readyz") {
      const missing = notReady();
      if (missing !== undefined) return send(503, "text/plain", `${missing}\n`);
      const trouble = degraded();
      return send(200, "text/plain", trouble === undefined ? "ok\n" : `ok, but ${trouble}\n`);
    }
    if (path !== "/metrics") return send(404, "text/plain", "try /metrics, /healthz or /readyz\n");
    registry.metrics().then(
      (text) => send(200, registry.contentType, text),
      () => send(500, "text/plain", "metrics could not be collected\n"),
    );
  });
  await listening(server, host, port);
  return { port: (server.address() as AddressInfo).port, stop: () => closed(server) };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
