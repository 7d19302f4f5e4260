import jwt from "jsonwebtoken";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PublicReads } from "../../../api/auth/access.ts";
import type { Route } from "../../../api/route.ts";
import { isProblem, send } from "../../unit/api/served.ts";
import { FacadeStage, ROOT_PASSWORD, ROOT_USER, SECRET } from "./facade-stage.ts";

const test = suite("api access, every route with every credential");
let stage: FacadeStage;
const ports = new Map<PublicReads, number>();

test.before(async () => {
  stage = await FacadeStage.open({ ODIN_PUBLIC_READS: "none" });
  ports.set("none", stage.port);
  for (const reads of ["status", "all"] as const) {
    await stage.start({ ODIN_PUBLIC_READS: reads });
    ports.set(reads, stage.port);
  }
});
test.after(async () => {
  await stage.close();
});

const OPEN =
  /^\/(v1\/(ping|app|auth|openapi\.json)|((clockwork|mlbench|vesta)\/)?openapi\.json|healthz|readyz|metrics|docs.*)$/;
const STATUS = /^\/v1\/(pipelines(\/:id)?|resources\/:id\/events|nodes)$/;

/** What the contract says of a route, whatever its own table says. */
function isOpen({ method, path }: Route, reads: PublicReads): boolean {
  if (path === "/v1/auth") return true;
  if (method !== "GET") return false;
  return OPEN.test(path) || reads === "all" || (reads === "status" && STATUS.test(path));
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

/** Headers of each kind, and whether they prove who calls. */
function credentials(): [name: string, headers: Record<string, string>, good: boolean][] {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "com.interactions", sub: ROOT_USER, iat: now - 100, exp: now + 100 };
  const sign = (more: object, secret = SECRET): string => jwt.sign({ ...claims, ...more }, secret);
  return [
    ["nothing", {}, false],
    ["an empty header", { authorization: "" }, false],
    ["Bearer None", { authorization: "Bearer None" }, false],
    ["no token", { authorization: "Bearer" }, false],
    ["an expired token", { authorization: `Bearer ${sign({ exp: now - 1 })}` }, false],
    ["a token of another secret", { authorization: `Bearer ${sign({}, "x".repeat(40))}` }, false],
    ["a token of nobody", { authorization: `Bearer ${sign({ sub: "nobody" })}` }, false],
    ["another user's token as password", { authorization: basic(`nobody:${stage.token}`) }, false],
    ["Basic from a web page", { authorization: basic(`${ROOT_USER}:${ROOT_PASSWORD}`), origin: "http://a" }, false],
    ["a token as password, from a web page", { authorization: basic(`x:${stage.token}`), origin: "http://a" }, false],
    ["a token", { authorization: `Bearer ${stage.token}` }, true],
    ["a token, from a web page", { authorization: `Bearer ${stage.token}`, origin: "http://a" }, true],
    ["a password", { authorization: basic(`${ROOT_USER}:${ROOT_PASSWORD}`) }, true],
    ["a token as password", { authorization: basic(`${ROOT_USER}:${stage.token}`) }, true],
  ];
}

for (const reads of ["none", "status", "all"] as const) {
  test(`O-26, O-27: with reads \`${reads}\` a route lets in whom it should, and answers 401 to everybody else`, async () => {
    const { routes } = stage;
    assert.ok(routes.length > 20);
    for (const route of routes) {
      const path = route.path.replace(/:\w+/g, "nothing-of-that-name");
      const methods = route.method === "GET" ? ["GET", "HEAD"] : [route.method];
      for (const method of methods) {
        for (const [name, headers, good] of credentials()) {
          const answer = await send(ports.get(reads) ?? 0, method, path, { headers });
          const shown = `${method} ${path} with ${name}: ${answer.status} ${answer.text.slice(0, 200)}`;
          const expected = good || isOpen(route, reads);
          assert.is(answer.status !== 401, expected, shown);
          if (answer.status === 401) {
            assert.is(answer.headers["www-authenticate"], "Bearer", shown);
            if (method !== "HEAD") assert.ok(isProblem(answer), shown);
          }
        }
      }
    }
  });
}

test("O-16: the origins of the settings reach the server", async () => {
  const origin = "https://ui.example.org";
  assert.is((await send(stage.port, "GET", "/v1/ping", { headers: { origin } })).headers.vary, undefined);
  await stage.start({ ODIN_CORS_ORIGINS: `http://localhost:3000, ${origin}` });
  const { headers } = await send(stage.port, "OPTIONS", "/v1/users/ann", {
    headers: { origin, "access-control-request-method": "PUT" },
  });
  assert.is(headers["access-control-allow-origin"], origin);
  assert.is(headers["access-control-allow-methods"], "DELETE,GET,POST,PUT");
});

test.run();
