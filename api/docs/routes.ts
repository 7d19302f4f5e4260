import { readFileSync } from "node:fs";
import type { Route } from "../route.ts";
import { docsPage } from "./page.ts";
import { PAGE_STYLE } from "./page-style.ts";

/** What the page may do: load its own style and script, and talk to the server that it came from. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** GET /docs: the OpenAPI document for people, with forms that try each operation. Like the document it is open (O-27). */
export function docsRoutes(): Route[] {
  return [
    fixed("/docs", "text/html; charset=utf-8", docsPage()),
    fixed("/docs/page.css", "text/css; charset=utf-8", PAGE_STYLE),
    fixed(
      "/docs/try-it.js",
      "text/javascript; charset=utf-8",
      readFileSync(new URL("./try-it.js", import.meta.url), "utf8"),
    ),
  ];
}

function fixed(path: string, type: string, text: string): Route {
  return {
    method: "GET",
    path,
    access: "open",
    needsCaches: false,
    handle: (ctx) => {
      ctx.set("Content-Security-Policy", POLICY);
      ctx.type = type;
      ctx.body = text;
    },
  };
}
