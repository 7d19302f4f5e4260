import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import Koa, { type Middleware } from "koa";
import helmet from "koa-helmet";

/**
 * Replies are data: nothing in them may be run or framed. Browsers are told to insist on HTTPS only where it is served. The headers are the same for every
 * answer, and to work them out takes longer than all else about a small one: so it is done once.
 */
export function securityHeaders(tls: boolean): Middleware {
  const headers = headersOf(tls);
  return (ctx, next) => {
    for (const [name, value] of headers) ctx.res.setHeader(name, value);
    return next();
  };
}

/** What is set on an answer that nobody gets. */
function headersOf(tls: boolean): [name: string, value: string][] {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  const headers: [name: string, value: string][] = [];
  response.setHeader = (name, value) => {
    headers.push([name, String(value)]);
    return response;
  };
  const set = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: tls,
  });
  void set(new Koa().createContext(request, response), async () => {});
  return headers;
}
