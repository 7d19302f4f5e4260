import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { createSecureContext, type SecureContext } from "node:tls";
import type { KubeConfig, User } from "@kubernetes/client-node";
import { KubeError } from "./errors.ts";

/** Where the API server is, from the current context of a kubeconfig. */
export interface ServerAddress {
  protocol: "http:" | "https:";
  /** Without the brackets of an IPv6 address. */
  host: string;
  port: number;
  /** Path in front of `/api`, without a trailing slash; mostly empty. */
  basePath: string;
  proxy: URL | undefined;
}

/** What one request needs to be accepted. */
export interface Credentials {
  headers: Readonly<Record<string, string>>;
  /** Certificates, made once for all connections; undefined for plain http. */
  secureContext: SecureContext | undefined;
  /** Name to expect in the server's certificate instead of the host. */
  serverName: string | undefined;
  /** Equal for equal TLS material: a change means that the pool must be rebuilt. */
  tlsKey: string;
}

/** Reads the server's address; refuses in words what this client will not do. */
export function serverAddress(kubeConfig: KubeConfig): ServerAddress {
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) {
    throw configurationError(
      `the kubeconfig has no cluster for its current context "${kubeConfig.getCurrentContext() ?? ""}"; choose another context`,
    );
  }
  const server = parseUrl(cluster.server, `server of cluster "${cluster.name}"`);
  if (server.protocol !== "https:" && server.protocol !== "http:") {
    throw configurationError(
      `the server of cluster "${cluster.name}" uses ${server.protocol}// ; give an https:// or http:// address`,
    );
  }
  if (cluster.skipTLSVerify && server.protocol === "https:") {
    throw configurationError(
      `cluster "${cluster.name}" sets insecure-skip-tls-verify, which this client refuses; give the server's certificate authority as certificate-authority-data`,
    );
  }
  return {
    protocol: server.protocol,
    host: server.hostname.replace(/^\[|\]$/g, ""),
    port: Number(server.port || (server.protocol === "https:" ? 443 : 80)),
    basePath: server.pathname.replace(/\/+$/, ""),
    proxy: cluster.proxyUrl ? proxyAddress(cluster.proxyUrl, cluster.name) : undefined,
  };
}

function proxyAddress(text: string, clusterName: string): URL {
  const proxy = parseUrl(text, `proxy-url of cluster "${clusterName}"`, true);
  if (proxy.protocol !== "http:" && proxy.protocol !== "https:") {
    throw configurationError(
      `the proxy-url of cluster "${clusterName}" uses ${proxy.protocol}// ; only http:// and https:// proxies are supported`,
    );
  }
  return proxy;
}

function parseUrl(text: string, what: string, mayHaveUser = false): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw configurationError(`the ${what} is not a URL; give one such as https://host:6443`);
  }
  if (!mayHaveUser && (url.username || url.password)) {
    throw configurationError(`the ${what} holds a user name or password; put credentials under "users" instead`);
  }
  return url;
}

/**
 * Reads the credentials of a kubeconfig afresh: files, token files, exec and OIDC plugins. `force` drops what plugins
 * have cached, as after a 401. client-node's own cache of a token file would outlive a rotation, so such files are read
 * here.
 */
export async function readCredentials(kubeConfig: KubeConfig, force: boolean): Promise<Credentials> {
  if (force) dropPluginCaches(kubeConfig);
  const options: RequestOptions = {};
  try {
    await withoutAgent(kubeConfig).applyToHTTPSOptions(options);
  } catch (cause) {
    throw unavailable(cause);
  }
  const headers = plainHeaders(options.headers);
  if (typeof options.auth === "string") {
    headers.authorization = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  }
  const tokenFile = tokenFileOf(kubeConfig.getCurrentUser());
  if (tokenFile !== undefined) headers.authorization = `Bearer ${await readToken(tokenFile)}`;
  return { headers, ...tlsMaterial(options, kubeConfig.getCurrentCluster()?.server.startsWith("http:") === true) };
}

/**
 * A view of the kubeconfig that makes no agent: the agent of every call would be thrown away, and for a plain http
 * server or a proxy making it throws.
 */
function withoutAgent(kubeConfig: KubeConfig): KubeConfig {
  const view: KubeConfig = Object.create(kubeConfig, { createAgent: { value: () => undefined } });
  return view;
}

/** client-node's exec plugin keeps a credential until its stated expiry, also after the server has refused it. */
function dropPluginCaches(kubeConfig: KubeConfig): void {
  const { authenticators } = kubeConfig as unknown as { authenticators?: { tokenCache?: object }[] };
  for (const authenticator of authenticators ?? []) {
    if (authenticator.tokenCache) authenticator.tokenCache = {};
  }
}

function tokenFileOf(user: User | null): string | undefined {
  const file: unknown = user?.authProvider?.config?.tokenFile;
  return typeof file === "string" && file !== "" ? file : undefined;
}

async function readToken(file: string): Promise<string> {
  let token: string;
  try {
    token = (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw unavailable(cause);
  }
  if (token === "") throw unavailable(new Error(`the token file ${file} is empty`));
  return token;
}

function plainHeaders(headers: RequestOptions["headers"]): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value === undefined) continue;
    plain[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : String(value).trim();
  }
  return plain;
}

function tlsMaterial(options: RequestOptions, plainHttp: boolean): Omit<Credentials, "headers"> {
  const { ca, cert, key, pfx, passphrase, servername } = options;
  const serverName = servername === undefined || servername === "" ? undefined : servername;
  const tlsKey = JSON.stringify([String(ca ?? ""), String(cert ?? ""), String(key ?? ""), serverName ?? ""]);
  if (plainHttp) return { secureContext: undefined, serverName, tlsKey };
  try {
    return { secureContext: createSecureContext({ ca, cert, key, pfx, passphrase }), serverName, tlsKey };
  } catch (cause) {
    throw unavailable(cause);
  }
}

/** Plugins put whole outputs into their errors: only the first line is kept, and no token in it. */
function unavailable(cause: unknown): KubeError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const line = (text.trim().split("\n", 1)[0] ?? "").replace(/\b(?:eyJ|Bearer\s)\S+/g, "…").slice(0, 200);
  return new KubeError({
    code: 0,
    reason: "CredentialsUnavailable",
    category: "unauthorized",
    message: `the credentials of the kubeconfig cannot be read: ${line}; check its user's files and plugins`,
  });
}

function configurationError(message: string): KubeError {
  return new KubeError({ code: 0, reason: "InvalidConfiguration", category: "other", message });
}
