import type { Registry } from "prom-client";
import { ApiError, retryAfter } from "./errors.ts";
import type { Route } from "./route.ts";
import type { StoreState } from "./store-watch.ts";

/**
 * /healthz, /readyz and /metrics: for the kubelet and Prometheus, outside /v1 and without a credential. Readiness tells of the store, too, which
 * may be away while everything else is served.
 */
export function healthRoutes(
  registry: Registry,
  notReady: () => readonly string[],
  storeState: () => StoreState = () => "none",
): Route[] {
  return [
    {
      method: "GET",
      path: "/healthz",
      access: "open",
      needsCaches: false,
      handle: (ctx) => {
        ctx.body = { status: "ok" };
      },
    },
    {
      method: "GET",
      path: "/readyz",
      access: "open",
      needsCaches: false,
      handle: (ctx) => {
        const missing = notReady();
        if (missing.length > 0) {
          throw new ApiError("NotReady", `not ready: ${missing.join(", ")}`, {
            errors: missing.map((path) => ({ path, detail: "not there yet" })),
            headers: retryAfter(2),
          });
        }
        ctx.body = { status: "ready", store: storeState() };
      },
    },
    {
      method: "GET",
      path: "/metrics",
      access: "open",
      needsCaches: false,
      handle: async (ctx) => {
        ctx.body = await registry.metrics();
        ctx.type = registry.contentType;
      },
    },
  ];
}
