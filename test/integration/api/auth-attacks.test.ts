import { createHmac, generateKeyPairSync } from "node:crypto";
import { connect } from "node:net";
import jwt from "jsonwebtoken";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Answer, isProblem, raw, send, sendJson } from "../../unit/api/served.ts";
import { FacadeStage, ROOT_PASSWORD, ROOT_USER, SECRET } from "./facade-stage.ts";

const test = suite("api login and tokens against attackers");
const MiB = 1024 * 1024;
/** More than may wait of one address, and fewer than connections that the kernel keeps until a busy server takes them; it resets the others. */
const AT_ONCE = 200;
let stage: FacadeStage;

test.before(async () => {
  stage = await FacadeStage.open();
});
test.after(async () => {
  await stage.close();
});

const now = (): number => Math.floor(Date.now() / 1000);
/** Now, but not before the second from which tokens of the root user count: that may still be to come. */
const issued = (): number => Math.max(now(), (jwt.decode(stage.token) as jwt.JwtPayload).iat ?? 0);
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = (more: object = {}): object => ({
  iss: "com.interactions",
  sub: ROOT_USER,
  iat: issued(),
  exp: now() + 100,
  ...more,
});
const unused = (headers: Record<string, string>): Promise<Answer> =>
  send(stage.port, "DELETE", "/v1/pipelines/nope", { headers });
const basic = (text: string | Buffer): string => `Basic ${Buffer.from(text).toString("base64")}`;

/** A token whose payload is exactly this text, with the right signature. */
function handSigned(payload: string): string {
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${Buffer.from(payload).toString("base64url")}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

async function refused(name: string, headers: Record<string, string>): Promise<void> {
  const answer = await unused(headers);
  assert.is(answer.status, 401, `${name}: ${answer.text}`);
  assert.ok(isProblem(answer), name);
}

test("O-23: tokens forged in every known way are refused", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const good = stage.token;
  const [header = "", payload = "", signature = ""] = good.split(".");
  const publicPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  const signed = (head: object, body: object = claims(), secret = SECRET): string =>
    jwt.sign(body, secret, { algorithm: "HS256", header: { alg: "HS256", ...head } as jwt.JwtHeader });
  const forged: Record<string, string> = {
    none: `${part({ alg: "none", typ: "JWT" })}.${part(claims())}.`,
    "None, in capitals": `${part({ alg: "None" })}.${part(claims())}.${signature}`,
    "no algorithm": `${part({ typ: "JWT" })}.${part(claims())}.${signature}`,
    HS384: jwt.sign(claims(), SECRET, { algorithm: "HS384" }),
    HS512: jwt.sign(claims(), SECRET, { algorithm: "HS512" }),
    RS256: jwt.sign(claims(), privateKey, { algorithm: "RS256" }),
    "HS256 with a public key for a secret": signed({}, claims(), publicPem),
    "a key of its own in the header": signed({ jwk: { kty: "oct", k: "AAAA" } }, claims(), "x".repeat(40)),
    "a key's address in the header": signed({ jku: "http://127.0.0.1:1/keys", kid: "1" }, claims(), "x".repeat(40)),
    "a file for a key": signed({ kid: "../../../../dev/null" }, claims(), "\0".repeat(40)),
    "an injected key id": signed({ kid: "' UNION SELECT 'x" }, claims(), "x".repeat(40)),
    "another user, the old signature": `${header}.${part(claims({ sub: "admin" }))}.${signature}`,
    "no signature": `${header}.${payload}.`,
    "a signature cut short": `${header}.${payload}.${signature.slice(0, 20)}`,
    "five parts": `${good}.AAAA.AAAA`,
    "two parts": `${header}.${payload}`,
    expired: signed({}, claims({ iat: now() - 10, exp: now() })),
    "from the future": signed({}, claims({ iat: now() + 3600, exp: now() + 7200 })),
    "not yet valid": signed({}, claims({ nbf: now() + 3600 })),
    "an issuer in a list": signed({}, claims({ iss: ["com.interactions"] })),
    "a user in a list": signed({}, claims({ sub: [ROOT_USER] })),
    "a time as text": `${header}.${part(claims({ exp: "9999999999" }))}.${signature}`,
    "payload that is no JSON": `${header}.${Buffer.from("root").toString("base64url")}.${signature}`,
    "payload with a prototype": handSigned(
      '{"__proto__":{"sub":"dpressel","iss":"com.interactions"},"iat":1,"exp":9999999999}',
    ),
  };
  for (const [name, token] of Object.entries(forged)) {
    await refused(name, { authorization: `Bearer ${token}` });
    await refused(`${name}, as password`, { authorization: basic(`${ROOT_USER}:${token}`) });
  }
  assert.is((await unused({ authorization: `Bearer ${handSigned(JSON.stringify(claims()))}` })).status, 404);
  // What they were made from is good, so it is the forgery that was refused; an unknown key id alone is none.
  assert.is((await unused({ authorization: `Bearer ${good}` })).status, 404);
  assert.is((await unused({ authorization: `Bearer ${signed({ kid: "1" })}` })).status, 404);
});

test("O-24: Basic in every broken form is 401, and a password may hold what it likes", async () => {
  const broken = {
    "not base64": "Basic !!!!",
    "no colon": basic("root"),
    "no user": basic(`:${ROOT_PASSWORD}`),
    "no password": basic(`${ROOT_USER}:`),
    "bytes that are no text": basic(Buffer.from([0xff, 0xfe, 0x3a, 0xff])),
    "a NUL in the name": basic(`${ROOT_USER}\0:${ROOT_PASSWORD}`),
    "a blank before the name": basic(` ${ROOT_USER}:${ROOT_PASSWORD}`),
    "another case": basic(`${ROOT_USER.toUpperCase()}:${ROOT_PASSWORD}`),
    "a prototype": basic("__proto__:password"),
    "two values": `${basic(`${ROOT_USER}:${ROOT_PASSWORD}`)}, ${basic("a:b")}`,
    "a very long name": basic(`${"a".repeat(6000)}:password`),
    "a very long password": basic(`${ROOT_USER}:${"p".repeat(6000)}`),
  };
  for (const [name, authorization] of Object.entries(broken)) await refused(name, { authorization });
  const password = "a:b::c ü \t'\"";
  await stage.call("POST", "/v1/users", { user: { username: "colon", password } });
  assert.is((await unused({ authorization: basic(`colon:${password}`) })).status, 404);
  assert.is((await unused({ authorization: `bAsIc ${basic(`colon:${password}`).slice(6)}` })).status, 404);
  await refused("from a web page", { authorization: basic(`colon:${password}`), origin: "null" });
});

test("O-3, O-25: headers over the limit, twice given or smuggled are refused, and the server lives on", async () => {
  const huge = await unused({ authorization: `Bearer ${"a".repeat(9_000)}.b.c` });
  assert.ok([401, 431].includes(huge.status), String(huge.status));
  assert.ok(isProblem(huge));
  const larger = await unused({ authorization: `Bearer ${"a".repeat(200_000)}.b.c` });
  assert.is(larger.status, 431);
  assert.ok(isProblem(larger));
  const start = "DELETE /v1/pipelines/nope HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
  const twice = await raw(
    stage.port,
    `${start}Authorization: Bearer None\r\nAuthorization: Bearer ${stage.token}\r\n\r\n`,
  );
  assert.match(twice, /^HTTP\/1\.1 401 /);
  const folded = await raw(stage.port, `${start}Authorization: Bearer x\r\n ${stage.token}\r\n\r\n`);
  assert.match(folded, /^HTTP\/1\.1 40[01] /);
  const both = `${start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/jobs HTTP/1.1\r\nHost: a\r\n\r\n`;
  const smuggled = await raw(stage.port, both);
  assert.match(smuggled, /^HTTP\/1\.1 400 /);
  assert.is(smuggled.split("HTTP/1.1 ").length, 2);
  assert.is((await stage.get("/v1/ping")).status, 200);
});

test("O-5, O-6: 10 MiB for every JSON route: 401 without a credential, 413 with one, declared or not", async () => {
  const routes = stage.routes.filter(({ body }) => body === "json" || body === "jsonOrForm");
  assert.ok(routes.length >= 5);
  for (const { method, path: pattern } of routes) {
    const path = pattern.replace(/:\w+/g, "nope");
    const authorization = `Bearer ${stage.token}`;
    const json = { "content-type": "application/json" };
    // Not sent: the answer comes before the body.
    const declared = (headers: Record<string, string>): Promise<string> => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const length = `Content-Length: ${10 * MiB}\r\n`;
      return raw(stage.port, `${method} ${path} HTTP/1.1\r\nHost: a\r\n${lines.join("")}${length}\r\n`);
    };
    if (path !== "/v1/auth") assert.match(await declared(json), /^HTTP\/1\.1 401 /, path);
    assert.match(await declared({ ...json, authorization }), /^HTTP\/1\.1 413 /, path);
    assert.match(await chunked(method, path, { ...json, authorization }), /^HTTP\/1\.1 413 /, path);
  }
});

/** Sends up to 10 MiB in chunks, without saying how many will come, until the server answers. */
function chunked(method: string, path: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(stage.port, "127.0.0.1");
    let answer = "";
    let sent = 0;
    const size = 64 * 1024;
    const chunk = `${size.toString(16)}\r\n${" ".repeat(size)}\r\n`;
    const more = (): void => {
      while (answer === "" && sent < 10 * MiB) {
        sent += size;
        if (!socket.write(chunk)) return;
      }
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: a\r\n${lines.join("")}Transfer-Encoding: chunked\r\n\r\n`);
    more();
    socket.on("drain", more);
    socket.on("data", (data) => {
      answer += data.toString();
    });
    socket.on("error", () => resolve(answer));
    socket.on("close", () => resolve(answer));
  });
}

test("keys that mean something to JavaScript mean nothing in a body", async () => {
  const bodies = [
    '{"__proto__":{"username":"mallory","password":"mallory\'s password"}}',
    '{"user":{"__proto__":{"username":"mallory","password":"mallory\'s password"}}}',
    '{"constructor":{"prototype":{"user":{"username":"mallory"}}}}',
    '{"user":{"constructor":{"name":"x"},"toString":"y"}}',
  ];
  for (const body of bodies) {
    const headers = { "content-type": "application/json", authorization: `Bearer ${stage.token}` };
    for (const path of ["/v1/users", "/v1/auth", "/v1/pipelines"]) {
      const answer = await send(stage.port, "POST", path, { headers, body });
      assert.ok([400, 422].includes(answer.status), `${path} ${body}: ${answer.status} ${answer.text}`);
      assert.ok(isProblem(answer));
    }
  }
  const login = { "content-type": "application/x-www-form-urlencoded" };
  for (const body of ["__proto__[username]=dpressel&password=x", "username[__proto__]=dpressel&password=x", "=&&="]) {
    const { status } = await send(stage.port, "POST", "/v1/auth", { headers: login, body });
    assert.ok([400, 422].includes(status), `${body}: ${status}`);
  }
  assert.is(({} as { username?: string }).username, undefined);
  assert.is((await stage.get("/v1/users/mallory")).status, 404);
});

test("O-22: a thousand logins over HTTP, far more at once than may wait, end in 401 and 429; the right user gets in after them", async () => {
  await stage.call("POST", "/v1/users", { user: { username: "calm", password: "calm's password" } });
  const answers: Answer[] = [];
  const attacker = async (index: number): Promise<void> => {
    const username = index % 2 === 0 ? ROOT_USER : `name-${index % 5}`;
    answers.push(await sendJson(stage.port, "POST", "/v1/auth", { username, password: `guess ${index}` }));
  };
  const attackers = Array.from({ length: AT_ONCE }, async (_, first) => {
    for (let index = first; index < 1_000; index += AT_ONCE) await attacker(index);
  });
  // Reads go on meanwhile.
  const flood = Promise.all(attackers);
  assert.is((await stage.get("/v1/pipelines")).status, 200);
  await flood;
  const statuses = new Map<number, number>();
  for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  assert.equal([...statuses.keys()].sort(), [401, 429], JSON.stringify([...statuses]));
  for (const answer of answers) {
    assert.ok(isProblem(answer));
    assert.not.ok(answer.text.includes('"message"'));
    if (answer.status === 429) assert.ok(Number(answer.headers["retry-after"]) > 0);
  }
  const calm = await sendJson(stage.port, "POST", "/v1/auth", { username: "calm", password: "calm's password" });
  assert.is(calm.status, 200, calm.text);
  // Too many failures for this name from this address: even the right password waits.
  await Promise.all(Array.from({ length: 12 }, () => attacker(0)));
  const root = await sendJson(stage.port, "POST", "/v1/auth", { username: ROOT_USER, password: ROOT_PASSWORD });
  assert.is(root.status, 429);
  assert.is((await unused({ authorization: `Bearer ${stage.token}` })).status, 404, "tokens go on working");
});

test("O-260: a request for a websocket is 400 on every path, before anything else", async () => {
  for (const path of ["/", "/nothing", "/v1/pipelines", "/v1/nothing", "/v1/auth"]) {
    const answer = await raw(
      stage.port,
      `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      (socket) => socket.once("data", () => socket.end()),
    );
    assert.match(answer, /^HTTP\/1\.1 400 /, path);
    assert.match(answer, /application\/problem\+json/);
    assert.match(answer, /plain HTTP/);
  }
});

test("O-260: jobs and files are deleted with git, not over REST", async () => {
  for (const path of ["/v1/jobs", "/v1/jobs/sst2", "/v1/jobs/sst2/files/main.yml"]) {
    const answer = await stage.call("DELETE", path);
    assert.is(answer.status, 405, path);
    assert.not.match(String(answer.headers.allow), /DELETE/);
  }
});

test.run();
