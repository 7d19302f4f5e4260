import type { Route } from "../route.ts";
import { openApiDocument } from "./document.ts";

/** GET /v1/openapi.json, also at the root: the description of everything under /v1 (O-58). */
export function openApiRoutes(): Route[] {
  const text = JSON.stringify(openApiDocument());
  return ["/v1/openapi.json", "/openapi.json"].map((path) => ({
    method: "GET",
    path,
    access: "open",
    needsCaches: false,
    handle: (ctx) => {
      ctx.type = "json";
      ctx.body = text;
    },
  }));
}
