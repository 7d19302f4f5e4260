import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Koa from "koa";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { securityHeaders } from "../../../api/security-headers.ts";
import { send } from "./served.ts";

const test = suite("security headers");

for (const tls of [false, true]) {
  test(`every answer has all of them, ${tls ? "and with HTTPS browsers are told to insist on it" : "and without HTTPS none that insists on it"}`, async () => {
    const app = new Koa();
    app.use(securityHeaders(tls));
    app.use((ctx) => {
      ctx.body = "";
    });
    const server = createServer(app.callback()).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      for (const path of ["/", "/again"]) {
        const { headers } = await send(port, "GET", path);
        assert.is(headers["content-security-policy"], "default-src 'none';frame-ancestors 'none'");
        assert.is(headers["x-content-type-options"], "nosniff");
        assert.is(headers["x-frame-options"], "SAMEORIGIN");
        assert.is(headers["referrer-policy"], "no-referrer");
        assert.is(headers["cross-origin-opener-policy"], "same-origin");
        assert.is(headers["cross-origin-resource-policy"], "same-origin");
        assert.is("strict-transport-security" in headers, tls);
      }
    } finally {
      server.close();
    }
  });
}

test.run();
