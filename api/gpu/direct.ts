import * as http from "node:http";
import * as https from "node:https";
import { type OpenExporter, ScrapeError } from "./scrape.ts";

/** How exporters are asked that want TLS or a password (G-1). */
export interface ExporterAccess {
  /** Certificates to trust in place of the system's, in PEM. */
  ca?: string;
  /** Name to expect in the certificate: a pod's address is in none. */
  serverName?: string;
  /** Gives the Authorization header; `refused` is told when an exporter did not take it. */
  authorization?: { header(): Promise<string>; refused(): void };
}

/**
 * Asks an exporter itself, on a connection of its own: one that is kept open over the pause between two scrapes may be
 * closed just when it is used. Anything but 200 is a failure, a redirect too (G-32).
 */
export function openDirectly(url: URL, access: ExporterAccess): OpenExporter {
  return async (signal) => {
    const authorization = await access.authorization?.header();
    const answer = await request(url, access, authorization, signal);
    const status = answer.statusCode ?? 0;
    const encoding = answer.headers["content-encoding"] ?? "identity";
    if (status === 200 && encoding === "identity") return answer;
    answer.destroy();
    if (status === 401) access.authorization?.refused();
    if (status !== 200) throw new ScrapeError("http", describeStatus(status));
    throw new ScrapeError("http", "sent a compressed answer, which was not asked for");
  };
}

/** What a status other than 200 means. */
export function describeStatus(status: number): string {
  const why =
    status === 401 || status === 403 ? "; it wants a credential" : status < 400 ? "; redirects are not followed" : "";
  return `answered with HTTP ${status}${why}`;
}

function request(
  url: URL,
  { ca, serverName }: ExporterAccess,
  authorization: string | undefined,
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options: https.RequestOptions = {
      agent: false,
      signal,
      headers: {
        accept: "text/plain",
        "accept-encoding": "identity",
        "user-agent": "odin-api",
        ...(authorization === undefined ? {} : { authorization }),
      },
    };
    const sent =
      url.protocol === "https:"
        ? https.request(url, {
            ...options,
            ...(ca === undefined ? {} : { ca }),
            ...(serverName === undefined ? {} : { servername: serverName }),
          })
        : http.request(url, options);
    sent.once("response", resolve);
    sent.on("error", reject);
    sent.end();
  });
}
