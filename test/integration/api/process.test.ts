import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { get } from "node:https";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { kubectlApply } from "../../support/kubectl.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { send, sendJson } from "../../unit/api/served.ts";

const test = suite("odin api, the program");
const ENV = {
  ODIN_LISTEN: "127.0.0.1:0",
  ODIN_SECRET: "the secret of the program's tests, long enough",
  ODIN_ROOT_USER: "root",
  ODIN_ROOT_PASS: "the root's password",
};
let namespace: TemporaryNamespace;

test.before(async () => {
  namespace = await temporaryNamespace("api-process");
});
test.after(async () => {
  await namespace.remove();
});

async function started(env: Record<string, string> = {}): Promise<{ api: OdinProcess; port: number }> {
  const api = new OdinProcess("api", { ...ENV, ODIN_NAMESPACE: namespace.name, ...env });
  await api.untilSaid('"msg":"ready"');
  return { api, port: Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(api.output)?.[1]) };
}

async function exitOf(api: OdinProcess): Promise<number | null> {
  await until(() => !api.running, 60_000, { describe: "it ends by itself" });
  return await api.end("SIGKILL");
}

test("O-27: the start says what anybody can read; SIGTERM ends it with 0", async () => {
  const { api, port } = await started();
  assert.match(api.output, /everything can be read without a credential/);
  assert.is((await send(port, "GET", "/v1/ping")).text, '"pong"');
  assert.is((await sendJson(port, "POST", "/v1/auth", { username: "root", password: ENV.ODIN_ROOT_PASS })).status, 200);
  assert.is(await api.end("SIGTERM"), 0);
  assert.match(api.output, /"msg":"stopping"/);
  for (const secret of [ENV.ODIN_SECRET, ENV.ODIN_ROOT_PASS]) assert.not.ok(api.output.includes(secret));
});

test("O-7: times are UTC whatever the zone of the server", async () => {
  const { api, port } = await started({ TZ: "Asia/Tokyo" });
  const { message } = (await sendJson(port, "POST", "/v1/auth", { username: "root", password: ENV.ODIN_ROOT_PASS }))
    .json;
  await kubectlApply(namespace.name, {
    apiVersion: "odin.io/v1",
    kind: "Job",
    metadata: { name: "tokyo" },
    spec: { tasks: [{ name: "a", image: "i", command: ["c"] }] },
  });
  const before = Math.floor(Date.now() / 1000) * 1000;
  const launched = await sendJson(
    port,
    "POST",
    "/v1/pipelines",
    { pipeline: { job: "tokyo" } },
    { authorization: `Bearer ${message}` },
  );
  const { id } = launched.json.pipeline as { id: string };
  const { submitTime } = (await send(port, "GET", `/v1/pipelines/${id}`)).json.pipeline as { submitTime: string };
  const submitted = Date.parse(`${submitTime}Z`);
  assert.ok(submitted >= before && submitted <= Date.now() + 1000, submitTime);
  await api.end("SIGTERM");
});

test("O-28, O-270: a wrong setting ends it with 2 and one line that names it", async () => {
  for (const [env, name] of [
    [{ ODIN_SECRET: "" }, "ODIN_SECRET"],
    [{ ODIN_SECRET: "short" }, "ODIN_SECRET"],
    [{ ODIN_LISTEN: "nowhere" }, "ODIN_LISTEN"],
    [{ ODIN_TLS_CERT: "/no/such/file", ODIN_TLS_KEY: "/no/such/file" }, "ODIN_TLS_CERT"],
    [{ ODIN_REPOSITORY: "/proc/no/such/directory" }, "ODIN_REPOSITORY"],
    [{ ODIN_GIT_REMOTE: "https://user:secret@localhost/jobs.git" }, "ODIN_GIT_REMOTE"],
  ] as const) {
    const api = new OdinProcess("api", { ...ENV, ODIN_NAMESPACE: namespace.name, ...env });
    assert.is(await exitOf(api), 2, name);
    assert.match(api.output, name);
    assert.is(api.output.trim().split("\n").length, 1, api.output);
  }
});

test("an address that is taken ends it with 1 and says so", async () => {
  const { api, port } = await started();
  const second = new OdinProcess("api", { ...ENV, ODIN_NAMESPACE: namespace.name, ODIN_LISTEN: `127.0.0.1:${port}` });
  assert.is(await exitOf(second), 1);
  assert.match(second.output, /EADDRINUSE/);
  await api.end("SIGTERM");
});

test("O-65: kill -9 right after the reply of a launch loses nothing", async () => {
  const { api, port } = await started();
  const { message } = (await sendJson(port, "POST", "/v1/auth", { username: "root", password: ENV.ODIN_ROOT_PASS }))
    .json;
  const answer = await sendJson(
    port,
    "POST",
    "/v1/pipelines",
    { pipeline: { job: "tokyo" } },
    { authorization: `Bearer ${message}` },
  );
  await api.end("SIGKILL");
  const { id } = answer.json.pipeline as { id: string };
  const next = await started();
  assert.is((await send(next.port, "GET", `/v1/pipelines/${id}`)).status, 200);
  await next.api.end("SIGTERM");
});

test("O-1: TLS is served when certificate and key are given", async () => {
  const directory = await temporaryDirectory();
  const [cert, key] = [`${directory.path}/cert.pem`, `${directory.path}/key.pem`];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "1",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-keyout",
      key,
      "-out",
      cert,
    ],
    { stdio: "ignore" },
  );
  const api = new OdinProcess("api", {
    ...ENV,
    ODIN_NAMESPACE: namespace.name,
    ODIN_TLS_CERT: cert,
    ODIN_TLS_KEY: key,
  });
  await api.untilSaid('"msg":"ready"');
  const url = `${/"url":"(https:[^"]+)"/.exec(api.output)?.[1]}/v1/ping`;
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    get(url, { ca: readFileSync(cert), agent: false }, (response) => {
      response.resume();
      resolve(response.headers);
    }).on("error", reject);
  });
  assert.match(String(headers["strict-transport-security"]), "max-age");
  await api.end("SIGTERM");
  await directory.remove();
});

test.run();
