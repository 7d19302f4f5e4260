import type { Context } from "koa";
import { replyTexts } from "../../reply-texts.ts";
import { KeptTexts } from "../kept-texts.ts";
import { booleanParameter, integerParameter, textParameter } from "../parameters.ts";
import { HTML_TYPE, replyJson } from "../reply.ts";
import type { VestaHandler, VestaRoute } from "../route.ts";
import { inPieces } from "../texts/in-pieces.ts";
import { notFound } from "../vesta-error.ts";
import { elementOf, mainPage } from "./main-page.ts";
import type { PageParts } from "./page-parts.ts";
import { pastOf } from "./past.ts";
import { pastSpan } from "./past-span.ts";
import { type StaticFile, staticFiles } from "./static-files.ts";
import { tablePage } from "./table-page.ts";

/** What the pages may do: load our own scripts, styles and pictures, and talk to the server that they came from (V-48). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** GET / without `term`: the page (V-45), a host's block (V-50), or the figures of a host's charts. */
export function mainHandler(parts: PageParts): VestaHandler {
  const kept = new KeptTexts();
  return async (ctx) => {
    const { query } = ctx;
    const element = textParameter(query, "element");
    ctx.set("Cache-Control", "no-store");
    if (booleanParameter(query, "fetch_element")) return replyJson(ctx, elementOf(parts, element));
    if (booleanParameter(query, "fetch_history")) {
      const span = pastSpan(query, (parts.now ?? Date.now)());
      const host = parts.hosts.find(element);
      if (host === undefined) throw notFound();
      return replyJson(ctx, await pastOf(parts.history, host.id, span));
    }
    ctx.set("Content-Security-Policy", POLICY);
    await replyTexts(ctx, inPieces(mainPage(parts, integerParameter(query, "page", 1), kept)), HTML_TYPE);
  };
}

/** GET /gpu_table without `term` (V-49). */
export function tableHandler(parts: PageParts): VestaHandler {
  const kept = new KeptTexts();
  return async (ctx) => {
    ctx.set("Cache-Control", "no-store");
    ctx.set("Content-Security-Policy", POLICY);
    await replyTexts(ctx, inPieces(tablePage(parts, Date.now(), kept)), HTML_TYPE);
  };
}

/** GET /static/<name>: what the pages load, and nothing else; open to all (V-21). */
export function staticRoute(): VestaRoute {
  const files = staticFiles();
  return {
    path: "/static/:file*",
    guard: "none",
    methods: {
      GET: (ctx) => {
        const file = files.get(String(ctx.params.file));
        if (file === undefined) throw notFound();
        replyFile(ctx, file);
      },
    },
  };
}

function replyFile(ctx: Context, { type, bytes, zipped, etag }: StaticFile): void {
  // Asked for again each time, so that page and scripts are never of two versions.
  ctx.set({ "Content-Type": type, "Cache-Control": "no-cache", ETag: etag, Vary: "Accept-Encoding" });
  ctx.status = 200;
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  const asGzip = ctx.acceptsEncodings("gzip", "identity") === "gzip";
  if (asGzip) ctx.set("Content-Encoding", "gzip");
  ctx.body = asGzip ? zipped : bytes;
  ctx.set("Content-Type", type);
}
