import { createPrivateKey } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { KubeConfig } from "@kubernetes/client-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { createAuthority, createCertificate, type KeyPair } from "../../../local/x509.ts";
import { until } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { recordingLogger, rejection, testClient } from "./test-client.ts";

let directory: TemporaryDirectory;
const file = (name: string) => join(directory.path, name);

const tokens = suite("token files (F-13)");

let namespace: TemporaryNamespace;
let proxy: FaultProxy;
let admin: KubeClient;

tokens.before(async () => {
  directory = await temporaryDirectory();
  namespace = await temporaryNamespace("token");
  proxy = await FaultProxy.start();
  admin = testClient();
});

tokens.after(async () => {
  admin.close();
  await proxy.stop();
  await namespace.remove();
});

interface Token {
  status: { token: string };
}

tokens("a token that no longer counts is read again from its file, and the request goes through", async () => {
  const accounts = `/api/v1/namespaces/${namespace.name}/serviceaccounts`;
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 600 } };
  const issue = async (account: string) => {
    await admin.create(accounts, { metadata: { name: account } });
    return (await admin.create<Token>(`${accounts}/${account}/token`, request)).status.token;
  };
  const first = await issue("first");
  const second = await issue("second");
  await writeFile(file("token"), `${first}\n`);
  const rotating = testClient({
    kubeConfig: proxy.kubeConfig({ authProvider: { name: "tokenFile", config: { tokenFile: file("token") } } }),
  });
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const whoAmI = async () => {
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const answer = await rotating.create<{ status: { userInfo: { username: string } } }>(path, review);
    return answer.status.userInfo.username.split(":").at(-1);
  };
  assert.is(await whoAmI(), "first");
  // A token dies with its account, as it does with its time.
  await admin.delete(`${accounts}/first`);
  await writeFile(file("token"), second);
  // The API server remembers for ten seconds that it has accepted a token.
  const seen = await until(whoAmI, 60_000, { describe: "the other account", accept: (name) => name !== "first" });
  assert.is(seen, "second");
  const posts = proxy.matching(/selfsubjectreviews/).map(({ authorization }) => authorization);
  assert.equal(posts.slice(-2), [`Bearer ${first}`, `Bearer ${second}`], "refused once, then repeated");
  rotating.close();
});

tokens("while the file is missing the old token stays in use, and without any the error names the file", async () => {
  const { logger, text } = recordingLogger();
  const config = (name: string) =>
    proxy.kubeConfig({ authProvider: { name: "tokenFile", config: { tokenFile: file(name) } } });
  await writeFile(file("vanishing"), "not-a-real-token");
  const client = testClient({ kubeConfig: config("vanishing"), logger });
  assert.ok(isKubeError(await rejection(client.get("/api/v1/nodes")), "unauthorized"));
  await rm(file("vanishing"));
  await until(
    async () => {
      assert.ok(isKubeError(await rejection(client.get("/api/v1/nodes")), "unauthorized"));
      return text().includes("the old Kubernetes credentials stay in use");
    },
    60_000,
    { describe: "another reading of the file" },
  );
  assert.not.match(text(), /not-a-real-token/);
  client.close();
  const without = testClient({ kubeConfig: config("never-there") });
  const error = await rejection(without.get("/version"));
  assert.ok(isKubeError(error, "unauthorized") && /never-there/.test(error.message), String(error));
  await writeFile(file("empty"), "\n");
  const empty = testClient({ kubeConfig: config("empty") });
  assert.match(String(await rejection(empty.get("/version"))), /empty is empty/);
  without.close();
  empty.close();
});

tokens(
  "a plugin's token is kept while it serves, and the plugin is asked again when the server refuses it",
  async () => {
    await writeFile(file("plugin-token"), "old");
    const plugin = `
    const fs = require("node:fs");
    const { tokenFile, runs } = JSON.parse(process.argv[1]);
    fs.appendFileSync(runs, "x");
    const status = { token: fs.readFileSync(tokenFile, "utf8"), expirationTimestamp: "2999-01-01T00:00:00Z" };
    console.log(JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status }));
  `;
    const files = JSON.stringify({ tokenFile: file("plugin-token"), runs: file("plugin-runs") });
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: process.execPath,
      args: ["-e", plugin, files],
    };
    const client = testClient({ kubeConfig: proxy.kubeConfig({ exec }) });
    let accepted = "old";
    proxy.requests.length = 0;
    proxy.decide = ({ authorization }) => ({
      kind: "answer",
      status: authorization === `Bearer ${accepted}` ? 200 : 401,
      body: "{}",
    });
    await Promise.all([client.get("/version"), client.get("/version")]);
    assert.is(await readFile(file("plugin-runs"), "utf8"), "x");
    await writeFile(file("plugin-token"), "new");
    accepted = "new";
    await Promise.all(Array.from({ length: 5 }, () => client.create("/api/v1/namespaces", {})));
    assert.is(await readFile(file("plugin-runs"), "utf8"), "xx", "once for all five");
    accepted = "another";
    assert.ok(isKubeError(await rejection(client.get("/version")), "unauthorized"));
    const failing = testClient({ kubeConfig: proxy.kubeConfig({ exec: { command: "/does/not/exist" } }) });
    const error = await rejection(failing.get("/version"));
    assert.ok(isKubeError(error, "unauthorized") && /does\/not\/exist/.test(error.message), String(error));
    proxy.decide = () => ({ kind: "forward" });
    client.close();
    failing.close();
  },
);

tokens("a plugin that takes its time is asked once, also for what is refused long after the first", async () => {
  const [runs, answers] = [file("slow-runs"), file("slow-answers")];
  const plugin = `
    const fs = require("node:fs");
    const [runs, answers] = process.argv.slice(1);
    fs.appendFileSync(runs, "x");
    const token = fs.readFileSync(runs, "utf8");
    const answer = () => {
      if (token !== "x" && !fs.existsSync(answers)) return setTimeout(answer, 20);
      const status = { token, expirationTimestamp: "2999-01-01T00:00:00Z" };
      console.log(JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status }));
    };
    answer();
  `;
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: process.execPath,
    args: ["-e", plugin, runs, answers],
  };
  const client = testClient({ kubeConfig: proxy.kubeConfig({ exec }) });
  let accepted = "Bearer x";
  proxy.requests.length = 0;
  proxy.decide = ({ authorization }) => ({
    kind: "answer",
    status: authorization === accepted ? 200 : 401,
    body: "{}",
  });
  await client.get("/version");
  accepted = "Bearer xx";
  const first = client.get("/version");
  await until(() => readFile(runs, "utf8"), 60_000, { describe: "it is asked", accept: (text) => text === "xx" });
  const askedAt = performance.now();
  await until(() => performance.now() - askedAt > 1_100, 60_000, { describe: "longer than between two questions" });
  const second = client.get("/version");
  await until(() => proxy.requests.length === 3, 60_000, { describe: "the second one is refused" });
  await writeFile(answers, "");
  await Promise.all([first, second]);
  assert.is(await readFile(runs, "utf8"), "xx");
  proxy.decide = () => ({ kind: "forward" });
  client.close();
});

const certificates = suite("certificates");

const servers: (() => Promise<void>)[] = [];

certificates.after(async () => {
  for (const close of servers) await close();
});

interface TlsServer {
  url: string;
  /** Common names of the client certificates, one per request. */
  clients: string[];
  /** Statuses of the next answers; 200 when there is none. */
  statuses: number[];
  connections: () => number;
}

/** A server that asks for client certificates and answers everything with an empty object. */
async function tlsServer(pair: KeyPair, clientAuthority: KeyPair): Promise<TlsServer> {
  const clients: string[] = [];
  const statuses: number[] = [];
  const sockets = new Set<Duplex>();
  let connections = 0;
  const server = https.createServer(
    {
      cert: pair.certificate,
      key: pair.key,
      ca: clientAuthority.certificate,
      requestCert: true,
    },
    (request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      clients.push(String(peer.subject?.CN ?? ""));
      response.writeHead(statuses.shift() ?? 200, { "content-type": "application/json" });
      response.end("{}");
    },
  );
  server.on("connection", (socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  servers.push(close);
  return {
    statuses,
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clients,
    connections: () => connections,
  };
}

const issue = (authority: KeyPair, commonName: string, usages: ("serverAuth" | "clientAuth")[]) =>
  createCertificate(authority, createPrivateKey(authority.key), { commonName, usages, addresses: ["127.0.0.1"] });

async function writePair(name: string, pair: KeyPair): Promise<void> {
  await writeFile(file(`${name}.crt`), pair.certificate);
  await writeFile(file(`${name}.key`), pair.key);
}

function certificateConfig(server: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "c", server, skipTLSVerify: false, caFile: file("ca.crt") },
    { name: "u", certFile: file("client.crt"), keyFile: file("client.key") },
  );
  return config;
}

certificates(
  "a new client certificate is used on new connections, while requests under way finish on the old",
  async () => {
    const authority = createAuthority("test-ca");
    const server = await tlsServer(issue(authority, "server", ["serverAuth"]), authority);
    await writeFile(file("ca.crt"), authority.certificate);
    await writePair("client", issue(authority, "old", ["clientAuth"]));
    const { logger, text } = recordingLogger();
    const client = new KubeClient({ kubeConfig: certificateConfig(server.url), userAgent: "t", logger });
    await client.get("/a");
    await client.get("/a");
    assert.is(server.connections(), 1, "one kept connection");
    await writePair("client", issue(authority, "new", ["clientAuth"]));
    // What a 401 does; the minute between two readings is too long for a test.
    server.statuses.push(401);
    await Promise.all([client.get("/b"), client.get("/c")]);
    await client.get("/d");
    assert.is(server.clients.at(-1), "new");
    assert.match(text(), /TLS material/);
    client.close();
  },
);

certificates("a server whose authority was replaced is trusted once the file says so", async () => {
  const old = createAuthority("old-ca");
  const replaced = createAuthority("new-ca");
  await writeFile(file("ca.crt"), old.certificate);
  await writePair("client", issue(old, "client", ["clientAuth"]));
  const server = await tlsServer(issue(replaced, "server", ["serverAuth"]), old);
  const client = new KubeClient({ kubeConfig: certificateConfig(server.url), userAgent: "t" });
  const error = await rejection(client.get("/a"));
  assert.ok(isKubeError(error, "other") && /certificate authority/.test(error.message), String(error));
  assert.is(server.clients.length, 0, "nothing was sent to a server that is not trusted");
  await writeFile(file("ca.crt"), replaced.certificate);
  await until(() => client.get("/a").then(() => true), 60_000, { describe: "the new authority is read" });
  client.close();
});

const addresses = suite("addresses and proxies");

/** A kubeconfig for this server without a user. */
function plainConfig(cluster: Record<string, unknown>): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "c", server: "http://127.0.0.1", skipTLSVerify: false, ...cluster },
    { name: "u" },
  );
  return config;
}

addresses("a base path in the server's address is kept, over IPv6 and plain http", async () => {
  const urls: string[] = [];
  const server = http.createServer((request, response) => {
    urls.push(request.url ?? "");
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "::1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = testClient({ kubeConfig: plainConfig({ server: `http://[::1]:${port}/k8s/clusters/c-1/` }) });
  await client.get("/api/v1/nodes", { query: { limit: 1 } });
  assert.equal(urls, ["/k8s/clusters/c-1/api/v1/nodes?limit=1"]);
  client.close();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

addresses("a proxy-url carries calls and watches through a tunnel, with the proxy's own credentials", async () => {
  const tunnels: { target: string; authorization: string | undefined }[] = [];
  const sockets = new Set<Duplex>();
  const tunnel = http.createServer();
  tunnel.on("connect", (request, socket) => {
    tunnels.push({ target: request.url ?? "", authorization: request.headers["proxy-authorization"] });
    const [host = "", port = ""] = (request.url ?? "").split(":");
    const upstream = connect(Number(port), host, () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    for (const end of [socket, upstream]) {
      sockets.add(end);
      end.on("error", () => undefined);
    }
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => tunnel.listen(0, "127.0.0.1", resolve));
  const { port } = tunnel.address() as AddressInfo;
  const config = new KubeConfig();
  config.loadFromDefault();
  const cluster = config.getCurrentCluster();
  assert.ok(cluster);
  Object.assign(cluster, { proxyUrl: `http://user:pass%20word@127.0.0.1:${port}` });
  const client = testClient({ kubeConfig: config });
  await Promise.all([client.get("/version"), client.get("/version")]);
  await client.get("/version");
  const stream = await client.stream("/api/v1/namespaces", { query: { watch: true, timeoutSeconds: 1 } });
  for await (const _ of stream);
  assert.is(tunnels.length, 3, "two kept connections and one of the watch");
  assert.is(tunnels[0]?.target, new URL(cluster.server).host);
  assert.is(tunnels[0]?.authorization, `Basic ${Buffer.from("user:pass word").toString("base64")}`);
  client.close();
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => tunnel.close(() => resolve()));
  const lost = testClient({ kubeConfig: config });
  const error = await rejection(lost.get("/version"));
  assert.ok(isKubeError(error, "transient") && /the proxy 127\.0\.0\.1/.test(error.message), String(error));
  assert.not.match(String(error), /pass/);
  lost.close();
});

addresses("what this client does not do is refused in words", () => {
  const refuses = (cluster: Record<string, unknown>, pattern: RegExp) =>
    assert.throws(() => testClient({ kubeConfig: plainConfig(cluster) }), pattern);
  refuses({ server: "https://a", skipTLSVerify: true }, /insecure-skip-tls-verify.*certificate-authority-data/);
  refuses({ server: "https://a", proxyUrl: "socks5://b" }, /socks5.*only http/);
  refuses({ server: "https://me:secret@a" }, /user name or password/);
  refuses({ server: "ftp://a" }, /https:\/\/ or http/);
  refuses({ server: "no url" }, /not a URL/);
  const empty = new KubeConfig();
  assert.throws(() => testClient({ kubeConfig: empty }), /choose another context/);
  try {
    testClient({ kubeConfig: plainConfig({ server: "https://me:secret@a" }) });
  } catch (error) {
    assert.not.match(String(error), /secret/);
  }
});

addresses.after(() => directory.remove());

tokens.run();
certificates.run();
addresses.run();
